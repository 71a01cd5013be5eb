import { isUtf8 } from "node:buffer";
import { err, ok, type Result } from "../graph/result.ts";
import type { Complaint, Place } from "./place.ts";

/** No configuration a person writes is larger; what is, is some other file under a config file's name. */
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * A config file's bytes as text, without a byte order mark. Refuses what is not UTF-8 at its first bad byte, rather than
 * let a replacement character slip into a prompt that is paid for.
 */
export function textOfBytes(file: string, bytes: Uint8Array): Result<string, Complaint> {
  const endOf = (before: string): Place => {
    const lines = before.split("\n");
    return { kind: "file", file, line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
  };
  if (bytes.length > MOST_BYTES) {
    return err({
      at: { kind: "path", path: file },
      message: `a config file must be at most ${MOST_BYTES} bytes; found ${bytes.length}.`,
      fix: "Check that this is the right file; data belongs elsewhere.",
    });
  }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return err({ at: endOf(""), message: "the file must be UTF-8; found UTF-16.", fix: "Save it as UTF-8." });
  }
  const text = new TextDecoder("utf-8").decode(bytes);
  const bad = firstBadByte(bytes);
  if (bad !== undefined) {
    const hex = (bytes[bad.offset] ?? 0).toString(16).padStart(2, "0");
    return err({
      at: endOf(bad.before),
      message: `the file must be UTF-8; found the byte 0x${hex}, which is not.`,
      fix: "Save the file as UTF-8.",
    });
  }
  const nul = text.indexOf("\0");
  if (nul === -1) return ok(text);
  return err({
    at: endOf(text.slice(0, nul)),
    message: "the file must be text; found a NUL character.",
    fix: "Restore the file; it looks damaged or is not YAML.",
  });
}

/** The first byte that cannot be decoded, and the text before it. */
function firstBadByte(bytes: Uint8Array): { readonly offset: number; readonly before: string } | undefined {
  if (isUtf8(bytes)) return undefined;
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  let offset = 0;
  let from = 0;
  // What cannot be decoded becomes U+FFFD, which a text may also hold of its own, as three bytes.
  for (let at = text.indexOf("\ufffd"); at !== -1; at = text.indexOf("\ufffd", from)) {
    offset += Buffer.byteLength(text.slice(from, at));
    if (bytes[offset] !== 0xef || bytes[offset + 1] !== 0xbf || bytes[offset + 2] !== 0xbd) {
      return { offset, before: text.slice(0, at) };
    }
    offset += 3;
    from = at + 1;
  }
  return { offset: 0, before: "" };
}
