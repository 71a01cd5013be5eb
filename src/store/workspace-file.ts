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

/** The same by numbers, times in milliseconds: rounded to a part of a microsecond. What its content was is made when it is asked for. */
export interface SavedLook {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ino: number;
  readonly ctimeMs: number;
  readonly recordedMs: number;
  fingerprint(): Fingerprint | undefined;
  digest(): Digest | undefined;
}

/** Saved rows by name, of which one is made only when it is asked for. */
interface Table<N extends string, T> {
  readonly names: readonly N[];
  /** Where its row is. */
  row(name: N): number | undefined;
  get(name: N): T | undefined;
  /** The rows as they are in the file. */
  section(name: keyof Sections): Buffer;
}

export interface Saved {
  readonly files: Table<string, FileRecord> & {
    /** One object for all: good until the next is asked for. */
    look(path: string): SavedLook | undefined;
  };
  readonly placements: Table<TargetName, Placement>;
}

const EMPTY = { names: [], row: () => undefined, get: () => undefined, section: () => Buffer.alloc(0) };
export const NOTHING: Saved = { files: { ...EMPTY, look: () => undefined }, placements: EMPTY };

/**
 * The file's bytes, in pieces to be written one after another: the rows that were saved and, in their places or behind
 * them, those that are others since; null for a placement that is no more. What was saved is copied and not read: mostly
 * a few rows of thousands are others.
 */
export function encodeWorkspace(
  saved: Saved,
  files: ReadonlyMap<string, FileRecord>,
  placements: ReadonlyMap<TargetName, Placement | null>,
): readonly Uint8Array[] {
  const sections: Sections = {
    ...fileSections(saved.files, files),
    ...placementSections(saved.placements, placements),
  };
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

type Writable<T> = { -readonly [K in keyof T]: T[K] };
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
  const knownOf = section("known");
  const [fingerprint, digest] = [hexColumn(section("fingerprints"), 16), hexColumn(section("digests"), 32)];
  let looked = 0;
  const knows = (what: number) => ((knownOf[looked] ?? 0) & what) !== 0;
  const millis = (column: BigInt64Array) => Number(column[looked]) / 1e6;
  const seen: Writable<SavedLook> = {
    ...{ size: 0, mtimeMs: 0, ino: 0, ctimeMs: 0, recordedMs: 0 },
    fingerprint: () => (knows(KNOWS_FINGERPRINT) ? (fingerprint(looked) as Fingerprint) : undefined),
    digest: () => (knows(KNOWS_DIGEST) ? (digest(looked) as Digest) : undefined),
  };
  return {
    look(path) {
      const row = rows.get(path);
      if (row === undefined) return undefined;
      looked = row;
      seen.size = Number(size[row]);
      seen.ino = Number(ino[row]);
      seen.mtimeMs = millis(mtime);
      seen.ctimeMs = millis(ctime);
      seen.recordedMs = millis(recorded);
      return seen;
    },
    names,
    section,
    row: (path) => rows.get(path),
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
        fingerprint: (known & KNOWS_FINGERPRINT) === 0 ? undefined : (fingerprint(row) as Fingerprint),
        digest: (known & KNOWS_DIGEST) === 0 ? undefined : (digest(row) as Digest),
      };
    },
  };
}

function fileSections(saved: Saved["files"], since: ReadonlyMap<string, FileRecord>) {
  const { rows, added } = rowsOf(saved, since.keys());
  const total = saved.names.length + added.length;
  // Looked up once, for all columns.
  const changed = Array.from(since, ([path, record]) => ({ row: rows(path), record }));
  const numbers = (name: keyof Sections, of: (record: FileRecord) => bigint) => {
    const bytes = grown(saved.section(name), 8 * total);
    const column = new BigInt64Array(bytes.buffer);
    for (const { row, record } of changed) column[row] = of(record);
    return bytes;
  };
  const known = grown(saved.section("known"), total);
  const hashes = (name: keyof Sections, width: number, of: (record: FileRecord) => string | undefined) => {
    const bytes = grown(saved.section(name), width * total);
    for (const { row, record } of changed) bytes.write(of(record) ?? "00".repeat(width), width * row, "hex");
    return bytes;
  };
  for (const { row, record } of changed) {
    const { fingerprint, digest } = record;
    known[row] = (fingerprint === undefined ? 0 : KNOWS_FINGERPRINT) | (digest === undefined ? 0 : KNOWS_DIGEST);
  }
  return {
    paths: Buffer.concat([saved.section("paths"), joinNames(added)]),
    size: numbers("size", (record) => record.size),
    mtime: numbers("mtime", (record) => record.mtimeNs),
    ino: numbers("ino", (record) => record.ino),
    ctime: numbers("ctime", (record) => record.ctimeNs),
    recorded: numbers("recorded", (record) => record.recordedNs),
    known,
    fingerprints: hashes("fingerprints", 16, ({ fingerprint }) => fingerprint),
    digests: hashes("digests", 32, ({ digest }) => digest),
  };
}

