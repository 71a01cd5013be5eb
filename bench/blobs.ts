import { spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { closeSync, copyFileSync, fsyncSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OutputBlob } from "../src/engine/ports.ts";
import { initialiseStore } from "../src/store/layout.ts";
import { openStore } from "../src/store/store.ts";
import { atMost, medianTook, type Row, row, type Took, timed } from "./measure.ts";

const FILES = 64;
const NAMES = Array.from({ length: FILES }, (_, i) => `${i}.bin`);
const ROUNDS = 4;

/**
 * Storing and restoring files, against copying them twice with the operating system's copy and an fsync each. Each of the two
 * begins with files of its own that are on disk, and leaves none: the other would pay for what it left in memory.
 */
export async function blobRows(scratch: string, megabytes: number): Promise<Row[]> {
  const size = Math.floor((megabytes << 20) / FILES);
  const ours: Took[] = [];
  const peer: Took[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const both = [
      async () => ours.push(await stored(scratch, size)),
      async () => peer.push(await copiedTwice(scratch, size)),
    ];
    for (const measure of round % 2 === 0 ? both : both.reverse()) await measure();
  }
  const what = `store and restore of ${megabytes} MB in ${FILES} files`;
  // SHA-256 of what is stored and of what is restored takes more processor time than two copies: what counts is the wait.
  return [row(what, medianTook(ours), "cp, twice", medianTook(peer), atMost(1.5), "wall")];
}

async function stored(scratch: string, size: number): Promise<Took> {
  const folder = join(scratch, "ours");
  mkdirSync(folder);
  const cacheDir = join(folder, "cache");
  const made = initialiseStore(cacheDir);
  const opened = openStore({ cacheDir, projectRoot: folder });
  if (!made.ok || !opened.ok) throw new Error("the scratch store cannot be made");
  const store = opened.value;
  // In the store's own staging folder, as a recipe's output is: adopting is a rename.
  writeFiles(store.paths.tmp, size);
  const took = await timed(async () => {
    const blobs: OutputBlob[] = [];
    for (const name of NAMES) blobs.push(await store.blobs.adopt(join(store.paths.tmp, name)));
    for (const [i, blob] of blobs.entries()) {
      const restored = await store.blobs.restore(blob.digest, join(folder, "restored", `${i}.bin`));
      if (!restored.ok) throw new Error(restored.error.message);
    }
  });
  store.close();
  rmSync(folder, { recursive: true });
  return took;
}

async function copiedTwice(scratch: string, size: number): Promise<Took> {
  const folder = join(scratch, "peer");
  for (const name of ["source", "copied", "again"]) mkdirSync(join(folder, name), { recursive: true });
  writeFiles(join(folder, "source"), size);
  const took = await timed(() => {
    for (const name of NAMES) copySynced(join(folder, "source", name), join(folder, "copied", name));
    for (const name of NAMES) copySynced(join(folder, "copied", name), join(folder, "again", name));
  });
  rmSync(folder, { recursive: true });
  return took;
}

function writeFiles(folder: string, size: number): void {
  const content = Buffer.alloc(size);
  for (const name of NAMES) writeFileSync(join(folder, name), randomFillSync(content));
  spawnSync("sync");
}

function copySynced(from: string, to: string): void {
  copyFileSync(from, to);
  const file = openSync(to, "r+");
  fsyncSync(file);
  closeSync(file);
}
