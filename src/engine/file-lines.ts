import { closeSync, openSync, readSync } from "node:fs";
import { fill } from "./paths.ts";

/** A line of a file, with the bytes it lies at; the line's end is not part of it. */
export interface ByteLine {
  /** Null for a line longer than was asked for: read as one piece it could take the memory of the whole process. */
  readonly bytes: Buffer | null;
  /** From 1, empty lines counted. */
  readonly number: number;
  readonly offset: number;
  readonly length: number;
  /** False for a last line without its line end. */
  readonly ended: boolean;
}

export interface FileLine extends Omit<ByteLine, "bytes"> {
  /** Null for a line that is too long. */
  readonly raw: string | null;
}

const CHUNK = 1 << 20;
const NEWLINE = 0x0a;
/** The longest answer known, 2,048 embeddings to one request, has two thirds of it. */
export const LONGEST_LINE = 128 * 1024 * 1024;

/**
 * The lines of a file, cut at LF only: U+2028 and a lone CR are content. Reads a piece at a time: the answers to 50,000
 * requests may be more than a string, or a buffer, can hold. Throws the system's error when the file cannot be read.
 */
export function* byteLines(path: string, longest = Number.POSITIVE_INFINITY): Generator<ByteLine> {
  const file = openSync(path, "r");
  try {
    let [offset, number] = [0, 1];
    /** What is read of the line that has not ended yet; nothing, once it is longer than it may be. */
    let pieces: Buffer[] = [];
    let length = 0;
    const line = (ended: boolean): ByteLine => {
      const [only = Buffer.alloc(0), ...more] = pieces;
      const bytes = length > longest ? null : more.length === 0 ? only : Buffer.concat(pieces, length);
      return { bytes, number, offset, length, ended };
    };
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK);
      const count = readSync(file, chunk, 0, CHUNK, null);
      if (count === 0) break;
      for (let start = 0; start < count; ) {
        const newline = chunk.indexOf(NEWLINE, start);
        const end = newline === -1 || newline >= count ? count : newline;
        length += end - start;
        if (length > longest) pieces = [];
        else if (end > start) pieces.push(chunk.subarray(start, end));
        start = end + 1;
        if (end === count) continue;
        yield line(true);
        number++;
        offset += length + 1;
        [pieces, length] = [[], 0];
      }
    }
    if (length > 0) yield line(false);
  } finally {
    closeSync(file);
  }
}

/**
 * A file's bytes, cut where lines end: about a megabyte at a time, more where a line is longer. Each is good until the next is
 * asked for. Throws the system's error when the file cannot be read.
 */
export function* linePieces(path: string): Generator<Buffer> {
  const file = openSync(path, "r");
  try {
    let room = Buffer.allocUnsafeSlow(CHUNK);
    /** Bytes of a line that has not ended yet, at the start of the room. */
    let kept = 0;
    for (;;) {
      if (kept === room.length) room = Buffer.concat([room], room.length * 2);
      const count = readSync(file, room, kept, room.length - kept, null);
      if (count === 0) break;
      const length = kept + count;
      const end = room.lastIndexOf(NEWLINE, length - 1) + 1;
      if (end > 0) yield room.subarray(0, end);
      room.copy(room, 0, end, length);
      kept = length - end;
    }
    if (kept > 0) yield room.subarray(0, kept);
  } finally {
    closeSync(file);
  }
}

/** The same as texts; lines that hold nothing are left out. */
export function* fileLines(path: string, longest = LONGEST_LINE): Generator<FileLine> {
  for (const { bytes, ...line } of byteLines(path, longest))
    if (line.length > 0) yield { ...line, raw: bytes === null ? null : bytes.toString("utf8") };
}

/** How a file is written shows at its start. */
const HEAD_BYTES = 1 << 20;
const [CR, NUL] = [0x0d, 0];

/**
 * Why a file of a person's cannot be read as lines of UTF-8, and where; undefined when it can, as far as its first
 * megabyte shows. Read all the same, UTF-16 would put a NUL between any two letters of a prompt that is paid for, and lines
 * that end in CR alone would be one line. Throws what the file system answers.
 */
export function notLinesOfText(path: string): { readonly line: number; readonly found: string } | undefined {
  const head = headOf(path);
  const [first, second] = head;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return { line: 1, found: "UTF-16" };
  const nul = head.indexOf(NUL);
  if (nul !== -1) {
    return { line: linesBefore(head, nul) + 1, found: "a NUL byte (UTF-16 without its mark, or no text at all)" };
  }
  const ending = head.indexOf(CR);
  if (ending === -1 || ending === head.length - 1 || head.includes(NEWLINE)) return undefined;
  return { line: 1, found: "lines that end in CR alone" };
}

function headOf(path: string): Buffer {
  const file = openSync(path, "r");
  try {
    return fill(file, Buffer.alloc(HEAD_BYTES));
  } finally {
    closeSync(file);
  }
}

function linesBefore(head: Buffer, offset: number): number {
  let lines = 0;
  for (let at = head.indexOf(NEWLINE); at !== -1 && at < offset; at = head.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}
