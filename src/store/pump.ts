import { createHash } from "node:crypto";
import { read, write } from "node:fs";
import { promisify } from "node:util";
import type { Digest } from "../graph/digest.ts";
import { CHUNK } from "./hash-file.ts";

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
