import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { tearsAt } from "../engine/fault-points.ts";
import type { OutputBlob } from "../engine/ports.ts";
import { type Digest, digestOf } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { discard, problemOf, writeAll } from "./durable.ts";
import { pass } from "./fault-names.ts";
import { CHUNK, pump } from "./hash-file.ts";

const CLONE = constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL;
/** Set once the file system has said that it cannot clone: asking again would cost a system call a file. */
let cloneRefused = false;

interface Restoration {
  readonly source: string;
  readonly digest: Digest;
  readonly destination: string;
  /** The destination as a person would write it. */
  readonly where: string;
  /** False for what this process has just stored: it was hashed then. */
  readonly check: boolean;
  unreadable(error: unknown): Problem;
  damaged(): Problem;
}

/**
 * Writes a blob to its destination: to a temporary file beside it, checked on the way, then renamed over it. Whoever
 * reads the destination sees the old file or the new one. Not fsynced: what is restored can be restored again, and the
 * content index does not believe a file whose size or times are not those it noted.
 */
export async function restoreBlob(job: Restoration): Promise<Result<OutputBlob, Problem>> {
  let source: number;
  try {
    source = openSync(job.source, "r");
  } catch (error) {
    return err(job.unreadable(error));
  }
  const temporary = join(dirname(job.destination), leftoverName(basename(job.destination)));
  try {
    mkdirSync(dirname(job.destination), { recursive: true });
    const blob = job.check
      ? await copyChecked(job.source, source, temporary)
      : { digest: job.digest, size: await copied(job.source, source, temporary) };
    if (blob.digest !== job.digest) {
      discard(temporary);
      return err(job.damaged());
    }
    pass("cas.restore.rename");
    renameSync(temporary, job.destination);
    pass("cas.restore.after");
    return ok(blob);
  } catch (error) {
    discard(temporary);
    const problem = problemOf(error, job.where);
    if (problem === undefined) throw error;
    return err(problem);
  } finally {
    closeSync(source);
  }
}

/** What a restore leaves beside a destination when the process is ended in the middle; gc sweeps it by this name. */
function leftoverName(name: string): string {
  return `.${name}.dsgen-${randomBytes(6).toString("hex")}.tmp`;
}

/** True for the name of a temporary file that a restore left behind. */
export function isRestoreLeftover(name: string): boolean {
  return /^\..+\.dsgen-[0-9a-f]{12}\.tmp$/.test(name);
}

/** A copy as fast as the file system makes one; how many bytes it has. */
async function copied(sourcePath: string, source: number, temporary: string): Promise<number> {
  pass("cas.restore.write");
  const { size } = fstatSync(source);
  if (size > CHUNK) await copyFile(sourcePath, temporary, CLONE);
  else copyFileSync(sourcePath, temporary, CLONE);
  chmodSync(temporary, 0o644);
  return size;
}

async function copyChecked(sourcePath: string, source: number, temporary: string): Promise<OutputBlob> {
  const size = fstatSync(source).size;
  if (size > CHUNK && cloned(sourcePath, temporary)) {
    const fd = openSync(temporary, "r");
    try {
      fchmodSync(fd, 0o644);
      return await pump(fd, undefined);
    } finally {
      closeSync(fd);
    }
  }
  const fd = openSync(temporary, "wx", 0o644);
  try {
    if (size > CHUNK) {
      if (tearsAt("cas.restore.write")) writeAll(fd, Buffer.alloc(CHUNK), null);
      pass("cas.restore.write");
      return await pump(source, fd);
    }
    const bytes = Buffer.allocUnsafe(size + 1);
    let filled = 0;
    for (let count = -1; count !== 0 && filled < bytes.length; filled += count) {
      count = readSync(source, bytes, filled, bytes.length - filled, null);
    }
    const content = bytes.subarray(0, filled);
    if (tearsAt("cas.restore.write")) writeAll(fd, content.subarray(0, filled >> 1), null);
    pass("cas.restore.write");
    writeAll(fd, content, 0);
    return { digest: digestOf(content), size: filled };
  } finally {
    closeSync(fd);
  }
}

/** On xfs, btrfs and apfs a large copy is free and shares its space. */
function cloned(from: string, to: string): boolean {
  if (cloneRefused) return false;
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    return true;
  } catch {
    // Whatever the reason was, the plain copy that follows meets it too if it is a real one.
    discard(to);
    cloneRefused = true;
    return false;
  }
}