/** Where each name goes: those that were saved stay where they are. */
function rowsOf<N extends string>(saved: Table<N, unknown>, since: Iterable<N>) {
  const later = new Map<N, number>();
  for (const name of since) if (saved.row(name) === undefined) later.set(name, saved.names.length + later.size);
  return { added: [...later.keys()], rows: (name: N) => saved.row(name) ?? later.get(name) ?? 0 };
}

/** A copy with room for more, by itself in its memory. */
function grown(bytes: Buffer, length: number): Buffer {
  const copy = Buffer.from(new ArrayBuffer(length));
  bytes.copy(copy);
  return copy;
}

function placementTable(section: SectionOf): Saved["placements"] {
  const { names, rows } = namesIn(section("targets"));
  const [key, digest] = [hexColumn(section("keys"), 16), hexColumn(section("outputDigests"), 32)];
  const starts = uint32s(section("outputStarts"));
  return {
    names: names as readonly TargetName[],
    section,
    row: (target) => rows.get(target),
    get(target) {
      const row = rows.get(target);
      if (row === undefined) return undefined;
      const start = starts[row] ?? 0;
      const stop = starts[row + 1] ?? start;
      // A list that begins with one has no room for others: most stay so.
      const outputs = start === stop ? [] : [digest(start) as Digest];
      for (let at = start + 1; at < stop; at++) outputs.push(digest(at) as Digest);
      return { key: key(row) as ActionKey, outputs };
    },
  };
}

function placementSections(saved: Saved["placements"], since: ReadonlyMap<TargetName, Placement | null>) {
  const stays = [...since].every(
    ([target, now]) => now !== null && (saved.get(target)?.outputs.length ?? now.outputs.length) === now.outputs.length,
  );
  return stays && saved.names.length > 0 ? patched(saved, since) : anew(saved, since);
}

/** As many outputs as before in each row that was there. */
function patched(saved: Saved["placements"], since: ReadonlyMap<TargetName, Placement | null>) {
  const { rows, added } = rowsOf(saved, since.keys());
  const total = saved.names.length + added.length;
  const starts = uint32s(grown(saved.section("outputStarts"), 4 * (total + 1)));
  for (const [at, target] of added.entries()) {
    const row = saved.names.length + at;
    starts[row + 1] = (starts[row] ?? 0) + (since.get(target)?.outputs.length ?? 0);
  }
  const keys = grown(saved.section("keys"), 16 * total);
  const digests = grown(saved.section("outputDigests"), 32 * (starts[total] ?? 0));
  for (const [target, now] of since) {
    if (now === null) continue;
    keys.write(now.key, 16 * rows(target), "hex");
    for (const [at, digest] of now.outputs.entries())
      digests.write(digest, 32 * ((starts[rows(target)] ?? 0) + at), "hex");
  }
  return {
    targets: Buffer.concat([saved.section("targets"), joinNames(added)]),
    keys,
    outputStarts: new Uint8Array(starts.buffer),
    outputDigests: digests,
  };
}

function anew(saved: Saved["placements"], since: ReadonlyMap<TargetName, Placement | null>) {
  const all = new Map<TargetName, Placement>();
  for (const target of new Set([...saved.names, ...since.keys()])) {
    const known = since.get(target);
    const placement = known === undefined ? saved.get(target) : known;
    if (placement != null) all.set(target, placement);
  }
  const rows = [...all.values()];
  const starts = new Uint32Array(rows.length + 1);
  for (const [row, { outputs }] of rows.entries()) starts[row + 1] = (starts[row] ?? 0) + outputs.length;
  return {
    targets: joinNames(all.keys()),
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
  const names = bytes.toString("utf8").split("\0");
  names.pop();
  const rows = new Map<string, number>();
  for (let row = 0; row < names.length; row++) rows.set(names[row] ?? "", row);
  return { names, rows };
}

function hexRows(texts: readonly string[]): Uint8Array {
  return Buffer.from(texts.join(""), "hex");
}

const ROWS = 512;

/** Rows of bytes as hexadecimal texts, turned into such by the hundred: who asks for one mostly asks for all. */
function hexColumn(bytes: Buffer, width: number): (row: number) => string {
  const texts: string[] = [];
  return (row) => {
    const block = Math.floor(row / ROWS);
    texts[block] ??= bytes.toString("hex", block * ROWS * width, (block + 1) * ROWS * width);
    const at = 2 * width * (row % ROWS);
    return (texts[block] ?? "").slice(at, at + 2 * width);
  };
}
