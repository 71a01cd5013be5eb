import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Compiled } from "./compiled.ts";

/*
 * A compiled tokenizer as a file: a line of JSON, the four arrays one after another, and a SHA-256 of all that. It is made
 * again when it is not whole, so it is written without fsync; its name is the fingerprint of what it was made from.
 */

/** Another layout of the file, or other tables for the same tokenizer, is another number. */
const FORMAT = 1;
const DIGEST_BYTES = 32;
const ARRAYS = ["bytes", "characters", "merges", "merged"] as const;

export interface TablesPlace {
  readonly path: string;
  /** Whether tables that are not there may be put there. */
  readonly writable: boolean;
}

type Head = Pick<Compiled, "shape" | "added" | "whole"> & {
  readonly format: number;
  readonly lengths: readonly number[];
};

/** Writes tables whole or not at all. A file that cannot be written is done without. */
export function writeTables(path: string, compiled: Compiled): void {
  const { shape, added, whole } = compiled;
  const head: Head = { format: FORMAT, shape, added, whole, lengths: ARRAYS.map((name) => compiled[name].length) };
  const text = Buffer.from(JSON.stringify(head));
  // Numbers begin at a multiple of four, the line's end being the byte before them.
  const line = Buffer.alloc(4 * Math.ceil((text.length + 1) / 4), " ");
  text.copy(line);
  line[line.length - 1] = 10;
  const parts = [line, ...ARRAYS.map((name) => new Uint8Array(compiled[name].buffer, 0, compiled[name].byteLength))];
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  const staged = `${path}.${randomUUID()}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(staged, Buffer.concat([...parts, hash.digest()]), { flag: "wx" });
    renameSync(staged, path);
  } catch {
    rmSync(staged, { force: true });
  }
}

/** The tables in a file; undefined where there is none, or not a whole one of this format. */
export function readTables(path: string): Compiled | undefined {
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch {
    return undefined;
  }
  const end = file.length - DIGEST_BYTES;
  if (end < 0 || !createHash("sha256").update(file.subarray(0, end)).digest().equals(file.subarray(end)))
    return undefined;
  const line = file.indexOf(10) + 1;
  // Whole, so it is what writeTables wrote, but maybe of another dsgen.
  const head = JSON.parse(file.toString("utf8", 0, line)) as Head;
  if (head.format !== FORMAT) return undefined;
  const { shape, added, whole, lengths } = head;
  let at = line;
  const [bytes, characters, merges, merged] = lengths.map((length) => {
    const array = new Int32Array(file.buffer, file.byteOffset + at, length);
    at += array.byteLength;
    return array;
  });
  if (bytes === undefined || characters === undefined || merges === undefined || merged === undefined) return undefined;
  return { shape, added, whole, bytes, characters, merges, merged };
}
