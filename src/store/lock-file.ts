import { closeSync, fstatSync, linkSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fingerprintOf } from "../graph/digest.ts";
import { codeOf, discard } from "./durable.ts";
import { pass } from "./fault-names.ts";
import { isDead, type LockHolder, parseHolder } from "./lock-holder.ts";

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

/** One process's try for the lock. */
export interface Bid {
  readonly folder: string;
  readonly path: string;
  /** Our description, complete, ready to be linked or renamed to where it counts. */
  readonly own: string;
  readonly text: string;
  readonly holder: LockHolder;
}

export type Attempt =
  | { readonly state: "taken" }
  /** It may be free by now: something changed while we looked. */
  | { readonly state: "changed" }
  | { readonly state: "held"; readonly by: LockHolder | undefined; readonly identity: string };

const MAX_CLAIMS = 256;
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
export function putInPlace(bid: Bid, path: string): boolean {
  try {
    linkSync(bid.own, path);
    return true;
  } catch (error) {
    switch (codeOf(error)) {
      case "EEXIST":
        return false;
      case "EPERM":
      case "ENOTSUP":
      case "EOPNOTSUPP":
      case "ENOSYS":
        return createInPlace(bid, path);
      default:
        throw error;
    }
  }
}

function createInPlace(bid: Bid, path: string): boolean {
  try {
    writeFileSync(path, bid.text, { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

export interface Seen {
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
