import { closeSync, openSync, readSync } from "node:fs";

/** A line of a file, with the bytes it lies at; the line's end is not part of it. */
export interface FileLine {
  /** Null for a line longer than any answer: read as one text it would take the memory of the whole process. */
  readonly raw: string | null;
  /** From 1, empty lines counted. */
  readonly number: number;
  readonly offset: number;
  readonly length: number;
}

const CHUNK = 1 << 20;
const NEWLINE = 0x0a;
/** The longest answer known, 2,048 embeddings to one request, has two thirds of it. */
const LONGEST_LINE = 128 * 1024 * 1024;
const LONGEST_FILE = 16 * 1024 ** 3;

/** How many bytes a file that speaks of so many requests may have; one without an end would fill the disk. */
export function longestFile(requests: number): number {
  return Math.min((requests + 1) * LONGEST_LINE, LONGEST_FILE);
}

/**
 * The lines of a file that hold anything, with their byte offsets. Reads a piece at a time: the answers to 50,000
 * requests may be more than a string, or a buffer, can hold.
 */
export function* fileLines(path: string, longest = LONGEST_LINE): Generator<FileLine> {
  const file = openSync(path, "r");
  try {
    let offset = 0;
    let number = 0;
    /** What is read of the line that has not ended yet; its beginning only, once it is longer than any may be. */
    let pieces: Buffer[] = [];
    let length = 0;
    const line = (): FileLine => {
      const raw = length > longest ? null : Buffer.concat(pieces, length).toString("utf8");
      return { raw, number, offset, length };
    };
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK);
      const count = readSync(file, chunk, 0, CHUNK, null);
      if (count === 0) break;
      const data = chunk.subarray(0, count);
      for (let start = 0; start < count; ) {
        const newline = data.indexOf(NEWLINE, start);
        const end = newline === -1 ? count : newline;
        length += end - start;
        if (length <= longest) pieces.push(data.subarray(start, end));
        else pieces = [];
        start = end + 1;
        if (newline === -1) continue;
        number++;
        if (length > 0) yield line();
        offset += length + 1;
        [pieces, length] = [[], 0];
      }
    }
    number++;
    if (length > 0) yield line();
  } finally {
    closeSync(file);
  }
}
