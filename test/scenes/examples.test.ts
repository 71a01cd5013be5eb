import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { type Manifest, openProject } from "../../dist/src/index.js";
import { environment, runDsgen, type SceneProject } from "./support/project.ts";
import { edit, jsonLines, REPOSITORY, SMALL, shippedProject } from "./support/shipped.ts";

/* The examples, each in a repo of its own with the package beside it, as they stand. */

const projects: SceneProject[] = [];
afterAll(() => {
  for (const project of projects) project.remove();
});

function projectWith(example: string): SceneProject {
  const project = shippedProject({ ...SMALL, tokenizers: ["solar"] });
  projects.push(project);
  mkdirSync(project.path("node_modules"));
  symlinkSync(REPOSITORY, project.path("node_modules", "dsgen"), "dir");
  cpSync(join(REPOSITORY, "examples", example), project.root, { recursive: true });
  return project;
}

it("are those that are run here", () => {
  expect(readdirSync(join(REPOSITORY, "examples")).sort()).toEqual(["axes-from-csv", "library", "split"]);
});

it("library: plans, builds, reads and tells of jobs from a program", () => {
  const project = projectWith("library");
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ["build.mjs", ...args], { cwd: project.root, env: environment({}), encoding: "utf8" });
  const ran = run("trivia.jsonl");
  expect(ran.stderr).toBe("");
  expect(ran.stdout).toMatch(/^would send \d+ requests for about 0\.\d+ dollars\n/);
  expect(ran.stdout).toMatch(/: completed\n/);
  const rows = jsonLines(project.read("trivia.jsonl")).length;
  expect(ran.stdout).toMatch(RegExp(`up-to-date\\n${rows} rows of trivia\\.jsonl, from \\d batch jobs\\n$`));
  expect(run("trivia.jsonl").stdout).toMatch(/^would send 0 requests/);
  const lost = run("nothing.jsonl");
  expect([lost.status, lost.stderr]).toEqual([1, expect.stringContaining("no target makes this file")]);
});

it("openProject: a refused plan has problems, a reader that leaves ends the build, and no project is an error that says so", async () => {
  const project = projectWith("library");
  const open = await openProject({ cwd: project.root, env: environment({}), set: ["refusal.batches=1"] });
  const { total, targets } = await open.plan();
  expect([total.requests, targets.every(({ action }) => action !== "fresh")]).toEqual([2, true]);
  for await (const event of open.build([], { wait: true })) if (event.type === "target") break;
  // The lock is free again, and what was left is made.
  const events: string[] = [];
  for await (const event of open.build([], { wait: true })) events.push(event.type);
  expect(events[0]).toBe("build-started");
  expect(events.at(-1)).toBe("build-finished");
  const rows = [];
  for await (const row of open.readDataset()) rows.push(row);
  expect(rows).toEqual(jsonLines(project.read("dataset.jsonl")));
  expect((await open.readManifest()).dataset.rows).toBe(rows.length);
  expect((await open.status()).total.jobs.done).toBeGreaterThan(0);
  await expect(openProject({ cwd: "/" })).rejects.toMatchObject({
    name: "ProjectError",
    problems: [expect.anything()],
  });
  const reading = open.readDataset("absent.jsonl").next();
  await expect(reading).rejects.toMatchObject({ name: "ProjectError" });
});

it("readManifest: has what its type says, of each kind of task", async () => {
  const project = projectWith("library");
  const open = await openProject({ cwd: project.root, env: environment({}), set: ["refusal.batches=1"] });
  // A key that the type has and this has not does not compile.
  const members: Readonly<Record<keyof Required<Manifest>, string>> = {
    ...{ v: "number", dataset: "object", task: "string", simulated: "boolean", provider: "string", summary: "object" },
    ...{ answers: "object", tokens: "object", cost_usd: "number", used_cost_usd: "number", model: "string" },
    ...{ sampling: "object", prompt_fingerprint: "string", tokenizers: "object", dsgen: "string", scenarios: "object" },
    ...{ partial: "undefined", unproven_tokenizers: "undefined" },
  };
  const summed: Readonly<Record<keyof Required<Manifest["summary"]>, string>> = {
    ...{ shards: "number", responses: "number", answered: "number", errors: "number", error_codes: "object" },
    ...{ response_problems: "object", malformed_entries: "object", valid: "number", invalid: "number", rows: "number" },
    ...{ failures_by_check: "object", failures_by_reason: "object", failures_by_tokenizer: "object" },
    ...{ failures_by_variant: "object", duplicates: "number", success_rate: "number", scenarios: "number" },
    ...{ target: "number", short_by: "number", buying: "object", yield_by_axis: "object" },
  };
  for (const dataset of ["dataset.jsonl", "trivia.jsonl", "sentiment.jsonl"]) {
    for await (const _ of open.build([dataset], { wait: true }));
    const manifest = await open.readManifest(dataset);
    const typesOf = (of: object) => Object.fromEntries(Object.entries(of).map(([name, value]) => [name, typeof value]));
    const known = (types: object) =>
      Object.fromEntries(Object.entries(types).filter(([, type]) => type !== "undefined"));
    const { yield_by_axis: _, ...always } = summed;
    expect([dataset, typesOf(manifest)]).toEqual([dataset, known(members)]);
    expect([dataset, typesOf(manifest.summary)]).toEqual([dataset, expect.objectContaining(always)]);
    const [first] = manifest.scenarios;
    expect([first?.scenario_id, typeof first?.shard, typeof first?.entry]).toEqual([0, "string", "number"]);
  }
});

it("build: ended by its caller's time limit", async () => {
  const project = projectWith("library");
  const open = await openProject({ cwd: project.root, env: environment({}), set: ["dsgen.simulator.speed=0.001"] });
  const limited = open.build([], { wait: true, signal: AbortSignal.timeout(6000) });
  for await (const _ of limited);
  expect((await open.status()).total.jobs.done).toBe(0);
});

it("split: a target after the dataset keeps a scenario's rows together", async () => {
  const project = projectWith("split");
  const ran = await runDsgen(project, ["build", "--wait", "train.jsonl"]);
  expect(ran.stderr).not.toMatch(/^error/m);
  expect(ran.code).toBe(0);
  const ids = (file: string) => new Set(jsonLines(project.read(file)).map(({ scenario_id }) => scenario_id));
  const [train, test] = [ids("train.jsonl"), ids("test.jsonl")];
  expect(test.size).toBeGreaterThan(0);
  expect([...test].filter((id) => train.has(id))).toEqual([]);
  expect(train.size + test.size).toBe(ids("dataset.jsonl").size);
});

it("axes-from-csv: a target before the dataset decides what requests ask", async () => {
  const project = projectWith("axes-from-csv");
  edit(project, "config/tasks/trivia.yaml", /topic: \[.*\]/, "topic: { file: axes/topics.txt }");
  const ran = await runDsgen(project, ["build", "--wait", "trivia.jsonl"]);
  expect(ran.stderr).not.toMatch(/^error/m);
  expect(ran.code).toBe(0);
  expect(project.read("axes/topics.txt")).toBe("gardens\nmusic\ntravel\n");
  const topics = jsonLines(project.read("requests/trivia/request_batch0.axes.jsonl")).map((line) =>
    JSON.stringify(line),
  );
  for (const topic of ["gardens", "music", "travel"]) expect(topics.join("")).toContain(topic);
  edit(project, "topics.csv", "banks,no", "banks,yes");
  const explained = await runDsgen(project, ["explain", "requests/trivia/request_batch0.jsonl"]);
  expect(explained.stdout).toContain("topics.csv");
});
