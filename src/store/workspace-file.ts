import { endianness } from "node:os";
import type { Placement } from "../engine/ports.ts";
import { type ActionKey, type Digest, type Fingerprint, fingerprintOf } from "../graph/digest.ts";
import { jsonObjectIn } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";

/*
 * `v1/workspace.bin`: what is known of the project's files, in columns. A null build of thousands of targets reads all of
 * it, so it is typed arrays and byte strings that need no parsing: three times as fast as the same in JSON.
 *
 *   {"v":1,"endian":"LE","sum":"<fingerprint of the rest>","lengths":[…]}\n   padded with spaces to a multiple of 8
 *   the sections, in that order, each padded with zeros to a multiple of 8; later ones than these are skipped
 *
 * Derived data: whatever is wrong with the file, the answer is to start without it.
 */
const SECTIONS = [
  ...(["paths", "size", "mtime", "ino", "ctime", "recorded", "known", "fingerprints", "digests"] as const),
  ...(["targets", "keys", "outputStarts", "outputDigests"] as const),
] as const;
type Sections = Readonly<Record<(typeof SECTIONS)[number], Uint8Array>>;

const VERSION = 1;
const KNOWS_FINGERPRINT = 1;
const KNOWS_DIGEST = 2;

/** What was seen of a file, and what its content was then. */
export interface FileRecord {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ino: bigint;
  readonly ctimeNs: bigint;
  /** When we looked, by this machine's clock, in ns since the epoch: just before the content was read. */
  readonly recordedNs: bigint;
  readonly fingerprint: Fingerprint | undefined;
  readonly digest: Digest | undefined;
}

/** Saved rows by name, of which one is made only when it is asked for. */
interface Table<N extends string, T> {
  readonly names: readonly N[];
  get(name: N): T | undefined;
}

export interface Saved {
  readonly files: Table<string, FileRecord>;
  readonly placements: Table<TargetName, Placement>;
}

export const NOTHING: Saved = {
  files: { names: [], get: () => undefined },
  placements: { names: [], get: () => undefined },
};

