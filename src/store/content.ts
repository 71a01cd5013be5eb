import type { BigIntStats, Stats } from "node:fs";
import fresh from "#fresh";
import type { ContentIndex } from "../engine/ports.ts";
import type { Digest } from "../graph/digest.ts";
import { ProblemError } from "../graph/problem.ts";
import { codeOf, ifThere, naming, throwAsProblem } from "./durable.ts";
import { digestOfFile, fingerprintOfFile } from "./hash-file.ts";
import type { FileRecord, SavedLook } from "./workspace-file.ts";

/*
 * "What is in this file?" without reading it. A record is believed while size, mtime, inode and ctime are those it noted,
 * and unless it is racy: a file written again within the same tick of the file system's clock keeps its times, so a
 * record made that close to the last write proves nothing (git calls such an entry racily clean).
 */

const MS_IN_NS = 1_000_000n;
const [TICK_NS, COARSE_TICK_NS] = [BigInt(fresh.tickMs(false)) * MS_IN_NS, BigInt(fresh.tickMs(true)) * MS_IN_NS];
const SECOND_NS = 1000n * MS_IN_NS;
const MAX_READS = 3;
/** Numbers in place of whole nanoseconds differ from them by less than half of this. */
const ROUNDED_MS = 0.001;

/** Where records are kept; `set` marks the workspace as changed. */
export interface FileRecords {
  get(path: string): FileRecord | undefined;
  set(path: string, record: FileRecord): void;
  /** What was saved of it, where that has not changed since. */
  saved?(path: string): SavedLook | undefined;
}

/**
 * The content index over a project. Paths are absolute or from the project root; those inside are noted by their path
 * from the root, so that a copied or moved project keeps what is known (the times differ, the content is read once).
 */
export function openContent(projectRoot: string, records: FileRecords): ContentIndex {
  const prefix = projectRoot.endsWith("/") ? projectRoot : `${projectRoot}/`;
  // Files we wrote ourselves in this process: believed while their signature holds, even within the racy tick.
  const learned = new Map<string, FileRecord>();

  let noted = true;
  // While files are found as they were: who is not looks twice, and who was touched mostly was with others.
  let mostlySame = true;

  const keyOf = (path: string): string => (path.startsWith(prefix) ? path.slice(prefix.length) : path);
  const absolute = (path: string): string => (path.startsWith("/") ? path : prefix + path);

  function look<K extends "fingerprint" | "digest">(
    key: string,
    kind: K,
    read: (file: string, size: number) => NonNullable<FileRecord[K]>,
  ): FileRecord[K] {
    const file = absolute(key);
    if (mostlySame) {
      const saved = records.saved?.(key);
      if (saved !== undefined && isAsSaved(saved, file)) {
        const value = saved[kind]() as FileRecord[K];
        if (value !== undefined) return value;
      }
    }
    let stat = statOf(file, key);
    if (stat === undefined) return undefined;
    const record = records.get(key);
    const ours = record !== undefined && learned.get(key) === record;
    const believed = record !== undefined && sameSignature(record, stat) && (ours || !isRacy(record));
    mostlySame = believed;
    if (believed) {
      const value = record[kind];
      if (value !== undefined) return value;
    }
    for (let reads = 0; reads < MAX_READS; reads++) {
      if (!stat.isFile()) throw notAFile(key, stat);
      const recordedNs = nowNs();
      const size = Number(stat.size);
      const value = naming(key, () => ifThere(() => read(file, size)));
      if (value === undefined) return undefined;
      const after = statOf(file, key);
      if (after === undefined) return undefined;
      if (sameSignature(stat, after)) {
        // The other hash is still right when this one shows that the content is what it was, or when it was believed
        // anyway. A belief is only as good as the time it dates from: a later time would hide that it was racy.
        const kept = believed || record?.[kind] === value ? record : undefined;
        const noted: FileRecord = {
          ...signatureOf(after),
          recordedNs: believed ? record.recordedNs : recordedNs,
          fingerprint: kept?.fingerprint,
          digest: kept?.digest,
          [kind]: value,
        };
        records.set(key, noted);
        if (ours && believed) learned.set(key, noted);
        return value;
      }
      stat = after;
    }
    throw new ProblemError({
      kind: "io",
      where: key,
      message: `the file changed each of the ${MAX_READS} times it was read.`,
      fix: "Let whatever writes it finish, then run again.",
    });
  }

  return {
    fingerprint: (path) => look(keyOf(path), "fingerprint", fingerprintOfFile),
    digest(path) {
      const digest = look(keyOf(path), "digest", readDigest);
      if (digest !== undefined && noted) fresh.holds(absolute(path), digest);
      return digest;
    },
    unnoted() {
      noted = false;
      fresh.spoiled();
    },
    learn(path, digest) {
      const key = keyOf(path);
      const recordedNs = nowNs();
      const stat = statOf(absolute(path), key);
      if (stat === undefined) return;
      const before = records.get(key);
      const fingerprint = before?.digest === digest ? before.fingerprint : undefined;
      const record: FileRecord = { ...signatureOf(stat), recordedNs, digest, fingerprint };
      records.set(key, record);
      learned.set(key, record);
    },
  };
}

