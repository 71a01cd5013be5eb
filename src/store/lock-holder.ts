import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { isJsonObject } from "../graph/json.ts";
import { codeOf } from "./durable.ts";

/** Who holds a lock, with enough to tell a living process from a dead one whose number was given out again. */
export interface LockHolder {
  readonly v: 1;
  readonly pid: number;
  /** When the process started, in the kernel's ticks since it booted; null where /proc does not tell. */
  readonly startTime: string | null;
  readonly bootId: string | null;
  readonly hostname: string;
  readonly command: string;
  /** When the lock was taken, as an ISO date. */
  readonly since: string;
  /** Makes every holding a different text, also two by one process. */
  readonly nonce: string;
}

export function thisProcess(command: string): LockHolder {
  return {
    v: 1,
    pid: process.pid,
    startTime: processState(process.pid)?.startTime ?? null,
    bootId: bootId(),
    hostname: hostname(),
    command,
    since: new Date().toISOString(),
    nonce: randomBytes(8).toString("hex"),
  };
}

/** The holder in a lock file's text, or undefined for garbage. */
export function parseHolder(text: string): LockHolder | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const { v, pid, startTime, bootId: boot, hostname: host, command, since, nonce } = value;
  if (v !== 1 || typeof pid !== "number" || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (typeof host !== "string" || typeof command !== "string" || typeof since !== "string") return undefined;
  if (typeof nonce !== "string" || !isTextOrNull(startTime) || !isTextOrNull(boot)) return undefined;
  return { v, pid, startTime, bootId: boot, hostname: host, command, since, nonce };
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}

/**
 * Is the holder certainly gone? Only then may its lock be taken. Another host's processes cannot be seen from here, so
 * they count as living; a container on this machine has another host name and falls under the same rule.
 */
export function isDead(holder: LockHolder): boolean {
  if (holder.hostname !== hostname()) return false;
  const boot = bootId();
  if (boot !== null && holder.bootId !== null && boot !== holder.bootId) return true;
  const state = processState(holder.pid);
  if (state !== undefined) {
    // A zombie runs nothing any more; it only waits for its parent to ask how it ended.
    if (state.letter === "Z" || state.letter === "X") return true;
    return holder.startTime !== null && holder.startTime !== state.startTime;
  }
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === "ESRCH";
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
