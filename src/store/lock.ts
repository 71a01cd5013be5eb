import {
  closeSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fingerprintOf } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { codeOf, discard, problemOf } from "./durable.ts";
import { pass } from "./fault-names.ts";
import { isDead, type LockHolder, parseHolder, stateOf, thisProcess } from "./lock-holder.ts";

/*
 * One writer at a time. `lock` holds a complete description of its holder from the instant it exists: it is a hard link
 * to a file written before. A dead holder's lock is taken over under a claim:
 *
 *   1. `lock.claim-<identity of the dead lock>` is linked; only one process can.
 *   2. The claimer reads `lock` again. Still the dead one: it renames its own file over it. Changed: it gives up.
 *   3. A claimer that died in between is itself claimed (`lock.claim-<identity of its claim>`), and so on: claims are never
 *      removed while the lock is still the dead one, so at any instant one process at most may rename.
 *
 * Identities hold a nonce, so that a lock never becomes the same one again and a late claim for a lock that is gone is
 * recognised in step 2. Once the lock has changed, every older claim is void, and the new holder sweeps them.
 */

export interface LockRequest {
  /** For whoever finds the lock taken: `dsgen build`. */
  readonly command: string;
  /** 0: do not wait. */
  readonly timeoutMs: number;
  /** Called once for each holder that is waited for; undefined for a lock file that cannot be read as one. */
  readonly onWait?: (holder: LockHolder | undefined) => void;
  readonly signal?: AbortSignal;
  /** A person's word that a holder of which nothing can be known is gone. One that is seen to live keeps its lock. */
  readonly breakLock?: boolean;
}

export interface Lock {
  readonly holder: LockHolder;
  /** Removes the lock if it is still ours. Safe to repeat. */
  release(): void;
}

const MAX_CLAIMS = 256;
/** A lock file without a readable holder is looked at again after this long: where hard links do not exist, it may be half-written. */
const SETTLE_MS = 400;
const FIRST_DELAY_MS = 20;
const LAST_DELAY_MS = 250;

/**
 * Takes the lock of a cache, waiting for its holder up to `timeoutMs`. Problems: `locked`, naming the holder (or the
 * interruption, when `signal` aborts); `permission`, `disk-full`, `io` when the lock cannot be written.
 */
export async function acquireLock(cacheDir: string, request: LockRequest): Promise<Result<Lock, Problem>> {
  const folder = resolve(cacheDir);
  const path = join(folder, "lock");
  const holder = thisProcess(request.command);
  const text = `${JSON.stringify(holder)}\n`;
  const own = join(folder, `lock.${holder.pid}-${holder.nonce}.tmp`);
  try {
    mkdirSync(folder, { recursive: true });
    // On disk before it counts: a lock that a power failure leaves empty could be taken by a person only.
    writeFileSync(own, text, { flag: "wx", flush: true });
    return await waitForLock({ folder, path, own, text, holder }, request);
  } catch (error) {
    const problem = problemOf(error, path);
    if (problem === undefined) throw error;
    return err(problem);
  } finally {
    discard(own);
  }
}

/** Who holds the lock now, as far as can be read; for messages. Undefined when nobody does, or when the holder is dead. */
export function lockHolder(cacheDir: string): LockHolder | undefined {
  const seen = look(join(resolve(cacheDir), "lock"));
  const holder = seen === undefined ? undefined : parseHolder(seen.text);
  return holder === undefined || isDead(holder, resolve(cacheDir)) ? undefined : holder;
}

/**
 * Why a writer would not get the lock now, in the words it would be told; undefined when it would. Takes nothing.
 * @throws the system's error when the lock cannot be read
 */
export function heldLock(cacheDir: string): Problem | undefined {
  const folder = resolve(cacheDir);
  const path = join(folder, "lock");
  const seen = look(path);
  const holder = seen === undefined ? undefined : parseHolder(seen.text);
  if (seen === undefined || (holder !== undefined && isDead(holder, folder))) return undefined;
  return locked({ path, folder }, holder, 0);
}

async function waitForLock(bid: Bid, request: LockRequest): Promise<Result<Lock, Problem>> {
  const started = performance.now();
  const unreadableSince = new Map<string, number>();
  let told: string | undefined;
  let delay = FIRST_DELAY_MS;
  for (;;) {
    if (request.signal?.aborted === true)
      return err({ kind: "locked", where: bid.path, message: "interrupted while waiting for another build to end." });
    const attempt = attemptOnce(bid, unreadableSince, request.breakLock ?? false);
    if (attempt.state === "taken") {
      sweep(bid.folder);
      return ok({ holder: bid.holder, release: () => release(bid) });
    }
    const waited = performance.now() - started;
    if (attempt.state === "held") {
      // An unreadable lock gets its second look even from a caller that does not wait.
      const limit = attempt.by === undefined ? Math.max(request.timeoutMs, 2 * SETTLE_MS) : request.timeoutMs;
      if (waited >= limit) return err(locked(bid, attempt.by, request.timeoutMs));
      if (told !== attempt.identity) {
        told = attempt.identity;
        request.onWait?.(attempt.by);
      }
      await pause(Math.max(1, Math.min(delay, limit - waited)), request.signal);
      delay = Math.min(delay * 1.5 + Math.random() * 10, LAST_DELAY_MS);
    } else {
      await pause(1, request.signal);
    }
  }
}

