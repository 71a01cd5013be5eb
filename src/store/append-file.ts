import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { tearsAt } from "../engine/fault-points.ts";
import { codeOf, ensureFolder, syncFolder, temporaryName, throwAsProblem, writeAll } from "./durable.ts";
import { pass } from "./fault-names.ts";

const NEWLINE = 0x0a;
const BLOCK = 64 * 1024;

export type AppendPoint = "journal.append" | "responses.add";

export interface AppendFile {
  /**
   * Appends whole lines with one write and one fsync; on disk when it returns. Throws a ProblemError (or the system's
   * error) when they could not be written: then none of them counts, and the next append first removes what is left.
   */
  append(lines: string): void;
}

/** An append-only file of lines. Nothing is opened or made before the first append. */
export function appendFile(path: string, point: AppendPoint, quarantine: string, where: string): AppendFile {
  // Set when a failed append could not be undone at once: everything from there on was never acknowledged.
  let cutAt: number | undefined;

  function open(): number {
    const flags = constants.O_RDWR | constants.O_CREAT;
    try {
      return openSync(path, flags, 0o644);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      ensureFolder(dirname(path));
      return openSync(path, flags, 0o644);
    }
  }

  /**
   * Where the next line goes. A last line without its newline is what a crash leaves: were it not cut, the next record
   * would merge with it and both would be lost. What is cut was never acknowledged, but is kept aside for a person.
   */
  function repairedEnd(fd: number): number {
    const size = fstatSync(fd).size;
    const known = cutAt !== undefined && cutAt <= size ? cutAt : size;
    const end = lastLineEnd(fd, known);
    if (end < size) {
      pass(`${point}.repair` as const);
      if (end < known) keepAside(fd, end, known);
      ftruncateSync(fd, end);
      fsyncSync(fd);
    }
    cutAt = undefined;
    return end;
  }

  function keepAside(fd: number, from: number, to: number): void {
    try {
      const bytes = Buffer.alloc(Math.min(to - from, BLOCK));
      const count = readSync(fd, bytes, 0, bytes.length, from);
      ensureFolder(quarantine);
      writeFileSync(temporaryName(quarantine, `${basename(path)}-tail`), bytes.subarray(0, count), { flag: "wx" });
    } catch {
      // Best effort: a full disk must not stop the repair, and the cut bytes were never acknowledged.
    }
  }

  return {
    append(lines) {
      const bytes = Buffer.from(lines);
      if (bytes.length === 0) return;
      if (bytes[bytes.length - 1] !== NEWLINE) throw new Error(`${where}: an appended line lacks its newline`);
      let fd: number | undefined;
      try {
        pass(`${point}.before` as const);
        fd = open();
        const end = repairedEnd(fd);
        try {
          if (tearsAt(`${point}.write`)) writeAll(fd, bytes.subarray(0, bytes.length >> 1), end);
          pass(`${point}.write` as const);
          writeAll(fd, bytes, end);
          pass(`${point}.fsync` as const);
          fsyncSync(fd);
          // The name of a new file is as much part of the record as its bytes.
          if (end === 0) syncFolder(dirname(path));
        } catch (error) {
          cutAt = end;
          undo(fd, end);
          throw error;
        }
      } catch (error) {
        throwAsProblem(error, where);
      } finally {
        if (fd !== undefined) closeSync(fd);
      }
      pass(`${point}.after` as const);
    },
  };

  /** A record whose fsync failed may still be read back whole; it was reported as not written, so it must go. */
  function undo(fd: number, end: number): void {
    try {
      ftruncateSync(fd, end);
      fsyncSync(fd);
      cutAt = undefined;
    } catch {
      // The disk is failing; `cutAt` stays, and the next append tries again before it writes.
    }
  }
}

/** The offset just after the last newline before `size`. */
function lastLineEnd(fd: number, size: number): number {
  const block = Buffer.allocUnsafe(BLOCK);
  for (let stop = size; stop > 0; ) {
    const start = Math.max(0, stop - BLOCK);
    const count = readSync(fd, block, 0, stop - start, start);
    const newline = block.subarray(0, count).lastIndexOf(NEWLINE);
    if (newline !== -1) return start + newline + 1;
    stop = start;
  }
  return 0;
}
