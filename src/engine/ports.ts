import type { ActionKey, Digest, Fingerprint } from "../graph/digest.ts";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import type { ToolRef } from "../graph/target.ts";

/*
 * What the engine needs from outside. Look-ups are synchronous (a null build is thousands of them, and promises cost
 * three to five times a stat); whatever writes or waits is a promise.
 */

/** What an action was made from, in the order of its declared inputs. `explain` compares two of these. */
export interface ActionManifest {
  readonly v: 1;
  readonly recipe: {
    readonly ref: string;
    readonly identity: Fingerprint;
    readonly modules: Readonly<Record<string, string>>;
  };
  readonly outputs: number;
  readonly inputs: Readonly<Record<string, readonly ManifestEntry[]>>;
}

/** One thing that was hashed. `label` is for people (a path, `tasks/refusal.model`); only `hash` is in the action key. */
export interface ManifestEntry {
  readonly kind: "file" | "value" | "env" | "tool" | "module" | "target" | "gate";
  readonly label: string;
  readonly hash: string;
  /** A short value, shown as it is when it changes. */
  readonly shown?: JsonValue;
}

export interface OutputBlob {
  readonly digest: Digest;
  readonly size: number;
}

/** What an action produced. */
export interface Trace {
  readonly v: 1;
  readonly key: ActionKey;
  readonly outputs: readonly OutputBlob[];
  readonly durationMs: number;
  /** Whatever the recipe noted: counts, provenance. Byte-stable: no times. */
  readonly notes: JsonObject;
  /** Who made it, where it was taken in from others: nobody vouches for what they have not made. */
  readonly by?: string;
}

/** What lies at a target's path, as this project last put it there. */
export interface Placement {
  readonly key: ActionKey;
  readonly outputs: readonly Digest[];
}

/** "What is in this file?", answered from size, mtime (ns), inode and ctime while these have not changed. */
export interface ContentIndex {
  /** Undefined when there is no such file. Throws a ProblemError when it may not be read. */
  fingerprint(path: string): Fingerprint | undefined;
  digest(path: string): Digest | undefined;
  /** We have just written this file and know its digest: the next look-up need not read it. */
  learn(path: string, digest: Digest): void;
  /** Something is to be done: no snapshot is left of this build, and nothing that is looked at need be noted for one. */
  unnoted?(): void;
}

export interface AdoptOptions {
  readonly durable: boolean;
  readonly written?: OutputBlob;
}

export interface BlobStore {
  /** With a size, only for a blob that has it: one that a power loss cut short is as good as none. */
  has(digest: Digest, size?: number): boolean;
  /**
   * Takes over a staged file: hashed, made read-only, renamed into place; fsynced, unless `durable` is false: what can be
   * made again is checked when it is restored instead.
   * @param options.written what it was hashed as while it was written, by whoever wrote it: then it is not read again
   */
  adopt(stagedFile: string, options?: AdoptOptions): Promise<OutputBlob>;
  /** Durable when the promise resolves. */
  put(data: Uint8Array | string): Promise<OutputBlob>;
  /**
   * Writes the blob to `destination` (temporary file beside it, then rename), checking its content on the way.
   * A damaged blob is moved to quarantine and reported as a `corrupt` problem; an absent one as `missing-input`.
   * Not checked again where `check` is false, for what this process has just stored.
   */
  restore(
    digest: Digest,
    destination: string,
    options?: { readonly check: boolean },
  ): Promise<Result<OutputBlob, Problem>>;
  /** The whole content, checked. */
  read(digest: Digest): Promise<Result<Uint8Array, Problem>>;
  /**
   * A slice by byte offset; unchecked, for indexed access to large blobs whose whole was checked when stored. It is good until
   * the next call.
   */
  readSlice(digest: Digest, offset: number, length: number): Buffer;
  /** Where the blob lies, for streaming. */
  pathOf(digest: Digest): string;
}

export interface ActionCache {
  trace(key: ActionKey): Trace | undefined;
  manifest(key: ActionKey): ActionManifest | undefined;
  /** The blobs a trace names must already be stored. A power loss may cost it: then it is made again. */
  put(manifest: ActionManifest, trace: Trace): Promise<void>;
  /** What an expansion module answered for one set of built targets. */
  expansion(key: Fingerprint): JsonObject | undefined;
  putExpansion(key: Fingerprint, value: JsonObject): Promise<void>;
}

/** Results that others made of the same inputs, to be had instead of making them. Where one is not to be had, it is made. */
export interface SharedResults {
  /** Whether it was asked for this action before. */
  asked(key: ActionKey): boolean;
  /** Asks for actions; resolves when it is known what of them is to be had. */
  ask(keys: readonly ActionKey[]): Promise<void>;
  /** A result that is to be had, of those that were asked for. */
  trace(key: ActionKey): Trace | undefined;
  /** The content of an output, checked. Where it is not to be had (`missing-input`), the trace is not any more. */
  read(trace: Trace, output: OutputBlob): Promise<Result<Uint8Array, Problem>>;
}

export interface Workspace {
  placement(target: TargetName): Placement | undefined;
  /** Every target that has a placement, those included that no graph has any more. */
  targets(): readonly TargetName[];
  place(target: TargetName, placement: Placement): void;
  forget(target: TargetName): void;
  /** Writes what changed (content index and placements). Losing it costs time, never correctness. */
  flush(): Promise<void>;
}

/** Values that were worked out of what files hold, by a key that has all that they hang on: they can be lost, never stale. */
export interface Kept {
  /** What was kept under the parts of a key, or undefined. */
  get(key: readonly string[]): unknown;
  /** Keeps a value of plain data. */
  put(key: readonly string[], value: unknown): void;
}

export interface Journal {
  /** Every intact record, in order. */
  records(): readonly JsonObject[];
  /** How many lines were found damaged and skipped: what they held is not known. */
  damaged(): number;
  /** On disk (fsync) when it returns. Synchronous on purpose: nothing that depends on a record may overtake it. */
  append(record: JsonObject): void;
  /** Puts these records in the place of all others, at once: whoever reads finds the ones or the others. For holders of the lock. */
  rewrite(records: readonly JsonObject[]): void;
}

export interface Tools {
  /** Everything about the tool that decides a recipe's output, and a short word for people (`Qwen/Qwen1.5-14B-Chat@main`). */
  fingerprint(tool: ToolRef): Result<{ readonly hash: string; readonly shown: string }, Problem>;
  /** What a recipe gets; its type is the recipe's business. */
  open(tool: ToolRef): Promise<unknown>;
  /**
   * As plain data, what another process needs to open the same tool by its name; undefined for a tool that can be opened here
   * only, as are all where this is left out.
   */
  declared?(tool: ToolRef): JsonObject | undefined;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds from an arbitrary start, never set back or forward: what waits are measured with. */
  monotonic(): number;
  /** Resolves early, without throwing, when the signal aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}
