import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { makeProject, type Provider, type SceneProject, startProvider } from "./support/project.ts";
import { edit, executed, jsonLines, lineOf } from "./support/shipped.ts";
import { startWarm, type Warm } from "./support/warm.ts";

/* A task that is removed, renamed or made smaller leaves files behind: they are named, and removed when that is asked for. */

let provider: Provider;
let warm: Warm;
let project: SceneProject;
const run = (...args: string[]) => warm.run(project, args, { url: provider.url });

beforeAll(async () => {
  provider = await startProvider({ timing: "instant" });
  warm = startWarm();
});
afterAll(async () => {
  warm.close();
  await provider.remove();
});
beforeEach(async () => {
  project = makeProject({ batches: 3, requestsPerBatch: 2, task: ["axes: { topic: [cakes, locks] }"] });
  expect((await run("build", "--wait")).code).toBe(0);
  expect((await run("build", "--partial")).code).toBe(0);
  expect(existsSync(project.path("dataset.partial.jsonl"))).toBe(true);
  expect(jsonLines((await run("status", "--json")).stdout).filter((line) => line["type"] === "orphan")).toEqual([]);
});
afterEach(() => project.remove());

function rename(): void {
  renameSync(project.path("config/tasks/tiny.yaml"), project.path("config/tasks/other.yaml"));
  edit(project, "config/tasks/other.yaml", "task_name: tiny", "task_name: other");
  edit(project, "config/tasks/other.yaml", "output: dataset.jsonl", "output: other.jsonl");
}

it("names the files of a renamed task, removes them and no others, and pays for nothing again", async () => {
  rename();
  writeFileSync(project.path("validated/tiny/shard0.notes.jsonl"), "mine\n");
  writeFileSync(project.path("requests/tiny/mine.jsonl"), "mine\n");
  writeFileSync(project.path("validated/tiny/shard1.jsonl"), "edited\n");
  const status = await run("status");
  expect(status.stdout).toContain("files of targets that are no more");
  expect(status.stdout).toContain("batch_outputs/tiny/output_batch0..2.sources.jsonl");
  expect(status.stdout).toContain("dsgen clean --orphans removes them, but for 1 file");

  const dry = await run("clean", "--orphans", "--dry-run", "--json");
  expect(lineOf(dry.stdout, "clean-total")).toMatchObject({ kept: 1, dryRun: true });
  expect(existsSync(project.path("dataset.jsonl"))).toBe(true);

  const cleaned = await run("clean", "--orphans", "--json");
  expect(cleaned.code, cleaned.stderr).toBe(0);
  const kept = jsonLines(cleaned.stdout).filter((line) => line["action"] === "kept");
  expect(kept).toEqual([{ type: "clean", file: "validated/tiny/shard1.jsonl", action: "kept", why: "edited" }]);
  expect(existsSync(project.path("dataset.jsonl"))).toBe(false);
  expect(existsSync(project.path("dataset.manifest.json"))).toBe(false);
  expect(existsSync(project.path("dataset.partial.jsonl"))).toBe(false);
  expect(existsSync(project.path("batch_outputs"))).toBe(false);
  expect(readdirSync(project.path("requests/tiny"))).toEqual(["mine.jsonl"]);
  expect(readdirSync(project.path("validated/tiny")).sort()).toEqual(["shard0.notes.jsonl", "shard1.jsonl"]);

  const before = await executed(provider);
  expect((await run("build", "--wait")).code).toBe(0);
  expect(await executed(provider)).toBe(before);
  expect((await run("status")).stdout).toContain("shard1.jsonl");
});

it("names what a task made smaller leaves, and keeps an answer file that the cache cannot give back", async () => {
  edit(project, "config/tasks/tiny.yaml", "batches: 3", "batches: 2");
  expect((await run("build", "--wait")).code).toBe(0);
  rmSync(project.path(".dsgen-cache/v1/cas"), { recursive: true });
  const orphans = jsonLines((await run("status", "--json")).stdout).filter((line) => line["type"] === "orphan");
  expect(orphans.map((line) => [line["file"], line["state"]])).toEqual([
    ["batch_outputs/tiny/output_batch2.jsonl", "only-copy"],
    ["batch_outputs/tiny/output_batch2.sources.jsonl", "only-copy"],
    ["requests/tiny/request_batch2.jsonl", "only-copy"],
    ["requests/tiny/request_batch2.axes.jsonl", "only-copy"],
    ["validated/tiny/shard2.jsonl", "only-copy"],
    ["validated/tiny/shard2.summary.json", "only-copy"],
  ]);
  await run("clean", "--orphans");
  expect(existsSync(project.path("batch_outputs/tiny/output_batch2.jsonl"))).toBe(true);
});

it("is about no task: --task beside it is refused", async () => {
  const ran = await run("clean", "--orphans", "--task", "tiny");
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain("belong to no task");
});
