import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProblemError } from "../graph/problem.ts";

/** Closes the files of those that a failed step has left behind: in a process that goes on, they would keep their room. */
const abandoned = new FinalizationRegistry<number>((file) => closeSync(file));

/** Bytes to a call: some systems take no more than 2 GB, and none is faster for more than this. */
const MOST = 1 << 24;

/**
 * Numbers that are too many for memory, in a file without a name: it is gone with the process, however that ends. It lies where
 * the system puts such files (`SLURM_TMPDIR` on a cluster's node, else `TMPDIR`), and is read by this process alone.
 */
export class ScratchFile {
  #file: number | undefined;
  #bytes = 0;

  /** @returns where the numbers lie, for `read` @throws ProblemError (`io`) where there is no room for them */
  append(numbers: Uint32Array): number {
    const at = this.#bytes;
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    const folder = process.env["SLURM_TMPDIR"] ?? tmpdir();
    try {
      this.#file ??= this.#open(folder);
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.#file, bytes, done, Math.min(MOST, bytes.length - done), at + done);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ProblemError({
        kind: "io",
        where: folder,
        message: `what does not fit in memory could not be put here for the time of the step: ${why}.`,
        fix: "Make room there, or name another folder with TMPDIR.",
      });
    }
    this.#bytes += bytes.length;
    return at;
  }

  /** Fills `into` with what lies at `at`. */
  read(into: Uint32Array, at: number): void {
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    if (this.#file === undefined) throw new Error("nothing was written");
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(this.#file, bytes, done, Math.min(MOST, bytes.length - done), at + done);
      if (read === 0) throw new Error("a scratch file is shorter than what was written to it");
      done += read;
    }
  }

  close(): void {
    if (this.#file === undefined) return;
    abandoned.unregister(this);
    closeSync(this.#file);
    this.#file = undefined;
  }

  #open(folder: string): number {
    const file = openNameless(folder);
    abandoned.register(this, file, this);
    return file;
  }
}

function openNameless(parent: string): number {
  const folder = mkdtempSync(join(parent, "dsgen-scratch-"));
  try {
    return openSync(join(folder, "numbers"), "wx+", 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