/** The file's bytes, in pieces to be written one after another. */
export function encodeWorkspace(
  files: ReadonlyMap<string, FileRecord>,
  placements: ReadonlyMap<TargetName, Placement>,
): readonly Uint8Array[] {
  const sections: Sections = { ...fileSections(files), ...placementSections(placements) };
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

/** What a file's bytes hold, as views into them, or what is wrong with them. */
export function decodeWorkspace(file: Uint8Array): Saved | string {
  // A small file is read into a pooled buffer at any offset; typed arrays want theirs aligned.
  const bytes = file.byteOffset % 8 === 0 ? file : new Uint8Array(file);
  const newline = bytes.indexOf(0x0a);
  const header = jsonObjectIn(Buffer.from(bytes.subarray(0, Math.max(newline, 0))).toString("latin1"));
  const lengths = header?.["lengths"];
  if (header === undefined || !Array.isArray(lengths) || !lengths.every(isLength)) return "its header is damaged";
  if (header["v"] !== VERSION) return `it is of version ${header["v"]}`;
  if (header["endian"] !== endianness()) return "another kind of machine wrote it";
  const body = bytes.subarray(newline + 1);
  if (fingerprintOf(body) !== header["sum"]) return "it fails its checksum";
  let offset = 0;
  const found = lengths.map((length) => {
    const section = body.subarray(offset, offset + length);
    offset += length + padding(length).length;
    return section;
  });
  if (offset !== body.length || found.length < SECTIONS.length) return "its sections do not add up";
  const section = (name: keyof Sections): Buffer => {
    const { buffer, byteOffset, byteLength } = found[SECTIONS.indexOf(name)] ?? new Uint8Array();
    return Buffer.from(buffer, byteOffset, byteLength);
  };
  const saved = { files: fileTable(section), placements: placementTable(section) };
  // The checksum leaves the header out: a length that is wrong by less than the padding shows only here.
  const [files, targets] = [saved.files.names.length, saved.placements.names.length];
  const widths: readonly (readonly [name: keyof Sections, rows: number, width: number])[] = [
    ...(["size", "mtime", "ino", "ctime", "recorded"] as const).map((name) => [name, files, 8] as const),
    ["known", files, 1],
    ["fingerprints", files, 16],
    ["digests", files, 32],
    ["keys", targets, 16],
    ["outputStarts", targets + 1, 4],
    ["outputDigests", uint32s(section("outputStarts")).at(-1) ?? 0, 32],
  ];
  if (widths.some(([name, rows, width]) => section(name).length !== rows * width)) return "its sections do not add up";
  return saved;
}

type SectionOf = (name: keyof Sections) => Buffer;

function isLength(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function padding(length: number): Uint8Array {
  return new Uint8Array((8 - (length % 8)) % 8);
}

function fileTable(section: SectionOf): Saved["files"] {
  const { names, rows } = namesIn(section("paths"));
  const numbers = (name: keyof Sections) => {
    const { buffer, byteOffset, byteLength } = section(name);
    return new BigInt64Array(buffer, byteOffset, byteLength >> 3);
  };
  const [size, mtime, ino] = [numbers("size"), numbers("mtime"), numbers("ino")];
  const [ctime, recorded] = [numbers("ctime"), numbers("recorded")];
  const [knownOf, fingerprints, digests] = [section("known"), section("fingerprints"), section("digests")];
  return {
    names,
    get(path) {
      const row = rows.get(path);
      if (row === undefined) return undefined;
      const known = knownOf[row] ?? 0;
      return {
        size: size[row] ?? 0n,
        mtimeNs: mtime[row] ?? 0n,
        ino: ino[row] ?? 0n,
        ctimeNs: ctime[row] ?? 0n,
        recordedNs: recorded[row] ?? 0n,
        fingerprint: (known & KNOWS_FINGERPRINT) === 0 ? undefined : (hexIn(fingerprints, row, 16) as Fingerprint),
        digest: (known & KNOWS_DIGEST) === 0 ? undefined : (hexIn(digests, row, 32) as Digest),
      };
    },
  };
}

function fileSections(files: ReadonlyMap<string, FileRecord>) {
  const records = [...files.values()];
  const numbers = (of: (record: FileRecord) => bigint) => {
    const column = new BigInt64Array(records.length);
    for (const [row, record] of records.entries()) column[row] = of(record);
    return new Uint8Array(column.buffer);
  };
  const known = ({ fingerprint, digest }: FileRecord) =>
    (fingerprint === undefined ? 0 : KNOWS_FINGERPRINT) | (digest === undefined ? 0 : KNOWS_DIGEST);
  return {
    paths: joinNames(files.keys()),
    size: numbers((record) => record.size),
    mtime: numbers((record) => record.mtimeNs),
    ino: numbers((record) => record.ino),
    ctime: numbers((record) => record.ctimeNs),
    recorded: numbers((record) => record.recordedNs),
    known: Uint8Array.from(records, known),
    fingerprints: hexRows(records.map(({ fingerprint }) => fingerprint ?? "0".repeat(32))),
    digests: hexRows(records.map(({ digest }) => digest ?? "0".repeat(64))),
  };
}

function placementTable(section: SectionOf): Saved["placements"] {
  const { names, rows } = namesIn(section("targets"));
  const [keys, digests, starts] = [section("keys"), section("outputDigests"), uint32s(section("outputStarts"))];
  return {
    names: names as readonly TargetName[],
    get(target) {
      const row = rows.get(target);
      if (row === undefined) return undefined;
      const outputs: Digest[] = [];
      const stop = starts[row + 1] ?? 0;
      for (let at = starts[row] ?? 0; at < stop; at++) outputs.push(hexIn(digests, at, 32) as Digest);
      return { key: hexIn(keys, row, 16) as ActionKey, outputs };
    },
  };
}

function placementSections(placements: ReadonlyMap<TargetName, Placement>) {
  const rows = [...placements.values()];
  const starts = new Uint32Array(rows.length + 1);
  for (const [row, { outputs }] of rows.entries()) starts[row + 1] = (starts[row] ?? 0) + outputs.length;
  return {
    targets: joinNames(placements.keys()),
    keys: hexRows(rows.map(({ key }) => key)),
    outputStarts: new Uint8Array(starts.buffer),
    outputDigests: hexRows(rows.flatMap(({ outputs }) => outputs)),
  };
}

function uint32s({ buffer, byteOffset, byteLength }: Buffer): Uint32Array {
  return new Uint32Array(buffer, byteOffset, byteLength >> 2);
}

/** Names as one byte string; a NUL cannot occur in a path. */
function joinNames(names: Iterable<string>): Uint8Array {
  return Buffer.from([...names].map((name) => `${name}\0`).join(""));
}

function namesIn(bytes: Buffer): { readonly names: readonly string[]; readonly rows: ReadonlyMap<string, number> } {
  const names = bytes.toString("utf8").split("\0").slice(0, -1);
  return { names, rows: new Map(names.map((name, row) => [name, row])) };
}

function hexRows(texts: readonly string[]): Uint8Array {
  return Buffer.from(texts.join(""), "hex");
}

function hexIn(bytes: Buffer, row: number, width: number): string {
  return bytes.toString("hex", row * width, (row + 1) * width);
}
