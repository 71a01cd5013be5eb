import type { ActionKey, Digest, Fingerprint } from "../graph/digest.ts";
import type { JsonObject } from "../graph/json.ts";
import type { RecipeRef, TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import type { WaitingElsewhere } from "../graph/state.ts";
import type { Input, Resources } from "../graph/target.ts";
import type { Action } from "./action.ts";
import type { OutputBlob } from "./ports.ts";

/*
 * Who makes what an action says. The engine decides, journals and stores traces; an executor only turns inputs into outputs,
 * in this process or on another machine that shares the cache's file system, and leaves the outputs in the store.
 */

/**
 * An action as plain JSON: all that another process needs to make it, and to refuse where it would make something else. It
 * never holds a variable of the environment.
 */
export interface ActionDescriptor {
  readonly v: 1;
  readonly key: ActionKey;
  /** For messages, and `outputs.length` files are to be made, in this order. */
  readonly target: TargetName;
  readonly outputs: readonly TargetName[];
  /** From dsgen's own package, or from the project's root; and what it must be there, too. */
  readonly recipe: { readonly ref: RecipeRef; readonly identity: Fingerprint };
  readonly inputs: Readonly<Record<string, DescribedInput>>;
  readonly resources: Resources;
}

/** An input as a descriptor has it: a value as it is, a file by its digest, code and tools by name and what they must be. */
export type DescribedInput =
  | Extract<Input, { readonly kind: "value" }>
  | { readonly kind: "files"; readonly input: FileInput; readonly files: readonly DescribedFile[] }
  | { readonly kind: "module"; readonly ref: RecipeRef; readonly identity: Fingerprint }
  /** `declared` is what `Tools.declared` said of it. */
  | {
      readonly kind: "tool";
      readonly tool: Extract<Input, { readonly kind: "tool" }>["tool"];
      readonly hash: string;
      readonly declared: JsonObject;
    };

/** How a recipe may ask for the files: one, or a list. */
export type FileInput = "file" | "glob" | "target" | "targets";

/** One input file; its bytes are a blob of the store, on disk before the descriptor is handed to anybody. */
export interface DescribedFile {
  readonly name: string;
  readonly digest: Digest;
}

/** One action to be made. */
export interface Work {
  readonly action: Action;
  /** What the action's gate let through. Actions with a gate are made in this process only. */
  readonly answers: unknown;
  /**
   * The action as plain data, its input files put into the store first. Worked out when it is asked for: what is made in this
   * process needs none. Problems: a file that has changed since the action was keyed, a full disk.
   */
  describe(): Promise<Result<ActionDescriptor, Problem>>;
}

/** What has become of one. */
export type Execution =
  /** Every output is a whole blob of the store. Whoever says so has seen each there, at its size. */
  | {
      readonly state: "made";
      readonly outputs: readonly OutputBlob[];
      readonly notes: JsonObject;
      readonly durationMs: number;
    }
  /** The recipe failed, or all that could be tried was: nothing is under way for it any more. */
  | { readonly state: "failed"; readonly problem: Problem }
  /** It is under way, or waits for its turn, and goes on when this process has ended. */
  | { readonly state: "waiting"; readonly on: WaitingElsewhere };

export interface RunOptions {
  /**
   * Whether this walk may soon have more to hand over: small works may be held back (`waiting`, and say so) to be grouped
   * with what comes. When it is false, whatever was held back must be set going.
   */
  readonly more: boolean;
  readonly signal: AbortSignal;
  /** Called for each work whose recipe has ended in this process: what is left is to store what it made. */
  readonly made?: () => void;
}

/** Runs actions. The same suite of tests is run against each (test/executors/suite.ts). */
export interface Executor {
  /** For people: `local`, … */
  readonly name: string;
  /**
   * Begins what is not begun yet, goes on with what is, and looks how all of it stands: answers for every work, by its key.
   * Safe to repeat, and after a crash at any instruction: what was begun under a key (also by an earlier invocation) is gone
   * on with and not begun a second time. Resolves when there is nothing more to do about these works but to wait; it is
   * called again with those that wait, after `nextLookMs`, and with new ones whenever there are some. Only one call is under
   * way at a time for an executor whose works may wait. A work that is no longer handed over is no longer wanted; what is
   * under way for it may go on.
   * When the signal aborts it answers soon, with what it knows; what is under way elsewhere goes on.
   * What fails because of the works or the surroundings is an `Execution`; only a bug throws.
   */
  run(works: readonly Work[], options: RunOptions): Promise<ReadonlyMap<ActionKey, Execution>>;
  /** How long to wait before the next look is worth its call. */
  nextLookMs(): number;
}
