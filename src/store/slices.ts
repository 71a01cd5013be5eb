import { closeSync, openSync, readSync } from "node:fs";

const KEPT_OPEN = 8;

export interface SliceReader {
  /** The bytes at `offset`: fewer than `length` when the file ends before. Throws the system's error. */
  read(path: string, offset: number, length: number): Uint8Array;
  close(): void;
}

/** Reads slices, keeping the last few files open: a dataset takes tens of thousands of slices out of each blob. */
export function sliceReader(): SliceReader {
  const open = new Map<string, number>();

  function descriptor(path: string): number {
    const kept = open.get(path);
    if (kept !== undefined) {
      // Moved to the end: a map keeps the order of insertion, so the first key is the one unused for longest.
      open.delete(path);
      open.set(path, kept);
      return kept;
    }
    const fd = openSync(path, "r");
    for (const [oldest, oldFd] of open) {
      if (open.size < KEPT_OPEN) break;
      open.delete(oldest);
      closeSync(oldFd);
    }
    open.set(path, fd);
    return fd;
  }

  return {
    read(path, offset, length) {
      const fd = descriptor(path);
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const count = readSync(fd, bytes, done, length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
      return bytes.subarray(0, done);
    },
    close() {
      for (const fd of open.values()) closeSync(fd);
      open.clear();
    },
  };
}
