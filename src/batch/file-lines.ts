import { closeSync, openSync, readSync } from "node:fs";

/** A line of a file, with the bytes it lies at; the line's end is not part of it. */
export interface FileLine {
  readonly raw: string;
  /** From 1, empty lines counted. */
  readonly number: number;
  readonly offset: number;
  readonly length: number;
}

const CHUNK = 1 << 20;
const NEWLINE = 0x0a;

/**
 * The lines of a file that hold anything, with their byte offsets. Reads a piece at a time: the answers to 50,000
 * requests may be more than a string, or a buffer, can hold.
 */
export function* fileLines(path: string): Generator<FileLine> {
  const file = openSync(path, "r");
  try {
    let rest: Buffer = Buffer.alloc(0);
    let offset = 0;
    let number = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK);
      const count = readSync(file, chunk, 0, CHUNK, null);
      const data: Buffer =
        rest.length === 0 ? chunk.subarray(0, count) : Buffer.concat([rest, chunk.subarray(0, count)]);
      let start = 0;
      // What was left over holds no newline: only the new bytes are looked through.
      for (let end = data.indexOf(NEWLINE, rest.length); end !== -1; end = data.indexOf(NEWLINE, start)) {
        number++;
        if (end > start)
          yield { raw: data.toString("utf8", start, end), number, offset: offset + start, length: end - start };
        start = end + 1;
      }
      rest = data.subarray(start);
      offset += start;
      if (count > 0) continue;
      if (rest.length > 0) yield { raw: rest.toString("utf8"), number: number + 1, offset, length: rest.length };
      return;
    }
  } finally {
    closeSync(file);
  }
}
