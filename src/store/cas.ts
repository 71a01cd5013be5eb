import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fchmodSync,
  fstatSync,
  fsync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { tearsAt } from "../engine/fault-points.ts";
import { writtenThrough } from "../engine/link-target.ts";
import type { BlobStore, OutputBlob } from "../engine/ports.ts";
import { type Digest, digestOf } from "../graph/digest.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import {
  codeOf,
  discard,
  ensureFolder,
  openNew,
  problemOf,
  temporaryName,
  throwAsProblem,
  writeAll,
} from "./durable.ts";
import { pass } from "./fault-names.ts";
import { CHUNK, digestOfFile } from "./hash-file.ts";
import { type StorePaths, shown } from "./layout.ts";
import { pump } from "./pump.ts";
import { restoreBlob } from "./restore.ts";
import { sliceReader } from "./slices.ts";

const fsyncAsync = promisify(fsync);

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
  const slices = sliceReader();
  const whole = new Set<Digest>();
  const pathOf = (digest: Digest): string => join(paths.cas, digest.slice(0, 2), digest);

  function quarantine(digest: Digest): string | undefined {
    const to = temporaryName(paths.quarantine, digest);
    try {
      ensureFolder(paths.quarantine);
      pass("cas.quarantine.rename");
      renameSync(pathOf(digest), to);
      return to;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      return throwAsProblem(error, shown(paths, pathOf(digest)));
    }
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

  function absent(digest: Digest): Problem {
    return {
      kind: "missing-input",
      where: shown(paths, pathOf(digest)),
      message: "expected a stored blob, found none.",
      fix: "Run again: what can be made again is made again. `dsgen fsck` lists what else is missing.",
    };
  }

  /**
   * Moves a complete temporary file to its name. Durable when the promise resolves. A blob that is already there is
   * checked, not trusted: were it damaged, dropping the good copy in hand could lose a paid answer.
   */
  async function commit(temporary: string, fd: number, blob: OutputBlob): Promise<void> {
    const target = pathOf(blob.digest);
    const folder = dirname(target);
    if (isIntact(target, blob)) {
      discard(temporary);
    } else {
      if (existsSync(target)) quarantine(blob.digest);
      fchmodSync(fd, 0o444);
      pass("cas.commit.fsync");
      await fsyncAsync(fd);
      ensureFolder(folder);
      pass("cas.commit.rename");
      renameSync(temporary, target);
    }
    // Also for a blob that was there: another commit may have renamed it without having reached this line yet.
    pass("cas.commit.folder");
    await syncFolderAsync(folder);
    pass("cas.commit.after");
  }

  async function put(data: Uint8Array | string): Promise<OutputBlob> {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    const blob: OutputBlob = { digest: digestOf(bytes), size: bytes.length };
    const temporary = temporaryName(paths.tmp, "blob");
    try {
      pass("cas.put.before");
      const fd = openNew(temporary, 0o644);
      try {
        if (tearsAt("cas.put.write")) writeAll(fd, bytes.subarray(0, bytes.length >> 1), null);
        pass("cas.put.write");
        writeAll(fd, bytes, null);
        await commit(temporary, fd, blob);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      discard(temporary);
      throwAsProblem(error, shown(paths, pathOf(blob.digest)));
    }
    return blob;
  }

  async function adopt(stagedFile: string): Promise<OutputBlob> {
    let staged = stagedFile;
    try {
      pass("cas.adopt.before");
      staged = sameFileSystem(stagedFile, paths);
      const fd = openSync(staged, "r");
      try {
        const before = fstatSync(fd).size;
        // The disk writes while this thread hashes: for a large file the fsync in `commit` then has little left to do.
        const [pumped, flushed] = await Promise.allSettled([pump(fd, undefined), before > CHUNK ? fsyncAsync(fd) : 0]);
        if (flushed.status === "rejected") throw flushed.reason;
        if (pumped.status === "rejected") throw pumped.reason;
        const blob = pumped.value;
        if (blob.size !== before) throw stillWritten(shown(paths, stagedFile));
        await commit(staged, fd, blob);
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

  return {
    has: (digest) => existsSync(pathOf(digest)),
    sizeOf: (digest) => statSync(pathOf(digest), { throwIfNoEntry: false })?.size,
    pathOf,
    put,
    adopt,
    quarantine,
    assertWhole(digest) {
      if (whole.has(digest)) return;
      let found: Digest;
      try {
        found = digestOfFile(pathOf(digest)).digest;
      } catch (error) {
        if (codeOf(error) === "ENOENT") throw new ProblemError(absent(digest));
        return throwAsProblem(error, shown(paths, pathOf(digest)));
      }
      if (found !== digest) throw new ProblemError(damaged(digest));
      whole.add(digest);
    },
    restore: (digest, destination) =>
      restoreBlob({
        source: pathOf(digest),
        digest,
        destination: writtenThrough(destination, paths.cacheDir),
        where: shown(paths, destination),
        absent: () => absent(digest),
        damaged: () => damaged(digest),
      }),
    async read(digest): Promise<Result<Uint8Array, Problem>> {
      const path = pathOf(digest);
      try {
        const bytes = readFileSync(path);
        return digestOf(bytes) === digest ? ok(bytes) : err(damaged(digest));
      } catch (error) {
        if (codeOf(error) === "ENOENT") return err(absent(digest));
        const problem = problemOf(error, shown(paths, path));
        if (problem === undefined) throw error;
        return err(problem);
      }
    },
    readSlice(digest, offset, length) {
      const path = pathOf(digest);
      let bytes: Uint8Array;
      try {
        bytes = slices.read(path, offset, length);
      } catch (error) {
        if (codeOf(error) === "ENOENT") throw new ProblemError(absent(digest));
        return throwAsProblem(error, shown(paths, path));
      }
      if (bytes.length === length) return bytes;
      throw new ProblemError({
        kind: "corrupt",
        where: shown(paths, path),
        message: `expected ${length} bytes at ${offset}, found ${bytes.length}.`,
        fix: "Run `dsgen fsck` to see what is damaged and what was paid for.",
      });
    },
    close: () => slices.close(),
  };
}

function isIntact(path: string, blob: OutputBlob): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.size === blob.size && digestOfFile(path).digest === blob.digest;
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

async function syncFolderAsync(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const fd = openSync(folder, "r");
  try {
    await fsyncAsync(fd);
  } finally {
    closeSync(fd);
  }
}
