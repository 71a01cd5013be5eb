import { closeSync, openSync, readSync } from "node:fs";

/** How a file is written shows at its start. */
const HEAD_BYTES = 1 << 20;
const [LF, CR, NUL] = [10, 13, 0];

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
  if (ending === -1 || ending === head.length - 1 || head.includes(LF)) return undefined;
  return { line: 1, found: "lines that end in CR alone" };
}

function headOf(path: string): Buffer {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    let filled = 0;
    for (let count = -1; count !== 0 && filled < HEAD_BYTES; filled += count) {
      count = readSync(file, head, filled, HEAD_BYTES - filled, null);
    }
    return head.subarray(0, filled);
  } finally {
    closeSync(file);
  }
}

function linesBefore(head: Buffer, offset: number): number {
  let lines = 0;
  for (let at = head.indexOf(LF); at !== -1 && at < offset; at = head.indexOf(LF, at + 1)) lines++;
  return lines;
}
