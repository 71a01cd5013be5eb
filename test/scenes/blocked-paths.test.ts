import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeProject, type Provider, startProvider } from "./support/project.ts";
import { startWarm, type Warm } from "./support/warm.ts";

/* A file where dsgen needs a folder, or a folder where it needs a file: the message names that path, and nothing is lost. */

let provider: Provider;
let warm: Warm;
beforeAll(async () => {
  provider = await startProvider({ timing: "instant" });
  warm = startWarm();
});
afterAll(async () => {
  warm.close();
  await provider.remove();
});

const FOLDERS = [
  "requests",
  "requests/tiny",
  "batch_outputs",
  "batch_outputs/tiny",
  "validated",
  "data",
  ".dsgen-cache",
  ".dsgen-cache/v1",
  ".dsgen-cache/v1/cas",
  ".dsgen-cache/v1/actions",
  ".dsgen-cache/v1/responses",
  ".dsgen-cache/v1/tmp",
];
const FILES = ["requests/tiny/batch_metadata.json", "requests/tiny/request_batch0.jsonl", "data/dataset.jsonl"];

const MAKERS: readonly (readonly [what: string, make: (path: string) => void])[] = [
  ["a file", (path) => writeFileSync(path, "mine\n")],
  ["a link to nothing", (path) => symlinkSync("nowhere", path)],
];
const CASES = [
  ...FOLDERS.flatMap((path) => MAKERS.map(([what, make]) => ({ path, what, make }))),
  ...FILES.map((path) => ({ path, what: "a folder", make: (at: string) => mkdirSync(at) })),
];

describe("what lies in the way", () => {
  it.each(CASES)("$path being $what", async ({ path, make }) => {
    const project = makeProject({ batches: 1, task: ["output: data/dataset.jsonl"] });
    // The last `output:` of the file is the one that is meant.
    const config = project.read("config/tasks/tiny.yaml").replace("output: dataset.jsonl\n", "");
    writeFileSync(project.path("config/tasks/tiny.yaml"), config);
    try {
      mkdirSync(dirname(project.path(path)), { recursive: true });
      make(project.path(path));
      const stopped = await warm.run(project, ["build", "--wait"], { url: provider.url });
      expect([1, 2], stopped.stderr).toContain(stopped.code);
      expect(stopped.stderr).toContain(path);
      expect(stopped.stderr).toMatch(/is needed there|is to be written there|expected a file, found a folder/);
      expect(stopped.stderr).toContain("Move it away or remove it");
      expect(stopped.stderr).not.toMatch(/E[A-Z]{4,}|a bug in dsgen/);
      renameSync(project.path(path), project.path("mine"));
      const built = await warm.run(project, ["build", "--wait"], { url: provider.url });
      expect(built.code, built.stderr).toBe(0);
      rmSync(project.path("mine"), { recursive: true });
    } finally {
      project.remove();
    }
  });
});
