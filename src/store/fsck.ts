import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { type Digest, isDigest } from "../graph/digest.ts";
import type { JsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import { isManifest, isTrace, openSealed } from "./actions.ts";
import { type LineFault, scanCheckedFile } from "./checked-lines.ts";
import { attempted } from "./durable.ts";
import { digestOfFile } from "./hash-file.ts";
import { shown } from "./layout.ts";
import { paidBlobs } from "./paid.ts";
import { responseFiles, scanResponses } from "./responses.ts";
import type { Store } from "./store.ts";
import { fanOut } from "./walk.ts";
import { decodeWorkspace } from "./workspace-file.ts";

export type FindingKind =
  | "blob-damaged" // its content does not match its name; moved to quarantine
  | "blob-lost" // something names it, and it is not there
  | "stray" // a file in the store that no digest names; left alone
  | "action-damaged" // an action or expansion that will be taken for never made
  | "journal-damaged" // a journal line that is skipped, or a torn end that is dropped
  | "response-damaged" // the same for a response index; it can be made anew from its blobs
  | "response-missing" // the journal and the stored files know of answers that a response index does not
  | "workspace-damaged"; // every file will be read once

export interface Finding {
  readonly kind: FindingKind;
  /** What and where, for a person. */
  readonly what: string;
  /** True when money was spent on what is damaged or gone. */
  readonly paid: boolean;
}

/**
 * Checks everything in the cache: the content of every blob, every checksum, and that what is named is there. Moves
 * damaged blobs to quarantine and changes nothing else. Findings come in a fixed order: blobs, actions, journal,
 * responses, workspace. Problems: `permission`, `io` when something cannot be read at all.
 */
export function checkStore(
  store: Store,
  options: { readonly protectedDigests?: Iterable<Digest> } = {},
): Result<readonly Finding[], Problem> {
  return attempted(shown(store.paths, store.paths.cacheDir), () => {
    const paid = new Set<Digest>([...paidBlobs(store), ...(options.protectedDigests ?? [])]);
    const damaged = new Set<Digest>();
    return [
      ...blobFindings(store, paid, damaged),
      ...actionFindings(store, damaged, paid),
      ...expansionFindings(store),
      ...journalFindings(store),
      ...responseFindings(store, damaged),
      ...workspaceFindings(store),
    ];
  });
}

function* blobFindings(store: Store, paid: ReadonlySet<Digest>, damaged: Set<Digest>): Generator<Finding> {
  for (const file of fanOut(store.paths.cas)) {
    const where = shown(store.paths, file.path);
    if (!isDigest(file.name) || store.blobs.pathOf(file.name) !== file.path) {
      yield { kind: "stray", what: `${where}: not a blob's name or place`, paid: false };
      continue;
    }
    const { digest } = digestOfFile(file.path);
    if (digest === file.name) continue;
    damaged.add(file.name);
    const kept = store.blobs.quarantine(file.name);
    const moved = kept === undefined ? "" : `; moved to ${shown(store.paths, kept)}`;
    yield { kind: "blob-damaged", what: `${where}: its content is ${digest}${moved}`, paid: paid.has(file.name) };
  }
}

/** The files of an action or expansion folder that are whole, with the key they are named by; those that are not are found. */
function* sealed(store: Store, folder: string): Generator<Finding | { where: string; key: string; body: JsonObject }> {
  for (const { name, path } of fanOut(folder)) {
    const where = shown(store.paths, path);
    const opened = openSealed(readFileSync(path, "utf8"));
    if (opened.state === "whole") yield { where, key: basename(name, ".json"), body: opened.body };
    else yield { kind: "action-damaged", what: `${where}: ${opened.why}`, paid: false };
  }
}

function* actionFindings(store: Store, damaged: ReadonlySet<Digest>, paid: ReadonlySet<Digest>): Generator<Finding> {
  for (const found of sealed(store, store.paths.actions)) {
    if ("kind" in found) {
      yield found;
      continue;
    }
    const { where, key, body } = found;
    const trace: unknown = body["trace"];
    if (!isTrace(trace) || !isManifest(body["manifest"]) || trace.key !== key) {
      yield { kind: "action-damaged", what: `${where}: it describes another action, or none`, paid: false };
      continue;
    }
    for (const { digest } of trace.outputs) {
      // A damaged blob has been reported; that it is no longer there follows.
      if (damaged.has(digest) || store.blobs.has(digest)) continue;
      yield { kind: "blob-lost", what: `${where}: its output ${digest} is not stored`, paid: paid.has(digest) };
    }
  }
}

function* expansionFindings(store: Store): Generator<Finding> {
  for (const found of sealed(store, store.paths.expansions)) {
    if ("kind" in found) yield found;
    else if (found.body["key"] !== found.key) {
      yield { kind: "action-damaged", what: `${found.where}: it describes another expansion`, paid: false };
    }
  }
}

function* journalFindings(store: Store): Generator<Finding> {
  const faults = scanCheckedFile(store.paths.journal, () => undefined);
  yield* lineFindings(faults, shown(store.paths, store.paths.journal), "journal-damaged");
}

function* responseFindings(store: Store, damaged: ReadonlySet<Digest>): Generator<Finding> {
  for (const path of responseFiles(store.paths)) {
    const where = shown(store.paths, path);
    const lost = new Map<Digest, number>();
    const sizes = new Map<Digest, number>();
    const unknown: number[] = [];
    const faults = scanResponses(store.paths, path, {
      entry(entry) {
        const size = sizes.get(entry.blob) ?? store.blobs.sizeOf(entry.blob) ?? -1;
        sizes.set(entry.blob, size);
        const reaches = entry.offset + entry.length <= size;
        if (!reaches && !damaged.has(entry.blob)) lost.set(entry.blob, (lost.get(entry.blob) ?? 0) + 1);
      },
      unknown: (line) => unknown.push(line),
    });
    yield* lineFindings(faults, where, "response-damaged");
    for (const line of unknown) {
      yield { kind: "response-damaged", what: `${where}:${line}: of another version`, paid: false };
    }
    for (const [digest, count] of lost) {
      const what = `${where}: ${count} of its responses point to what ${digest} does not hold, or to no stored blob`;
      yield { kind: "blob-lost", what, paid: true };
    }
  }
}

/** What is lost with a journal or index line is knowledge, not an answer: those are in the blobs. */
function* lineFindings(faults: readonly LineFault[], where: string, kind: FindingKind): Generator<Finding> {
  for (const fault of faults) {
    const what = fault.kind === "torn" ? "the last line is torn" : "the line fails its checksum";
    yield { kind, what: `${where}:${fault.line}: ${what} (${fault.bytes} bytes)`, paid: false };
  }
}

function* workspaceFindings({ paths }: Store): Generator<Finding> {
  if (!existsSync(paths.workspace)) return;
  const found = decodeWorkspace(readFileSync(paths.workspace));
  if (typeof found !== "string") return;
  yield { kind: "workspace-damaged", what: `${shown(paths, paths.workspace)}: ${found}`, paid: false };
}
