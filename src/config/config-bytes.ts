import { err, ok, type Result } from "../graph/result.ts";
import type { Complaint, Place } from "./place.ts";

/** No configuration a person writes is larger; what is, is some other file under a config file's name. */
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * A config file's bytes as text, without a byte order mark. Refuses what is not UTF-8 at its first bad byte, rather than
 * let a replacement character slip into a prompt that is paid for.
 */
export function textOfBytes(file: string, bytes: Uint8Array): Result<string, Complaint> {
  const at = (line: number, column: number): Place => ({ kind: "file", file, line, column });
  if (bytes.length > MOST_BYTES) {
    return err({
      at: { kind: "path", path: file },
      message: `a config file must be at most ${MOST_BYTES} bytes; found ${bytes.length}.`,
      fix: "Check that this is the right file; data belongs elsewhere.",
    });
  }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return err({ at: at(1, 1), message: "the file must be UTF-8; found UTF-16.", fix: "Save it as UTF-8." });
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const bad = firstBadByte(bytes);
    const hex = (bytes[bad.offset] ?? 0).toString(16).padStart(2, "0");
    return err({
      at: at(bad.line, bad.column),
      message: `the file must be UTF-8; found the byte 0x${hex}, which is not.`,
      fix: "Save the file as UTF-8.",
    });
  }
  const nul = text.indexOf("\0");
  if (nul !== -1) {
    const before = text.slice(0, nul).split("\n");
    return err({
      at: at(before.length, (before.at(-1) ?? "").length + 1),
      message: "the file must be text; found a NUL character.",
      fix: "Restore the file; it looks damaged or is not YAML.",
    });
  }
  return ok(text);
}

/** Line and column (in characters) of the first byte that cannot be decoded. */
function firstBadByte(bytes: Uint8Array): { readonly offset: number; readonly line: number; readonly column: number } {
  let start = 0;
  for (let line = 1; start <= bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline + 1;
    const column = goodCharacters(bytes.subarray(start, end));
    if (column !== undefined) return { offset: start + column.bytes, line, column: column.characters + 1 };
    start = end;
    if (newline === -1) break;
  }
  return { offset: 0, line: 1, column: 1 };
}

/** How much of a line precedes its first bad byte; undefined when all of it is good. */
function goodCharacters(line: Uint8Array): { readonly bytes: number; readonly characters: number } | undefined {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let characters = 0;
  let bytes = 0;
  for (let index = 0; index < line.length; index++) {
    try {
      const decoded = decoder.decode(line.subarray(index, index + 1), { stream: true });
      if (decoded === "") continue;
      characters += decoded.length;
      bytes = index + 1;
    } catch {
      return { bytes, characters };
    }
  }
  try {
    decoder.decode();
    return undefined;
  } catch {
    return { bytes, characters };
  }
}
