import type { Digest, Fingerprint } from "../graph/digest.ts";
import { joinNames, type Sections, splitNames } from "./workspace-file.ts";

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

export type FileSections = Pick<
  Sections,
  "paths" | "size" | "mtime" | "ino" | "ctime" | "recorded" | "known" | "fingerprints" | "digests"
>;

const KNOWS_FINGERPRINT = 1;
const KNOWS_DIGEST = 2;

/** The saved records: columns, of which a row is made only for a path that is asked for. */
export interface FileTable {
  readonly paths: readonly string[];
  get(path: string): FileRecord | undefined;
}

export const noFiles: FileTable = { paths: [], get: () => undefined };

export function readFileTable(sections: FileSections): FileTable {
  const paths = splitNames(sections.paths);
  const rows = new Map<string, number>();
  for (const [row, path] of paths.entries()) rows.set(path, row);
  const size = bigints(sections.size);
  const mtime = bigints(sections.mtime);
  const ino = bigints(sections.ino);
  const ctime = bigints(sections.ctime);
  const recorded = bigints(sections.recorded);
  const fingerprints = bufferOf(sections.fingerprints);
  const digests = bufferOf(sections.digests);
  return {
    paths,
    get(path) {
      const row = rows.get(path);
      if (row === undefined) return undefined;
      const known = sections.known[row] ?? 0;
      return {
        size: size[row] ?? 0n,
        mtimeNs: mtime[row] ?? 0n,
        ino: ino[row] ?? 0n,
        ctimeNs: ctime[row] ?? 0n,
        recordedNs: recorded[row] ?? 0n,
        fingerprint:
          (known & KNOWS_FINGERPRINT) === 0
            ? undefined
            : (fingerprints.toString("hex", row * 16, row * 16 + 16) as Fingerprint),
        digest: (known & KNOWS_DIGEST) === 0 ? undefined : (digests.toString("hex", row * 32, row * 32 + 32) as Digest),
      };
    },
  };
}

export function writeFileTable(records: ReadonlyMap<string, FileRecord>): FileSections {
  const count = records.size;
  const size = new BigInt64Array(count);
  const mtime = new BigInt64Array(count);
  const ino = new BigInt64Array(count);
  const ctime = new BigInt64Array(count);
  const recorded = new BigInt64Array(count);
  const known = new Uint8Array(count);
  const fingerprints = Buffer.alloc(count * 16);
  const digests = Buffer.alloc(count * 32);
  let row = 0;
  for (const record of records.values()) {
    size[row] = record.size;
    mtime[row] = record.mtimeNs;
    ino[row] = record.ino;
    ctime[row] = record.ctimeNs;
    recorded[row] = record.recordedNs;
    if (record.fingerprint !== undefined) fingerprints.write(record.fingerprint, row * 16, "hex");
    if (record.digest !== undefined) digests.write(record.digest, row * 32, "hex");
    known[row] =
      (record.fingerprint === undefined ? 0 : KNOWS_FINGERPRINT) | (record.digest === undefined ? 0 : KNOWS_DIGEST);
    row += 1;
  }
  return {
    paths: joinNames([...records.keys()]),
    size: bytesOf(size),
    mtime: bytesOf(mtime),
    ino: bytesOf(ino),
    ctime: bytesOf(ctime),
    recorded: bytesOf(recorded),
    known,
    fingerprints,
    digests,
  };
}

function bigints(section: Uint8Array): BigInt64Array {
  return new BigInt64Array(section.buffer, section.byteOffset, section.byteLength >> 3);
}

function bytesOf(column: BigInt64Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}

function bufferOf(section: Uint8Array): Buffer {
  return Buffer.from(section.buffer, section.byteOffset, section.byteLength);
}
