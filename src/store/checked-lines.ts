import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, readSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { tearsAt } from "../engine/fault-points.ts";
import { byteLines } from "../engine/file-lines.ts";
import { fingerprintOf } from "../graph/digest.ts";
import { type JsonObject, jsonObjectIn } from "../graph/json.ts";
import {
  codeOf,
  ensureFolder,
  naming,
  openToWrite,
  replaceFile,
  syncFolder,
  temporaryName,
  throwAsProblem,
  writeAll,
} from "./durable.ts";
import { pass } from "./fault-names.ts";
import { type StorePaths, shown } from "./layout.ts";

/*
 * Append-only files of checksummed lines: `<fingerprint of the JSON text> <JSON text>\n`. A record exists when its line
 * is whole, newline included. JSON text holds no raw newline, so damage in one line cannot reach into another, except
 * where it hits a newline itself: two lines then look like one, and `recoverMerged` takes them apart again.
 */

const SUM = 32;
const SPACE = 0x20;
const NEWLINE = 0x0a;
const BLOCK = 64 * 1024;
const MAX_STARTS = 64;

export interface LineFault {
  /** `torn`: the file ends without a newline, as a crash while appending leaves it. `bad`: a line fails its checksum. */
  readonly kind: "torn" | "bad";
  /** From 1. */
  readonly line: number;
  readonly offset: number;
  readonly bytes: number;
}

/** One record as the line that is appended. */
export function encodeLine(record: JsonObject): string {
  const json = JSON.stringify(record);
  return `${fingerprintOf(json)} ${json}\n`;
}

/** The record in a line (without its newline), or undefined when it is not exactly what `encodeLine` wrote. */
export function decodeLine(line: Uint8Array): JsonObject | undefined {
  if (line.length <= SUM + 1 || line[SUM] !== SPACE) return undefined;
  const view = Buffer.from(line.buffer, line.byteOffset, line.length);
  const json = view.subarray(SUM + 1);
  if (view.toString("latin1", 0, SUM) !== fingerprintOf(json)) return undefined;
  return jsonObjectIn(json.toString("utf8"));
}

/**
 * Reads a file of checked lines in bounded memory; an absent file is an empty one. Hands every intact record on, in
 * order, with the number of its line; returns what is wrong. Throws the system's error when the file cannot be read. Writes nothing, so that
 * a reader may look while a writer appends.
 */
export function scanCheckedFile(
  path: string,
  onRecord: (record: JsonObject, line: number) => void,
): readonly LineFault[] {
  const faults: LineFault[] = [];
  try {
    for (const { bytes, number: line, offset, length, ended } of byteLines(path)) {
      const record = ended && bytes !== null ? decodeLine(bytes) : undefined;
      if (record !== undefined) onRecord(record, line);
      else faults.push({ kind: ended ? "bad" : "torn", line, offset, bytes: length });
      if (record !== undefined || !ended || bytes === null) continue;
      for (const recovered of recoverMerged(bytes)) onRecord(recovered, line);
    }
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  return faults;
}

/** Warns of the lines that fail their checksum, by file and number, as an editor finds them; how many there are. */
export function warnOfBadLines(faults: readonly LineFault[], where: string, warn: (message: string) => void): number {
  const bad = faults.filter(({ kind }) => kind === "bad");
  for (const { line, bytes } of bad) {
    warn(`${where}:${line}: the line fails its checksum (${bytes} bytes) and was skipped.`);
  }
  return bad.length;
}

/**
 * The whole records inside a line that fails its checksum: a damaged newline joins two good lines into one bad one.
 * Every place that looks like the start of a record is tried, up to the byte before a later start (that byte is the
 * damaged newline) or the end of the line.
 */
function recoverMerged(line: Buffer): readonly JsonObject[] {
  const starts: number[] = [];
  const text = line.toString("latin1");
  const pattern = /[0-9a-f]{32} \{/g;
  for (let match = pattern.exec(text); match !== null && starts.length < MAX_STARTS; match = pattern.exec(text)) {
    starts.push(match.index);
    pattern.lastIndex = match.index + 1;
  }
  const found: JsonObject[] = [];
  let from = 0;
  for (const start of starts) {
    if (start < from) continue;
    for (const stop of [...starts.filter((later) => later > start + SUM).map((later) => later - 1), line.length]) {
      const record = decodeLine(line.subarray(start, stop));
      if (record === undefined) continue;
      found.push(record);
      from = stop;
      break;
    }
  }
  return found;
}

export type AppendPoint = "journal.append" | "responses.add";

export interface AppendFile {
  /**
   * Appends whole lines with one write and one fsync; on disk when it returns. Throws a ProblemError (or the system's
   * error) when they could not be written: then none of them counts, and the next append first removes what is left.
   */
  append(lines: string): void;
  /** Replaces the whole file by these lines, or leaves it as it was and throws a ProblemError. */
  rewrite(lines: Iterable<string>): void;
}

/** An append-only file of lines. Nothing is opened or made before the first append. */
export function appendFile(paths: StorePaths, path: string, point: AppendPoint): AppendFile {
  const where = shown(paths, path);
  // Set when a failed append could not be undone at once: everything from there on was never acknowledged.
  let cutAt: number | undefined;

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
      ensureFolder(paths.quarantine);
      writeFileSync(temporaryName(paths.quarantine, `${basename(path)}-tail`), bytes.subarray(0, count), {
        flag: "wx",
      });
    } catch {
      // Best effort: a full disk must not stop the repair, and the cut bytes were never acknowledged.
    }
  }

  return {
    rewrite(lines) {
      const rewriting = point === "journal.append" ? "journal.rewrite" : "responses.rewrite";
      naming(where, () => replaceFile(path, paths.tmp, lines, rewriting));
      // It was a place in the file that is gone.
      cutAt = undefined;
    },
    append(lines) {
      const bytes = Buffer.from(lines);
      if (bytes.length === 0) return;
      if (bytes[bytes.length - 1] !== NEWLINE) throw new Error(`${where}: an appended line lacks its newline`);
      let fd: number | undefined;
      try {
        pass(`${point}.before` as const);
        fd = openToWrite(path, constants.O_RDWR | constants.O_CREAT);
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