function attemptOnce(bid: Bid, unreadableSince: Map<string, number>, breakLock: boolean): Attempt {
  pass("lock.link.before");
  if (putInPlace(bid, bid.path)) {
    pass("lock.link.after");
    return { state: "taken" };
  }
  const seen = look(bid.path);
  if (seen === undefined) return { state: "changed" };
  const holder = parseHolder(seen.text);
  const held: Attempt = { state: "held", by: holder, identity: seen.identity };
  if (holder === undefined) {
    const since = unreadableSince.get(seen.identity) ?? performance.now();
    unreadableSince.set(seen.identity, since);
    if (!breakLock || performance.now() - since < SETTLE_MS) return held;
  } else {
    const state = stateOf(holder, bid.folder);
    if (state === "alive" || (state === "unknown" && !breakLock)) return held;
  }
  return takeOver(bid, seen.identity);
}

function release(bid: Bid): void {
  try {
    pass("lock.release.before");
    // We live, so nobody takes our lock over; but a person may have removed it, and another build taken it since.
    if (look(bid.path)?.text === bid.text) discard(bid.path);
  } catch (error) {
    // A lock that cannot be removed now is one of a dead holder as soon as this process ends.
    if (codeOf(error) === undefined) throw error;
  }
}

/** Void claims, and what processes that were ended left behind. Only the holder does this. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (name.startsWith("lock.claim-")) discard(path);
    if (!/^lock\..*\.tmp$/.test(name)) continue;
    const seen = look(path);
    const holder = seen === undefined ? undefined : parseHolder(seen.text);
    if (holder !== undefined && isDead(holder, folder)) discard(path);
  }
}

function locked(
  { path, folder }: Pick<Bid, "path" | "folder">,
  holder: LockHolder | undefined,
  timeoutMs: number,
): Problem {
  const waited = timeoutMs > 0 ? ` (waited ${Math.round(timeoutMs / 1000)} s)` : "";
  const problem = (message: string, fix: string): Problem => ({ kind: "locked", where: path, message, fix });
  if (holder === undefined) {
    return problem(
      `the lock file names no holder${waited}.`,
      "If you know that no other dsgen is running on this cache, --break-lock takes it; if one is, both may send and pay for the same requests.",
    );
  }
  const who = `process ${holder.pid} (${holder.command}) on ${holder.hostname} has held the cache since ${holder.since}${waited}`;
  if (stateOf(holder, folder) === "alive") return problem(`${who}.`, "Wait for it to end.");
  return problem(
    `${who}. Whether it still runs cannot be seen from here: it was started in another container, or on another machine.`,
    "Wait for it to end. If you know that it has, --break-lock takes its lock; if it still runs, both may send and pay for the same requests.",
  );
}

/** Ends early, without throwing, when the signal aborts. */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

/** One process's try for the lock. */
export interface Bid {
  readonly folder: string;
  readonly path: string;
  /** Our description, complete, ready to be linked or renamed to where it counts. */
  readonly own: string;
  readonly text: string;
  readonly holder: LockHolder;
}

type Attempt =
  | { readonly state: "taken" }
  /** It may be free by now: something changed while we looked. */
  | { readonly state: "changed" }
  | { readonly state: "held"; readonly by: LockHolder | undefined; readonly identity: string };

/** Replaces the lock of this (dead) identity, unless it is another by now or somebody else is about to. */
export function takeOver(bid: Bid, dead: string): Attempt {
  let claimed = dead;
  for (let depth = 0; depth < MAX_CLAIMS; depth++) {
    const claim = join(bid.folder, `lock.claim-${claimed}`);
    if (putInPlace(bid, claim)) {
      pass("lock.claim.after");
      try {
        if (look(bid.path)?.identity !== dead) return { state: "changed" };
        pass("lock.takeover.before");
        renameSync(bid.own, bid.path);
        pass("lock.takeover.after");
        return { state: "taken" };
      } finally {
        discard(claim);
      }
    }
    const other = look(claim);
    if (other === undefined) return { state: "changed" };
    const claimer = parseHolder(other.text);
    if (claimer === undefined || !isDead(claimer, bid.folder))
      return { state: "held", by: claimer, identity: other.identity };
    claimed = other.identity;
  }
  throw new Error(`${bid.path}: ${MAX_CLAIMS} processes died while taking over the same lock`);
}

/** Makes `path` be our description, if nothing is there. Atomic where hard links exist; elsewhere created, then written. */
function putInPlace(bid: Bid, path: string): boolean {
  try {
    try {
      linkSync(bid.own, path);
    } catch (error) {
      if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error) ?? "")) throw error;
      writeFileSync(path, bid.text, { flag: "wx" });
    }
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

interface Seen {
  readonly text: string;
  /** Differs between any two lock files that ever were, also between two empty ones. */
  readonly identity: string;
}

/** What lies at a path of the lock's, or undefined. Throws the system's error when it cannot be read. */
export function look(path: string): Seen | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { ino, mtimeNs } = fstatSync(fd, { bigint: true });
    const text = readFileSync(fd, "utf8");
    return { text, identity: fingerprintOf(`${ino} ${mtimeNs} ${text}`) };
  } finally {
    closeSync(fd);
  }
}
