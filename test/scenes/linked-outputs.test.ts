import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { makeProject, type Provider, type SceneProject, startProvider } from "./support/project.ts";
import { jsonLines, lineOf } from "./support/shipped.ts";
import { startWarm, type Warm } from "./support/warm.ts";

/* An output that a person has made a symbolic link, because the disk that it shall lie on is another. */

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
beforeEach(() => {
  project = makeProject({ batches: 1, requestsPerBatch: 2 });
  mkdirSync(project.path("big"));
});
afterEach(() => project.remove());

it("is written through: built, put right when its end is edited, and never removed", async () => {
  mkdirSync(project.path("requests/tiny"), { recursive: true });
  symlinkSync("big/data.jsonl", project.path("dataset.jsonl"));
  symlinkSync("../../big/jobs.json", project.path("requests/tiny/batch_metadata.json"));
  expect((await run("build", "--wait")).code).toBe(0);
  const dataset = readFileSync(project.path("big/data.jsonl"), "utf8");
  expect(jsonLines(dataset).length).toBeGreaterThan(0);
  expect(readlinkSync(project.path("dataset.jsonl"))).toBe("big/data.jsonl");
  expect(lstatSync(project.path("requests/tiny/batch_metadata.json")).isSymbolicLink()).toBe(true);
  expect(readFileSync(project.path("big/jobs.json"), "utf8")).toContain("batch_id");
  expect(Object.keys(Object(lineOf((await run("plan", "--json")).stdout, "plan-total")["actions"]))).toEqual(["fresh"]);

  writeFileSync(project.path("big/data.jsonl"), "edited\n");
  expect((await run("build")).code).toBe(0);
  expect(readFileSync(project.path("big/data.jsonl"), "utf8")).toBe(dataset);
  const [kept] = readdirSync(project.path(".dsgen-cache/edited"));
  expect(project.read(`.dsgen-cache/edited/${kept}`)).toBe("edited\n");

  const cleaned = await run("clean");
  expect(cleaned.stdout).toContain("dataset.jsonl (it is a symbolic link");
  expect(readFileSync(project.path("big/data.jsonl"), "utf8")).toBe(dataset);
  expect(readdirSync(project.path("big")).sort()).toEqual(["data.jsonl", "jobs.json"]);
});

it("says which path is in the way when the link's folder is a file", async () => {
  writeFileSync(project.path("big/disk"), "mine\n");
  symlinkSync("big/disk/data.jsonl", project.path("dataset.jsonl"));
  const ran = await run("build", "--wait");
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain("big/disk: it is a file, and a folder is needed there");
});
