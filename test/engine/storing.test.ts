import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AdoptOptions, BlobStore } from "../../src/engine/ports.ts";
import { digestOf } from "../../src/graph/digest.ts";
import { TestProject } from "./project.ts";
import { from, making, of, writeRecipes } from "./recipes.ts";

/*
 * What a build pays for safety, and what not: what can be made again is not fsynced and not read back to be hashed; what the
 * store has held for longer is held against its name whenever it is put in place.
 */

const PIPELINE = [
  making("out/a.txt", "join", { source: from("a.txt") }),
  making("out/end.txt", "join", { a: of("out/a.txt") }),
];

test("what is made is hashed as it is written and not fsynced; what is restored is checked", async () => {
  const project = new TestProject();
  writeRecipes(project);
  project.write("a.txt", "alpha");
  const adopted: (AdoptOptions | undefined)[] = [];
  const checked: (boolean | undefined)[] = [];
  const blobs = (store: BlobStore): BlobStore => ({
    ...store,
    adopt: (file, options) => {
      adopted.push(options);
      return store.adopt(file, options);
    },
    restore: (digest, destination, options) => {
      checked.push(options?.check);
      return store.restore(digest, destination, options);
    },
  });
  await project.build(PIPELINE, ["out/end.txt"], { blobs });
  const written = ["out/a.txt", "out/end.txt"].map((name) => project.read(name));
  expect(adopted).toEqual(
    written.map((text) => ({ durable: false, written: { digest: digestOf(text), size: Buffer.byteLength(text) } })),
  );
  expect(checked).toEqual([false, false]);
  rmSync(join(project.root, "out"), { recursive: true });
  expect((await project.build(PIPELINE, ["out/end.txt"], { blobs })).restored).toHaveLength(2);
  expect(checked.slice(2)).toEqual([true, true]);
});