/**
 * Whether a file looks as it was saved, by numbers that V8 makes no objects of: thousands of them are looked at. They are exact
 * to a part of a microsecond, which is enough: of a record that is not racy, the next change of the file came milliseconds later.
 */
function isAsSaved({ size, mtimeMs, ino, ctimeMs, recordedMs }: SavedLook, file: string): boolean {
  if (isCloseMs(mtimeMs, recordedMs) || isCloseMs(ctimeMs, recordedMs)) return false;
  let stat: Stats | undefined;
  try {
    stat = fresh.plainStat(file);
  } catch {
    return false;
  }
  return (
    stat !== undefined &&
    stat.size === size &&
    stat.ino === ino &&
    Number.isSafeInteger(ino) &&
    Math.abs(stat.mtimeMs - mtimeMs) < ROUNDED_MS &&
    Math.abs(stat.ctimeMs - ctimeMs) < ROUNDED_MS
  );
}

/** As `isTooClose`, or that it cannot be told. */
function isCloseMs(timeMs: number, recordedMs: number): boolean {
  return timeMs + fresh.tickMs(timeMs % 1000 === 0) + ROUNDED_MS >= recordedMs;
}

function readDigest(file: string, size: number): Digest {
  return digestOfFile(file, size).digest;
}

function statOf(file: string, shownAs: string): BigIntStats | undefined {
  try {
    return fresh.exactStat(file);
  } catch (error) {
    // A file lies where a folder of the path should be: nothing can be below it.
    if (codeOf(error) === "ENOTDIR") return undefined;
    return throwAsProblem(error, shownAs);
  }
}

function notAFile(key: string, stat: BigIntStats): ProblemError {
  const found = stat.isDirectory() ? "a folder" : "something that is neither a file nor a folder";
  const fix = "Move it away or remove it, and run again.";
  return new ProblemError({ kind: "io", where: key, message: `expected a file, found ${found}.`, fix });
}

function signatureOf({ size, mtimeNs, ino, ctimeNs }: BigIntStats): Signature {
  return { size, mtimeNs, ino, ctimeNs };
}

type Signature = Pick<FileRecord, "size" | "mtimeNs" | "ino" | "ctimeNs">;

function sameSignature(one: Signature, other: Signature): boolean {
  return (
    one.size === other.size && one.mtimeNs === other.mtimeNs && one.ino === other.ino && one.ctimeNs === other.ctimeNs
  );
}

/** Could the file have been written again after the record without its times showing it? */
function isRacy(record: FileRecord): boolean {
  return isTooClose(record.mtimeNs, record.recordedNs) || isTooClose(record.ctimeNs, record.recordedNs);
}

function isTooClose(timeNs: bigint, recordedNs: bigint): boolean {
  // By either tick, as most are.
  if (timeNs + COARSE_TICK_NS < recordedNs) return false;
  return timeNs + (timeNs % SECOND_NS === 0n ? COARSE_TICK_NS : TICK_NS) >= recordedNs;
}

function nowNs(): bigint {
  return BigInt(Date.now()) * MS_IN_NS;
}
