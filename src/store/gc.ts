import { lstatSync, readlinkSync, rmSync, unlinkSync } from "node:fs";
import { basename, join, relative } from "node:path";
import type { Trace } from "../engine/ports.ts";
import { type ActionKey, type Digest, type Fingerprint, isDigest, isFingerprint } from "../graph/digest.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import { attempted } from "./durable.ts";
import { pass } from "./fault-names.ts";
import type { StorePaths } from "./layout.ts";
import { paidBlobs } from "./paid.ts";
import { responseFiles, scanResponses } from "./responses.ts";
import { isRestoreLeftover } from "./restore.ts";
import type { Store } from "./store.ts";
import { fanOut, flat, list, type StoredFile } from "./walk.ts";

export interface GcRequest {
  /** Blobs to keep whatever names them. */
  readonly roots: Iterable<Digest>;
  /** Actions to keep, with every blob their traces name. */
  readonly keepActions: Iterable<ActionKey>;
  /** Expansions to keep; all of them when left out. */
  readonly keepExpansions?: Iterable<Fingerprint>;
  /** Paid answers, besides those that the response indexes and the journal name. */
  readonly protectedDigests: Iterable<Digest>;
  /** Delete paid answers and blobs of unknown origin too, unless a root or a kept action needs them. Only when a person said so in so many words. */
  readonly includePaid: boolean;
  /** Folders in which restores may have been interrupted: those of the targets. */
  readonly sweepFolders?: Iterable<string>;
  readonly dryRun: boolean;
}

export interface Amount {
  readonly count: number;
  readonly bytes: number;
}

/** What was deleted (or would be), and what was only kept because it was paid for. */
export type GcReport = Readonly<Record<keyof ReturnType<typeof nothingYet>, Amount>> & {
  /** How many answers are in the paid blobs. */
  readonly paidAnswers: number;
};

function nothingYet() {
  return {
    blobs: new Tally(),
    paidBlobs: new Tally(),
    actions: new Tally(),
    expansions: new Tally(),
    leftovers: new Tally(),
    keptPaid: new Tally(),
    /** Not needed, but nothing says where it came from. */
    keptUnknown: new Tally(),
    quarantined: new Tally(),
  };
}

/**
 * Deletes what nothing needs. The caller holds the lock. Without `includePaid` a blob goes only if an action made it, so
 * that it can be made again, and nothing says that it was paid for. A blob of unknown origin stays: an answer whose
 * download was interrupted before it was noted looks like that, and so does one whose index line is damaged.
 * Response entries go before their blobs, and actions after theirs: interrupted between the two, an action without its
 * blobs is a miss, but a blob without its action would never be known to be free again. What lies in quarantine stays:
 * only a person can tell whether damaged bytes that were paid for are still worth something.
 * Problems: `permission`, `io`, …; what had been deleted until then stays deleted.
 */
export function collectGarbage(store: Store, request: GcRequest): Result<GcReport, Problem> {
  return attempted(store.paths.cacheDir, () => collect(store, request));
}

/**
 * Deletions stay inside the cache. The cache folder itself may be a link; a link inside it could lead to anybody's files,
 * and what lies there may be another cache's paid answers.
 */
function assertNoLinks(paths: StorePaths): void {
  const { cacheDir, version, cas, actions, expansions, responses, tables, fresh, kept, elsewhere, tmp, quarantine } =
    paths;
  for (const folder of [
    version,
    cas,
    actions,
    expansions,
    responses,
    tables,
    fresh,
    kept,
    elsewhere,
    tmp,
    quarantine,
  ]) {
    if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() !== true) continue;
    throw new ProblemError({
      kind: "corrupt",
      where: folder,
      message: `expected a folder of the cache, found a symbolic link to ${readlinkSync(folder)}.`,
      fix: `Nothing was deleted. Put the folder itself in its place, or make the whole cache (${relative(process.cwd(), cacheDir) || cacheDir}) the link.`,
    });
  }
}

