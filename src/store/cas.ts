import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  fsync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { tearsAt } from "../engine/fault-points.ts";
import { writtenThrough } from "../engine/link-target.ts";
import type { AdoptOptions, BlobStore, OutputBlob } from "../engine/ports.ts";
import { type Digest, digestOf } from "../graph/digest.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { err, ok } from "../graph/result.ts";
import {
  codeOf,
  discard,
  ensureFolder,
  ifThere,
  naming,
  openToWrite,
  problemOf,
  temporaryName,
  throwAsProblem,
  writeAll,
} from "./durable.ts";
import { pass } from "./fault-names.ts";
import { CHUNK, digestOfFile, digestOfOpen } from "./hash-file.ts";
import { type StorePaths, shown } from "./layout.ts";
import { restoreBlob } from "./restore.ts";

const fsyncAsync = promisify(fsync);
/** Blobs kept open for `readSlice`: a dataset takes tens of thousands of slices out of each. */
const KEPT_OPEN = 8;
/** Bytes read at a time of slices that follow each other. */
const AHEAD = 1 << 18;
/** Slices that are no further apart follow each other. */
const BETWEEN = 16;

/** The content-addressed store of `v1/cas`, with what gc and fsck need besides the engine's port. */
export interface Cas extends BlobStore {
  /** How many bytes the blob's file has, or undefined when there is none. */
  sizeOf(digest: Digest): number | undefined;
  /**
   * Checks a blob's whole content, once per process, before slices of it are believed. Throws a ProblemError: `corrupt`
   * (the blob is in quarantine then), `missing-input`.
   */
  assertWhole(digest: Digest): void;
  /** Moves a damaged blob out of the way, keeping its bytes; its new path, or undefined when it was gone already. */
  quarantine(digest: Digest): string | undefined;
  /** Closes the blobs kept open for `readSlice`. */
  close(): void;
}

