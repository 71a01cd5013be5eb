import { randomFillSync } from "node:crypto";
import { closeSync, copyFileSync, fsyncSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OutputBlob } from "../src/engine/ports.ts";
import { initialiseStore } from "../src/store/layout.ts";
import { openStore } from "../src/store/store.ts";
import { atMost, medianTook, type Row, row, type Took, timed } from "./measure.ts";

const FILES = 64;

/** Storing and restoring files, against copying them twice with the operating system's copy and an fsync each. */
export async function blobRows(scratch: string, megabytes: number): Promise<Row[]> {
  const size = Math.floor((megabytes << 20) / FILES);
  const ours: Took[] = [];
  const peer: Took[] = [];
  for (let round = 0; round < 3; round++) {
    const folder = join(scratch, String(round));
    for (const name of ["source", "copied", "again"]) mkdirSync(join(folder, name), { recursive: true });
    const cacheDir = join(folder, "cache");
    const made = initialiseStore(cacheDir);
    const opened = openStore({ cacheDir, projectRoot: folder });
    if (!made.ok || !opened.ok) throw new Error("the scratch store cannot be made");
    const store = opened.value;
    const names = Array.from({ length: FILES }, (_, i) => `${i}.bin`);
    const content = Buffer.alloc(size);
    // In the store's own staging folder, as a recipe's output is: adopting is a rename.
    for (const name of names) writeFileSync(join(store.paths.tmp, name), randomFillSync(content));
    for (const name of names) copyFileSync(join(store.paths.tmp, name), join(folder, "source", name));
    peer.push(
      await timed(() => {
        for (const name of names) copySynced(join(folder, "source", name), join(folder, "copied", name));
        for (const name of names) copySynced(join(folder, "copied", name), join(folder, "again", name));
      }),
    );
    ours.push(
      await timed(async () => {
        const blobs: OutputBlob[] = [];
        for (const name of names) blobs.push(await store.blobs.adopt(join(store.paths.tmp, name)));
        for (const [i, blob] of blobs.entries()) {
          const restored = await store.blobs.restore(blob.digest, join(folder, "restored", `${i}.bin`));
          if (!restored.ok) throw new Error(restored.error.message);
        }
      }),
    );
    store.close();
    rmSync(folder, { recursive: true });
  }
  const what = `store and restore of ${megabytes} MB in ${FILES} files`;
  // SHA-256 of what is stored and of what is restored takes more processor time than two copies: what counts is the wait.
  return [row(what, medianTook(ours), "cp, twice", medianTook(peer), atMost(1.5), "wall")];
}

function copySynced(from: string, to: string): void {
  copyFileSync(from, to);
  const file = openSync(to, "r+");
  fsyncSync(file);
  closeSync(file);
}