function collect(store: Store, request: GcRequest): GcReport {
  const { paths } = store;
  assertNoLinks(paths);
  const tallies = nothingYet();
  const paid = new Set<Digest>([...paidBlobs(store), ...request.protectedDigests]);
  const live = new Set<Digest>(request.roots);
  const made = new Set<Digest>();
  const keptActions = new Set<string>();
  for (const key of request.keepActions) {
    keptActions.add(key);
    for (const digest of outputsOf(store.actions.trace(key))) live.add(digest);
  }
  const oldActions = unneeded(paths.actions, keptActions, tallies.actions);
  for (const { name } of oldActions) {
    const key = basename(name, ".json");
    if (isActionKey(key)) for (const digest of outputsOf(store.actions.trace(key))) made.add(digest);
  }
  const { keepExpansions } = request;
  const oldExpansions =
    keepExpansions === undefined ? [] : unneeded(paths.expansions, new Set<string>(keepExpansions), tallies.expansions);

  const gone = new Map<Digest, string>();
  for (const { name, path, size } of fanOut(paths.cas)) {
    // What is not named by a digest is not ours to judge; fsck reports it.
    if (!isDigest(name) || live.has(name)) continue;
    const free = made.has(name) && !paid.has(name);
    if (free || request.includePaid) {
      (paid.has(name) ? tallies.paidBlobs : tallies.blobs).add(size);
      gone.set(name, path);
    } else {
      (paid.has(name) ? tallies.keptPaid : tallies.keptUnknown).add(size);
    }
  }
  const paidAnswers = request.includePaid ? answersIn(store, gone) : 0;
  if (!request.dryRun) {
    if (request.includePaid) forgetResponses(store, gone);
    for (const path of gone.values()) {
      pass("gc.blob.unlink");
      unlinkSync(path);
    }
    for (const { path } of [...oldActions, ...oldExpansions]) {
      pass("gc.action.unlink");
      unlinkSync(path);
    }
  }

  for (const leftover of leftovers(store, request.sweepFolders ?? [])) {
    tallies.leftovers.add(lstatSync(leftover, { throwIfNoEntry: false })?.size ?? 0);
    if (!request.dryRun) rmSync(leftover, { recursive: true, force: true });
  }
  for (const file of flat(paths.quarantine)) tallies.quarantined.add(file.size);
  return { ...tallies, paidAnswers };
}

class Tally implements Amount {
  count = 0;
  bytes = 0;

  add(bytes: number): void {
    this.count += 1;
    this.bytes += bytes;
  }
}

/** The files of a folder that are not to be kept. */
function unneeded(folder: string, kept: ReadonlySet<string>, tally: Tally): readonly StoredFile[] {
  const files = [...fanOut(folder)].filter(({ name }) => !kept.has(basename(name, ".json")));
  for (const { size } of files) tally.add(size);
  return files;
}

function answersIn(store: Store, gone: ReadonlyMap<Digest, string>): number {
  const ids = new Set<string>();
  for (const path of responseFiles(store.paths)) {
    scanResponses(store.paths, path, {
      entry: ({ blob, kind, requestId }) => {
        if (kind === "answer" && gone.has(blob)) ids.add(`${path}\n${requestId}`);
      },
    });
  }
  return ids.size;
}

/** Takes the responses in these blobs out of the indexes, so that nothing counts as answered whose answer is gone. */
function forgetResponses(store: Store, gone: ReadonlyMap<Digest, string>): void {
  for (const path of responseFiles(store.paths)) {
    const namespaces = new Set<string>();
    scanResponses(store.paths, path, { namespace: (namespace) => namespaces.add(namespace) });
    for (const namespace of namespaces) {
      const index = store.responses(namespace);
      const kept = [...index.entries()].filter((entry) => !gone.has(entry.blob));
      if (kept.length < index.size) index.rewrite(kept);
    }
  }
}

/**
 * The caller holds the lock, so whatever lies in `tmp` belongs to a process that was ended. Compiled tokenizers, maybe of
 * files long gone, are made again in seconds, and the next build looks for itself.
 */
function* leftovers({ paths }: Store, folders: Iterable<string>): Generator<string> {
  for (const folder of [paths.tmp, paths.tables, paths.fresh, paths.kept])
    for (const entry of list(folder)) yield join(folder, entry.name);
  yield* forgotten(paths.elsewhere);
  for (const folder of new Set(folders)) {
    for (const entry of list(folder)) if (isRestoreLeftover(entry.name)) yield join(folder, entry.name);
  }
}

/** No machine is at work for longer on what it was handed, and what it left has been taken by then, or is made again. */
const FORGOTTEN_MS = 30 * 86_400_000;

/** Files so old that nobody reads or writes them any more. Those who wrote them held no lock. */
function* forgotten(folder: string): Generator<string> {
  for (const entry of list(folder)) {
    const path = join(folder, entry.name);
    const age = Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY);
    if (entry.isDirectory()) yield* forgotten(path);
    else if (age > FORGOTTEN_MS) yield path;
  }
}

function isActionKey(text: string): text is ActionKey {
  return isFingerprint(text);
}

function outputsOf(trace: Trace | undefined): readonly Digest[] {
  return trace?.outputs.map((output) => output.digest) ?? [];
}
