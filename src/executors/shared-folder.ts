import { closeSync, copyFileSync, fsyncSync, openSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { faultPoint } from "../engine/fault-points.ts";
import type { OutputBlob } from "../engine/ports.ts";
import type { Digest } from "../graph/digest.ts";
import { discard, ensureFolder, ifThere, openToWrite, syncFolder, temporaryName, writeAll } from "../store/durable.ts";
import { digestOfFile, digestOfOpen } from "../store/hash-file.ts";
import { ELSEWHERE, type StorePaths } from "../store/layout.ts";

/*
 * What processes on several machines tell each other through the cache's folder, `v1/elsewhere`. Whoever writes here may be a
 * process that nobody waits for any more: a name is only ever given, by rename, to a whole file on disk, and blobs only have
 * the one content that their name says. None of these processes holds the lock, so what they stage is not in `v1/tmp`, which
 * is swept by whoever holds it.
 */

/** Where descriptors, results and what is being written lie. */
export function sharedFolders(paths: Pick<StorePaths, "version">) {
  const folder = join(paths.version, ELSEWHERE);
  return { folder, work: join(folder, "work"), results: join(folder, "results"), tmp: join(folder, "tmp") };
}

/** Gives a text its name: whole, fsynced, at once. Throws the system's error, after cleaning up. */
export function publishText(path: string, text: string, tmp: string, point: string): void {
  const temporary = temporaryName(tmp, "text");
  try {
    const fd = openToWrite(temporary);
    try {
      writeAll(fd, Buffer.from(text), null);
      faultPoint(`${point}.fsync`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    ensureFolder(dirname(path));
    faultPoint(`${point}.rename`);
    renameSync(temporary, path);
    syncFolder(dirname(path));
    faultPoint(`${point}.after`);
  } catch (error) {
    discard(temporary);
    throw error;
  }
}

function blobPath({ cas }: Pick<StorePaths, "cas">, digest: Digest): string {
  return join(cas, digest.slice(0, 2), digest);
}

/** Whether a blob is there and is what its name says: it is read. Throws a system error other than that there is no such file. */
export function isWhole(paths: Pick<StorePaths, "cas">, digest: Digest): boolean {
  return ifThere(() => digestOfFile(blobPath(paths, digest)).digest) === digest;
}

/**
 * Puts a file into the store under its content's name: copied beside it (a node's own disk is another file system), hashed as
 * it lies there, fsynced, renamed. A blob of that name that is there already, and whole, is left alone: others may be reading
 * it. Throws the system's error, after cleaning up.
 */
export async function publishBlob(staged: string, paths: Pick<StorePaths, "cas">, tmp: string): Promise<OutputBlob> {
  ensureFolder(tmp);
  const temporary = temporaryName(tmp, "blob");
  try {
    copyFileSync(staged, temporary);
    const fd = openSync(temporary, "r+");
    try {
      const blob = await digestOfOpen(fd);
      const target = blobPath(paths, blob.digest);
      if (isWhole(paths, blob.digest)) {
        discard(temporary);
        return blob;
      }
      faultPoint("worker.blob.fsync");
      fsyncSync(fd);
      ensureFolder(dirname(target));
      faultPoint("worker.blob.rename");
      renameSync(temporary, target);
      syncFolder(dirname(target));
      faultPoint("worker.blob.after");
      return blob;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    discard(temporary);
    throw error;
  }
}
