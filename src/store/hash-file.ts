import { createHash } from "node:crypto";
import { closeSync, openSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import {
  type Digest,
  digestOf,
  digestStream,
  type Fingerprint,
  fingerprintOf,
  fingerprintStream,
} from "../graph/digest.ts";

/*
 * Files are hashed by chunks of 1 MiB into one shared buffer: a file may be larger than memory, and `readSync` in a
 * loop is nearly three times as fast as a stream.
 */
export const CHUNK = 1 << 20;
const shared = Buffer.allocUnsafeSlow(CHUNK);

/**
 * The digest of a file's content and how many bytes it was. Throws the system's error.
 * @param expected the bytes after which it need not be asked whether more come: for who looks afterwards whether that many are there
 */
export function digestOfFile(path: string, expected?: number): { readonly digest: Digest; readonly size: number } {
  return readChunks(path, expected, digestOf, digestStream);
}

/** The fingerprint of a file's content. Throws the system's error. */
export function fingerprintOfFile(path: string, expected?: number): Fingerprint {
  return readChunks(path, expected, fingerprintOf, fingerprintStream).digest;
}

function readChunks<T>(
  path: string,
  expected: number | undefined,
  whole: (bytes: Uint8Array) => T,
  stream: () => { update(chunk: Uint8Array): unknown; end(): T },
): { readonly digest: T; readonly size: number } {
  const fd = openSync(path, "r");
  try {
    // Most files fit the buffer: a short read that is followed by an empty one is the whole file, hashed in one go.
    let filled = 0;
    while (filled < CHUNK) {
      const count = readSync(fd, shared, filled, CHUNK - filled, null);
      filled += count;
      if (count === 0 || filled === expected) return { digest: whole(shared.subarray(0, filled)), size: filled };
    }
    const hash = stream();
    let size = 0;
    for (let count = filled; count > 0; count = readSync(fd, shared, 0, CHUNK, null)) {
      hash.update(shared.subarray(0, count));
      size += count;
    }
    return { digest: hash.end(), size };
  } finally {
    closeSync(fd);
  }
}

const readAsync = promisify(read);

/**
 * The digest of an open file's content and how many bytes it was. While one chunk is hashed on this thread, the next is
 * read by the file system's threads. Throws the system's error.
 */
export async function digestOfOpen(fd: number): Promise<{ readonly digest: Digest; readonly size: number }> {
  const hash = createHash("sha256");
  let current = Buffer.allocUnsafe(CHUNK);
  let next = Buffer.allocUnsafe(CHUNK);
  let size = 0;
  let count = (await readAsync(fd, current, 0, CHUNK, size)).bytesRead;
  while (count > 0) {
    const reading = readAsync(fd, next, 0, CHUNK, size + count);
    hash.update(current.subarray(0, count));
    size += count;
    count = (await reading).bytesRead;
    [current, next] = [next, current];
  }
  return { digest: hash.digest("hex") as Digest, size };
}
