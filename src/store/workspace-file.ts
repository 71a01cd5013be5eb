import { endianness } from "node:os";
import { fingerprintOf } from "../graph/digest.ts";
import { isJsonObject } from "../graph/json.ts";

/*
 * `v1/workspace.bin`: what is known of the project's files, in columns. A null build of thousands of targets reads all of
 * it, so it is typed arrays and byte strings that need no parsing: three times as fast as the same in JSON.
 *
 *   {"v":1,"endian":"LE","sum":"<fingerprint of the rest>","lengths":[…]}\n   padded with spaces to a multiple of 8
 *   the sections of `SECTIONS`, in that order, each padded with zeros to a multiple of 8
 *
 * Derived data: whatever is wrong with the file, the answer is to start without it.
 */
const SECTIONS = [
  "paths",
  "size",
  "mtime",
  "ino",
  "ctime",
  "recorded",
  "known",
  "fingerprints",
  "digests",
  "targets",
  "targetKeys",
  "outputStarts",
  "outputDigests",
  "traceKeys",
  "traceStarts",
  "traceTexts",
] as const;

type Section = (typeof SECTIONS)[number];
export type Sections = Readonly<Record<Section, Uint8Array>>;

const VERSION = 1;

/** The file's bytes, in pieces to be written one after another. */
export function encodeSections(sections: Sections): readonly Uint8Array[] {
  const body = Buffer.concat(SECTIONS.flatMap((name) => [sections[name], padding(sections[name].byteLength)]));
  const header = JSON.stringify({
    v: VERSION,
    endian: endianness(),
    sum: fingerprintOf(body),
    lengths: SECTIONS.map((name) => sections[name].byteLength),
  });
  const spaces = (8 - ((header.length + 1) % 8)) % 8;
  return [Buffer.from(`${header}${" ".repeat(spaces)}\n`, "latin1"), body];
}

export type Decoded =
  | { readonly state: "whole"; readonly sections: Sections }
  | { readonly state: "unusable"; readonly why: string };

/** The sections of a file's bytes; views into `file`, not copies. */
export function decodeSections(file: Uint8Array): Decoded {
  // A small file is read into a pooled buffer at any offset; typed arrays want theirs aligned.
  const bytes = file.byteOffset % 8 === 0 ? file : new Uint8Array(file);
  const newline = bytes.indexOf(0x0a);
  const header = parseHeader(bytes.subarray(0, Math.max(newline, 0)));
  if (header === undefined) return { state: "unusable", why: "its header is damaged" };
  if (header.version !== VERSION) return { state: "unusable", why: `it is of version ${header.version}` };
  if (header.endian !== endianness()) return { state: "unusable", why: "another kind of machine wrote it" };
  const body = bytes.subarray(newline + 1);
  if (fingerprintOf(body) !== header.sum) return { state: "unusable", why: "it fails its checksum" };
  const found: Partial<Record<Section, Uint8Array>> = {};
  let offset = 0;
  for (const [index, name] of SECTIONS.entries()) {
    const length = header.lengths[index] ?? 0;
    found[name] = body.subarray(offset, offset + length);
    offset += length + padding(length).length;
  }
  return isComplete(found) && offset === body.length
    ? { state: "whole", sections: found }
    : { state: "unusable", why: "its sections do not add up" };
}

function isComplete(found: Partial<Record<Section, Uint8Array>>): found is Record<Section, Uint8Array> {
  return SECTIONS.every((name) => found[name] !== undefined);
}

function padding(length: number): Uint8Array {
  return new Uint8Array((8 - (length % 8)) % 8);
}

interface Header {
  readonly version: unknown;
  readonly endian: unknown;
  readonly sum: unknown;
  readonly lengths: readonly number[];
}

function parseHeader(bytes: Uint8Array): Header | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("latin1"));
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || !Array.isArray(value["lengths"])) return undefined;
  const lengths: number[] = [];
  for (const length of value["lengths"]) {
    if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0) return undefined;
    lengths.push(length);
  }
  return { version: value["v"], endian: value["endian"], sum: value["sum"], lengths };
}

/** Names as one byte string; a NUL cannot occur in a path. */
export function joinNames(names: readonly string[]): Uint8Array {
  return Buffer.from(names.map((name) => `${name}\0`).join(""));
}

export function splitNames(bytes: Uint8Array): readonly string[] {
  const names = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8").split("\0");
  names.pop();
  return names;
}
