import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync, statfsSync } from "node:fs";
import { hostname } from "node:os";
import { type JsonObject, jsonObjectIn } from "../graph/json.ts";
import { all, type Member, oneOf, orNull, type Shape, text } from "../graph/members.ts";
import { codeOf } from "./durable.ts";

const HOLDER = {
  v: oneOf([1]),
  pid: ((value) => Number.isSafeInteger(value) && Number(value) > 0) as Member<number>,
  /** When the process started, in the kernel's ticks since it booted; null where /proc does not tell. */
  startTime: orNull(text),
  bootId: orNull(text),
  /** The space its process number counts in; null where the system does not tell. Containers have one each. */
  pidNamespace: orNull(text),
  hostname: text,
  command: text,
  /** When the lock was taken, as an ISO date. */
  since: text,
  /** Makes every holding a different text, also two by one process. */
  nonce: text,
};

/** Who holds a lock, with enough to tell a living process from a dead one whose number was given out again. */
export type LockHolder = Shape<typeof HOLDER>;

export function thisProcess(command: string): LockHolder {
  return {
    v: 1,
    pid: process.pid,
    startTime: processState(process.pid)?.startTime ?? null,
    bootId: bootId(),
    pidNamespace: pidNamespace(),
    hostname: hostname(),
    command,
    since: new Date().toISOString(),
    nonce: randomBytes(8).toString("hex"),
  };
}

/** The holder in a lock file's text, or undefined for garbage. */
export function parseHolder(text: string): LockHolder | undefined {
  // An older dsgen did not say in which space its number counts.
  const holder = { pidNamespace: null, ...jsonObjectIn(text) };
  return all(HOLDER)(holder) ? (holder as JsonObject & LockHolder) : undefined;
}

/** What can be known of a holder from here. Only a holder that is proven to be gone may be taken over from. */
export type HolderState = "alive" | "dead" | "unknown";

/** Proven gone: `isDead` and nothing else lets a lock be taken over without a person's word. */
export function isDead(holder: LockHolder, folder: string): boolean {
  return stateOf(holder, folder) === "dead";
}

/**
 * Whether a holder lives. A process number means something only on the same boot of the same machine and in the same PID
 * namespace: two containers with one host name on one volume cannot see each other. Another boot proves the holder's end
 * only where the lock lies on a disk that one kernel has to itself: otherwise another machine of the same name may hold it.
 * @param folder where the lock lies
 */
export function stateOf(holder: LockHolder, folder: string): HolderState {
  if (holder.hostname !== hostname()) return "unknown";
  const boot = bootId();
  if (boot === null || holder.bootId === null) return process.platform === "linux" ? "unknown" : stateOfPid(holder);
  if (boot !== holder.bootId) return isLocalDisk(folder) ? "dead" : "unknown";
  if (holder.pidNamespace === null || holder.pidNamespace !== pidNamespace()) return "unknown";
  return stateOfPid(holder);
}

function stateOfPid(holder: LockHolder): HolderState {
  const state = processState(holder.pid);
  if (state !== undefined) {
    // A zombie runs nothing any more; it only waits for its parent to ask how it ended.
    if (state.letter === "Z" || state.letter === "X") return "dead";
    return holder.startTime !== null && holder.startTime !== state.startTime ? "dead" : "alive";
  }
  try {
    process.kill(holder.pid, 0);
    return "alive";
  } catch (error) {
    return codeOf(error) === "ESRCH" ? "dead" : "alive";
  }
}

/** File systems that one kernel has to itself, by the numbers of statfs(2): ext2-4, xfs, btrfs, f2fs, zfs, tmpfs, overlay. */
const LOCAL = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x2fc12fc1, 0x01021994, 0x794c7630]);

/** File systems that several machines share: NFS, SMB (three), AFS, Ceph, Lustre, GPFS, 9p. */
const NETWORK = new Set([
  0x6969, 0x517b, 0xfe534d42, 0xff534d42, 0x5346414f, 0x00c36400, 0x0bd00bd0, 0x47504653, 0x01021997,
]);

function isLocalDisk(folder: string): boolean {
  return isOneOf(LOCAL, folder);
}

/** Known to be shared by machines; false where that cannot be told, as on other systems than Linux. */
export function isNetworkDisk(folder: string): boolean {
  return process.platform === "linux" && isOneOf(NETWORK, folder);
}

function isOneOf(types: ReadonlySet<number>, folder: string): boolean {
  try {
    // Node gives some of these numbers as negative ones.
    return types.has(statfsSync(folder).type >>> 0);
  } catch {
    return false;
  }
}

/** State letter and start time (field 22) from /proc/<pid>/stat; undefined where there is none. */
function processState(pid: number): { readonly letter: string; readonly startTime: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in parentheses and may hold anything, more parentheses included.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const letter = fields[0];
    const startTime = fields[19];
    return letter === undefined || startTime === undefined ? undefined : { letter, startTime };
  } catch {
    return undefined;
  }
}

function bootId(): string | null {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return null;
  }
}

function pidNamespace(): string | null {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return null;
  }
}
