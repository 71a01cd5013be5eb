import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { tearsAt } from "../engine/fault-points.ts";
import type { OutputBlob } from "../engine/ports.ts";
import { type Digest, digestOf } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { discard, problemOf } from "./durable.ts";
import { pass } from "./fault-names.ts";
import { CHUNK, digestOfOpen } from "./hash-file.ts";

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
 * Writes a blob to its destination: to a temporary file beside it, checked there, then renamed over it. Whoever
 * reads the destination sees the old file or the new one. Not fsynced: what is restored can be restored again, and the
 * content index does not believe a file whose size or times are not those it noted.
 */
export async function restoreBlob(job: Restoration): Promise<Result<OutputBlob, Problem>> {
  const { source, digest, check } = job;
  let size: number;
  let content: Buffer | undefined;
  try {
    size = statSync(source).size;
    if (size <= CHUNK) content = readFileSync(source);
    else closeSync(openSync(source, "r"));
  } catch (error) {
    return err(job.unreadable(error));
  }
  const temporary = join(dirname(job.destination), leftoverName(basename(job.destination)));
  try {
    mkdirSync(dirname(job.destination), { recursive: true });
    if (tearsAt("cas.restore.write")) writeFileSync(temporary, "torn");
    pass("cas.restore.write");
    if (content === undefined) await copied(source, temporary);
    else writeFileSync(temporary, content, { flag: "wx", mode: 0o644 });
    if (!check && statSync(temporary).size !== size) {
      discard(temporary);
      const message = `it was copied in part: fewer than its ${size} bytes have come.`;
      return err({ kind: "io", where: job.where, message, fix: "Run again; see whether the disk is full." });
    }
    if (check && (content === undefined ? await digestOfCopy(temporary) : digestOf(content)) !== digest) {
      discard(temporary);
      return err(job.damaged());
    }
    pass("cas.restore.rename");
    renameSync(temporary, job.destination);
    pass("cas.restore.after");
    return ok({ digest, size });
  } catch (error) {
    discard(temporary);
    const problem = problemOf(error, job.where);
    if (problem === undefined) throw error;
    return err(problem);
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

/** A copy as fast as the file system makes one: on xfs, btrfs and apfs it is free and shares its space. */
async function copied(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  chmodSync(to, 0o644);
}

async function digestOfCopy(path: string): Promise<Digest> {
  const fd = openSync(path, "r");
  try {
    return (await digestOfOpen(fd)).digest;
  } finally {
    closeSync(fd);
  }
}
