import { existsSync, readdirSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { makeProject, type Provider, type SceneProject, startProvider } from "./support/project.ts";
import { append, executed, jsonLines } from "./support/shipped.ts";
import { startWarm, type Warm } from "./support/warm.ts";

/* `paths` in dsgen.yaml: outputs go elsewhere, and nothing that was paid for is asked again. */

const ELSEWHERE =
  "paths: { requests: ./data//asked, batch_outputs: data/answers, validated: data/checked, pilot: data, report: data/index.html }";

let provider: Provider;
let warm: Warm;
let project: SceneProject;
const run = (...args: string[]) => warm.run(project, args, { url: provider.url });

beforeAll(() => {
  warm = startWarm();
});
afterAll(() => warm.close());
// One each: what another project has bought of it would be found among its batches.
beforeEach(async () => {
  // Slow enough that a build without --wait ends before its batches do.
  provider = await startProvider({ timing: { validatingMs: 1500 } });
  project = makeProject({ batches: 2, requestsPerBatch: 2 });
});
afterEach(async () => {
  project.remove();
  await provider.remove();
});

it("puts every file where the config says, and finds the answers again that were bought before it did", async () => {
  expect((await run("build", "--wait")).code).toBe(0);
  const [rows, paid] = [project.read("dataset.jsonl"), await executed(provider)];
  append(project, "config/dsgen.yaml", [ELSEWHERE]);

  const planned = await run("plan", "--json");
  expect(jsonLines(planned.stdout).at(-1)).toMatchObject({ type: "plan-total", requests: 0 });
  const built = await run("build", "dataset.jsonl", "data/asked/tiny/batch_metadata.json");
  expect(built.code, built.stderr).toBe(0);
  const batches: unknown = JSON.parse(project.read("data/asked/tiny/batch_metadata.json"));
  expect(batches).toMatchObject([0, 1].map((i) => ({ batch_file: `data/asked/tiny/request_batch${i}.jsonl` })));
  expect(await executed(provider)).toBe(paid);
  expect(project.read("dataset.jsonl")).toBe(rows);
  expect(readdirSync(project.path("data")).sort()).toEqual(["answers", "asked", "checked"]);
  expect(readdirSync(project.path("data/asked/tiny")).sort()).toEqual([
    "batch_metadata.json",
    "request_batch0.jsonl",
    "request_batch1.jsonl",
  ]);
  const page = jsonLines((await run("plan", "--json", "data/index.html")).stdout);
  expect(page.filter((line) => line["type"] === "plan").map((line) => line["target"])).toContain("data/index.html");

  const cleaned = await run("clean", "--orphans");
  expect(cleaned.code, cleaned.stderr).toBe(0);
  for (const folder of ["requests", "batch_outputs", "validated"]) {
    expect(existsSync(project.path(folder)), folder).toBe(false);
  }
  expect((await run("build")).stdout).toContain("Everything is up to date");
});

it("waits for batches that were sent under the old paths, and writes a pilot where the new ones say", async () => {
  const before = await executed(provider);
  expect((await run("build")).code).toBe(75);
  append(project, "config/dsgen.yaml", [ELSEWHERE]);
  const built = await run("build", "--wait");
  expect(built.code, built.stderr).toBe(0);
  expect((await executed(provider)) - before).toBe(4);
  const pilot = await run("build", "--realtime", "--limit", "1", "--set", "tiny.description=Others");
  expect(pilot.code, pilot.stderr).toBe(0);
  expect(existsSync(project.path("data/tiny.jsonl"))).toBe(true);
});
