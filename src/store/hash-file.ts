import { createHash } from "node:crypto";
import { closeSync, openSync, read, readSync, write } from "node:fs";
import { promisify } from "node:util";
import { type Digest, digestOf, type Fingerprint, fingerprintOf, fingerprintStream } from "../graph/digest.ts";

/*
 * Files are hashed by chunks of 1 MiB into one shared buffer: a file may be larger than memory, and `readSync` in a
 * loop is nearly three times as fast as a stream.
 */
export const CHUNK = 1 << 20;
const shared = Buffer.allocUnsafeSlow(CHUNK);

/** The digest of a file's content and how many bytes it was. Throws the system's error. */
export function digestOfFile(path: string): { readonly digest: Digest; readonly size: number } {
  return readChunks(path, digestOf, () => {
    const hash = createHash("sha256");
    return { update: (chunk) => hash.update(chunk), end: () => hash.digest("hex") as Digest };
  });
}

/** The fingerprint of a file's content. Throws the system's error. */
export function fingerprintOfFile(path: string): Fingerprint {
  return readChunks(path, fingerprintOf, fingerprintStream).digest;
}

function readChunks<T>(
  path: string,
  whole: (bytes: Uint8Array) => T,
  stream: () => { update(chunk: Uint8Array): unknown; end(): T },
): { readonly digest: T; readonly size: number } {
  const fd = openSync(path, "r");
  try {
    // Most files fit the buffer: a short read that is followed by an empty one is the whole file, hashed in one go.
    let filled = 0;
    while (filled < CHUNK) {
      const count = readSync(fd, shared, filled, CHUNK - filled, null);
      if (count === 0) return { digest: whole(shared.subarray(0, filled)), size: filled };
      filled += count;
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
const writeAsync = promisify(write);

/**
 * Reads `source` to its end and hashes it, copying it to `sink` on the way. While one chunk is hashed on this thread,
 * the next is read and the last is written by the file system's threads: a checked copy costs little more than a copy.
 * Throws the system's error.
 */
export async function pump(
  source: number,
  sink: number | undefined,
): Promise<{ readonly digest: Digest; readonly size: number }> {
  const hash = createHash("sha256");
  let current = Buffer.allocUnsafe(CHUNK);
  let next = Buffer.allocUnsafe(CHUNK);
  let size = 0;
  let count = (await readAsync(source, current, 0, CHUNK, size)).bytesRead;
  while (count > 0) {
    const chunk = current.subarray(0, count);
    const reading = readAsync(source, next, 0, CHUNK, size + count);
    const writing = sink === undefined ? undefined : writeWhole(sink, chunk, size);
    hash.update(chunk);
    // Both must have settled before either error is thrown: the caller closes the files then.
    const [readDone, writeDone] = await Promise.allSettled([reading, writing]);
    if (writeDone.status === "rejected") throw writeDone.reason;
    if (readDone.status === "rejected") throw readDone.reason;
    size += count;
    count = readDone.value.bytesRead;
    [current, next] = [next, current];
  }
  return { digest: hash.digest("hex") as Digest, size };
}

async function writeWhole(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await writeAsync(fd, bytes, done, bytes.length - done, position + done);
    if (bytesWritten === 0) throw Object.assign(new Error("EIO: the disk took no bytes"), { code: "EIO" });
    done += bytesWritten;
  }
}
