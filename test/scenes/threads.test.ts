import { cpSync, existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { manifestHead } from "../../src/cli/manifest-head.ts";
import {
  filesBelow,
  makeProject,
  type Provider,
  runDsgen,
  type SceneProject,
  startProvider,
} from "./support/project.ts";

/* Recipes that read much run in threads: that shows in nothing they make, and a thread that ends takes nothing with it. */

const SHAPE = { batches: 3, requestsPerBatch: 250, scenariosPerRequest: 5 };
const BEGUN = "recipe.thread.begun";
let provider: Provider;
/** Has its answers, and nothing made of them. */
let answered: SceneProject;
/** What is made of them without threads. */
let expected: Readonly<Record<string, string>>;
const copies: SceneProject[] = [];

beforeAll(async () => {
  provider = await startProvider({ timing: "instant" });
  answered = makeProject(SHAPE);
  const outputs = [0, 1, 2].map((i) => `batch_outputs/tiny/output_batch${i}.jsonl`);
  const asked = await runDsgen(answered, ["build", "--wait", ...outputs], { url: provider.url });
  expect(asked.code, asked.stderr).toBe(0);
  const alone = copy();
  expect(await begun(alone, ["--jobs", "1"])).toBe(0);
  expected = madeIn(alone);
  expect(Object.keys(expected).length).toBeGreaterThanOrEqual(8);
}, 60_000);
afterAll(async () => {
  await provider.remove();
  for (const project of [answered, ...copies]) project.remove();
});

function copy(): SceneProject {
  const project = makeProject(SHAPE);
  cpSync(answered.root, project.root, { recursive: true });
  copies.push(project);
  return project;
}

/** How many recipes threads made in a build that comes to its end. */
async function begun(project: SceneProject, args: readonly string[]): Promise<number> {
  const file = project.path("points.txt");
  const ran = await runDsgen(project, ["build", ...args], { url: provider.url, fault: `trace@${file}` });
  expect(ran.code, ran.stderr).toBe(0);
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((point) => point === BEGUN).length;
}

function madeIn(project: SceneProject): Readonly<Record<string, string>> {
  const shards = [...filesBelow(project.path("validated"))].map(({ path, content }) => [
    path.slice(project.root.length),
    content.toString("utf8"),
  ]);
  return Object.fromEntries([
    ...shards,
    ...["dataset.jsonl", "dataset.manifest.json"].map((name) => [name, project.read(name)]),
  ]);
}

it.each(["2", "5"])("%s at once make the bytes that one makes", async (jobs) => {
  const project = copy();
  // Three shards, the dataset, where its scenarios came from, and its manifest.
  expect(await begun(project, ["--jobs", jobs])).toBe(6);
  expect(madeIn(project)).toEqual(expected);
});

it("one that ends in the middle is a failed target, in words, and the next build makes it", async () => {
  const project = copy();
  const failed = await runDsgen(project, ["build", "--jobs", "2"], { url: provider.url, fault: `EIO@${BEGUN}` });
  expect(failed.code, failed.stderr).toBe(1);
  expect(failed.stderr).toMatch(/validated\/tiny\/shard\d\.jsonl/);
  expect(failed.stderr).toMatch(/the thread that made it ended in the\s+middle: Error: EIO: injected/);
  expect(failed.stderr).not.toMatch(/^\s+at /m);
  expect(existsSync(project.path("dataset.jsonl"))).toBe(false);
  expect((await runDsgen(project, ["build", "--jobs", "2"], { url: provider.url })).code).toBe(0);
  expect(madeIn(project)).toEqual(expected);
});

it("a process that is killed while threads are at work leaves nothing half made", async () => {
  const project = copy();
  const killed = await runDsgen(project, ["build", "--jobs", "2"], { url: provider.url, fault: `kill@${BEGUN}` });
  expect(killed.signal).toBe("SIGKILL");
  expect(await begun(project, ["--jobs", "2"])).toBe(6);
  expect(madeIn(project)).toEqual(expected);
});

it("the manifest ends with its scenarios: what tells of a build reads no further", () => {
  const whole: object = JSON.parse(expected["dataset.manifest.json"] ?? "");
  const head: unknown = JSON.parse(manifestHead(copies[0]?.path("dataset.manifest.json") ?? ""));
  expect(head).toEqual({ ...whole, scenarios: [] });
});