export function openCas(paths: StorePaths): Cas {
  const whole = new Set<Digest>();
  const open = new Map<Digest, number>();
  /** Bytes of the blob that was last read from, `used` of which were given out or passed over. */
  const ahead = { digest: "" as Digest | "", offset: 0, length: 0, used: 0, bytes: Buffer.alloc(0) };
  const pathOf = (digest: Digest): string => join(paths.cas, digest.slice(0, 2), digest);
  const sizeOf = (digest: Digest): number | undefined => statSync(pathOf(digest), { throwIfNoEntry: false })?.size;

  function quarantine(digest: Digest): string | undefined {
    const to = temporaryName(paths.quarantine, digest);
    return naming(shown(paths, pathOf(digest)), () => {
      ensureFolder(paths.quarantine);
      pass("cas.quarantine.rename");
      return ifThere(() => {
        renameSync(pathOf(digest), to);
        return to;
      });
    });
  }

  /** What is said when a blob fails its check; the blob is in quarantine by then. */
  function damaged(digest: Digest): Problem {
    const kept = quarantine(digest);
    return {
      kind: "corrupt",
      where: shown(paths, pathOf(digest)),
      message: `the stored content does not match its name${kept === undefined ? "." : `; moved to ${shown(paths, kept)}.`}`,
      fix: "Run again: what can be made again is made again. `dsgen fsck` lists what else is damaged, and what was paid for.",
    };
  }

  /** What is said when a blob cannot be read. */
  function unreadable(digest: Digest, error: unknown): Problem {
    const where = shown(paths, pathOf(digest));
    const problem = problemOf(error, where);
    if (problem === undefined) throw error;
    if (codeOf(error) !== "ENOENT") return problem;
    return {
      kind: "missing-input",
      where,
      message: "expected a stored blob, found none.",
      fix: "Run again: what can be made again is made again. `dsgen fsck` lists what else is missing.",
    };
  }

  /** What `read` makes of a blob's file; throws a ProblemError when it cannot be read. */
  function reading<T>(digest: Digest, read: (path: string) => T): T {
    try {
      return read(pathOf(digest));
    } catch (error) {
      throw new ProblemError(unreadable(digest, error));
    }
  }

  /**
   * Moves a complete temporary file to its name. A blob that is already there is checked, not trusted: were it damaged,
   * dropping the good copy in hand could lose a paid answer. A durable one is on disk when the promise resolves, also
   * where it was there already: it may have been stored as a free one, or be the work of a commit that is not done yet.
   */
  async function commit(temporary: string, fd: number, blob: OutputBlob, durable: boolean): Promise<void> {
    const target = pathOf(blob.digest);
    const there = sizeOf(blob.digest);
    if (there === blob.size && digestOfFile(target).digest === blob.digest) {
      discard(temporary);
      if (durable) await synced(target);
    } else {
      if (there !== undefined) quarantine(blob.digest);
      fchmodSync(fd, 0o444);
      if (durable) {
        pass("cas.commit.fsync");
        await fsyncAsync(fd);
      }
      ensureFolder(dirname(target));
      pass("cas.commit.rename");
      renameSync(temporary, target);
    }
    if (durable) {
      pass("cas.commit.folder");
      await synced(dirname(target));
    }
    pass("cas.commit.after");
  }

  async function put(data: Uint8Array | string): Promise<OutputBlob> {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    const blob: OutputBlob = { digest: digestOf(bytes), size: bytes.length };
    const temporary = temporaryName(paths.tmp, "blob");
    try {
      pass("cas.put.before");
      const fd = openToWrite(temporary);
      try {
        if (tearsAt("cas.put.write")) writeAll(fd, bytes.subarray(0, bytes.length >> 1), null);
        pass("cas.put.write");
        writeAll(fd, bytes, null);
        await commit(temporary, fd, blob, true);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      discard(temporary);
      throwAsProblem(error, shown(paths, pathOf(blob.digest)));
    }
    return blob;
  }

  async function adopt(stagedFile: string, { durable, written }: AdoptOptions): Promise<OutputBlob> {
    let staged = stagedFile;
    try {
      pass("cas.adopt.before");
      staged = sameFileSystem(stagedFile, paths);
      const fd = openSync(staged, "r");
      try {
        const before = fstatSync(fd).size;
        // The disk writes while this thread hashes: for a large file the fsync in `commit` then has little left to do.
        const early = durable && before > CHUNK ? fsyncAsync(fd) : undefined;
        const [hashed, flushed] = await Promise.allSettled([written ?? digestOfOpen(fd), early]);
        if (flushed.status === "rejected") throw flushed.reason;
        if (hashed.status === "rejected") throw hashed.reason;
        const blob = hashed.value;
        if (blob.size !== before) throw stillWritten(shown(paths, stagedFile));
        await commit(staged, fd, blob, durable);
        if (staged !== stagedFile) discard(stagedFile);
        return blob;
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if (staged !== stagedFile) discard(staged);
      return throwAsProblem(error, shown(paths, stagedFile));
    }
  }

  /** The blob's descriptor; the one unused for longest is closed, which a map's order of insertion tells. */
  function descriptor(digest: Digest): number {
    const fd = open.get(digest) ?? openSync(pathOf(digest), "r");
    open.delete(digest);
    open.set(digest, fd);
    for (const [oldest, oldFd] of open) {
      if (open.size <= KEPT_OPEN) break;
      open.delete(oldest);
      closeSync(oldFd);
    }
    return fd;
  }

  return {
    has(digest, size) {
      const found = sizeOf(digest);
      return found !== undefined && (size === undefined || found === size);
    },
    sizeOf,
    pathOf,
    put,
    adopt: (stagedFile, options = { durable: true }) => adopt(stagedFile, options),
    quarantine,
    assertWhole(digest) {
      if (whole.has(digest)) return;
      if (reading(digest, digestOfFile).digest !== digest) throw new ProblemError(damaged(digest));
      whole.add(digest);
    },
    restore: (digest, destination, options = { check: true }) =>
      restoreBlob({
        source: pathOf(digest),
        digest,
        destination: writtenThrough(destination, paths.cacheDir),
        where: shown(paths, destination),
        check: options.check,
        unreadable: (error) => unreadable(digest, error),
        damaged: () => damaged(digest),
      }),
    async read(digest) {
      try {
        const bytes = readFileSync(pathOf(digest));
        return digestOf(bytes) === digest ? ok(bytes) : err(damaged(digest));
      } catch (error) {
        return err(unreadable(digest, error));
      }
    },
    readSlice(digest, offset, length) {
      const at = ahead.digest === digest ? offset - ahead.offset : -1;
      // Slices that follow each other, but for the ends of their lines, are read many at a time.
      const follows = at >= 0 && at <= ahead.used + BETWEEN;
      if (at < 0 || at + length > ahead.length) {
        const wanted = follows ? Math.max(length, AHEAD) : length;
        if (ahead.bytes.length < wanted) ahead.bytes = Buffer.allocUnsafeSlow(wanted);
        Object.assign(ahead, { digest, offset, length: 0 });
        reading(digest, () => {
          const fd = descriptor(digest);
          for (let count = -1; count !== 0 && ahead.length < wanted; ahead.length += count)
            count = readSync(fd, ahead.bytes, ahead.length, wanted - ahead.length, offset + ahead.length);
        });
      }
      const start = offset - ahead.offset;
      ahead.used = start + length;
      if (ahead.used <= ahead.length) return ahead.bytes.subarray(start, ahead.used);
      throw new ProblemError({
        kind: "corrupt",
        where: shown(paths, pathOf(digest)),
        message: `expected ${length} bytes at ${offset}, found ${Math.max(0, ahead.length - start)}.`,
        fix: "Run `dsgen fsck` to see what is damaged and what was paid for.",
      });
    },
    close() {
      for (const fd of open.values()) closeSync(fd);
      open.clear();
    },
  };
}

/** The staged file, or a copy of it in `tmp` when it lies on another file system, where a rename cannot reach. */
function sameFileSystem(staged: string, paths: StorePaths): string {
  ensureFolder(paths.tmp);
  if (statSync(staged).dev === statSync(paths.tmp).dev) return staged;
  const copy = temporaryName(paths.tmp, "adopted");
  copyFileSync(staged, copy, constants.COPYFILE_EXCL);
  chmodSync(copy, 0o644);
  return copy;
}

function stillWritten(where: string): ProblemError {
  return new ProblemError({
    kind: "recipe",
    where,
    message: "the file changed while it was being stored.",
    fix: "A recipe must have closed its outputs when it returns.",
  });
}

/** Makes a file, or the names in a folder, durable. Where folders cannot be fsynced (Windows), there is nothing to do. */
async function synced(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const fd = openSync(path, "r");
  try {
    await fsyncAsync(fd);
  } finally {
    closeSync(fd);
  }
}
