import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { problemOfSystem } from "../engine/blocked-path.ts";
import { tearsAt } from "../engine/fault-points.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { pass } from "./fault-names.ts";

/*
 * What "on disk" means here: a file is written under another name, fsynced, renamed, and its folder fsynced. A name
 * therefore holds either the old bytes or all of the new ones, after a crash at any instant.
 */

/** Files that are replaced as a whole, by the prefix of their fault points. */
export type ReplacePoint = "format.put" | "workspace.flush" | "responses.rewrite" | "journal.rewrite";
/** Those that can be made again. */
export type FreePoint = "actions.put" | "expansions.put";

/** The errno of a system error, or undefined. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/**
 * A system error as a Problem, whichever it is: none of them is a bug of ours to be shown with a stack. Undefined for
 * anything else.
 */
export function problemOf(error: unknown, where: string): Problem | undefined {
  const code = codeOf(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return undefined;
  return problemOfSystem(error, where) ?? { kind: "io", where, message: `the file system answered ${code}.` };
}

/** Rethrows a system error as a ProblemError; anything else as it is. */
export function throwAsProblem(error: unknown, where: string): never {
  const problem = problemOf(error, where);
  throw problem === undefined ? error : new ProblemError(problem);
}

/** What `work` returns; a system error is thrown as a ProblemError about `where`. */
export function naming<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    return throwAsProblem(error, where);
  }
}

/** What `work` returns, or the problem that it throws; a system error is one about `where`. */
export function attempted<T>(where: string, work: () => T): Result<T, Problem> {
  try {
    return ok(naming(where, work));
  } catch (error) {
    if (error instanceof ProblemError) return err(error.problem);
    throw error;
  }
}

/** What `work` returns, or undefined where there is no such file. */
export function ifThere<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes every byte: `write` may take fewer than it was given (a full disk does, before it says ENOSPC). */
export function writeAll(fd: number, bytes: Uint8Array, position: number | null): void {
  let done = 0;
  while (done < bytes.length) {
    const at = position === null ? null : position + done;
    const written = writeSync(fd, bytes, done, bytes.length - done, at);
    if (written === 0) throw Object.assign(new Error("EIO: the disk took no bytes"), { code: "EIO" });
    done += written;
  }
}

/** Makes the names inside a folder durable. Where folders cannot be fsynced (Windows), there is nothing to do. */
export function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes a folder and its parents, durably: a blob in a folder that a crash forgets is a lost blob. */
export function ensureFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; ; made = dirname(made)) {
    syncFolder(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}

/** A name in `tmp` that no other process uses. */
export function temporaryName(tmp: string, label: string): string {
  return join(tmp, `${label}-${process.pid}-${randomBytes(8).toString("hex")}`);
}

/** Opens a file to be written (a new one, unless `flags` say otherwise), making its folder when it is not there yet. */
export function openToWrite(path: string, flags: string | number = "wx"): number {
  try {
    return openSync(path, flags, 0o644);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    ensureFolder(dirname(path));
    return openSync(path, flags, 0o644);
  }
}

/** Removes a file that may be gone already. */
export function discard(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Whatever is wrong with it, it is only a leftover: gc sweeps the folder.
  }
}

/**
 * Replaces `target` by the joined chunks: all of them or none, also after a crash of this process. What may be lost with
 * the power, as it can be made again and is checked when it is read, is not fsynced. Throws the system's error, after
 * cleaning up.
 */
export function replaceFile(
  target: string,
  tmp: string,
  chunks: Iterable<Uint8Array | string>,
  point: ReplacePoint | FreePoint,
): void {
  const temporary = temporaryName(tmp, "file");
  const fd = openToWrite(temporary);
  try {
    try {
      for (const chunk of chunks) {
        const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
        if (tearsAt(`${point}.write`)) writeAll(fd, bytes.subarray(0, bytes.length >> 1), null);
        pass(`${point}.write` as const);
        writeAll(fd, bytes, null);
      }
      if (!isFree(point)) {
        pass(`${point}.fsync` as const);
        fsyncSync(fd);
      }
    } finally {
      closeSync(fd);
    }
    pass(`${point}.rename` as const);
    ensureFolder(dirname(target));
    renameSync(temporary, target);
  } catch (error) {
    discard(temporary);
    throw error;
  }
  if (!isFree(point)) syncFolder(dirname(target));
  pass(`${point}.after` as const);
}

function isFree(point: ReplacePoint | FreePoint): point is FreePoint {
  return point === "actions.put" || point === "expansions.put";
}
