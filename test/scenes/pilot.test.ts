import { existsSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeProject, type Provider, type Ran, runDsgen, type SceneProject, startProvider } from "./support/project.ts";
import { jsonLines } from "./support/shipped.ts";

/* A pilot: a few requests call by call, a file of what came of them, and what the rest would take. Then a person decides. */

let provider: Provider;
let project: SceneProject;

beforeEach(async () => {
  provider = await startProvider();
  project = makeProject({ batches: 3, requestsPerBatch: 4, targetScenarios: 30 });
});
afterEach(async () => {
  project.remove();
  await provider.remove();
});

function dsgen(...args: readonly string[]): Promise<Ran> {
  return runDsgen(project, args, { url: provider.url });
}

it("ends with 0, its own file, its yield and what the rest would cost; it buys no more than it was told", async () => {
  const ran = await dsgen("build", "--realtime", "--limit", "5");
  expect(ran.code, ran.stderr).toBe(0);
  expect(ran.stdout).toMatch(/^Pilot of tiny$/m);
  expect(ran.stdout).toMatch(/^ {2}requests answered +5 of 12$/m);
  expect(ran.stdout).toMatch(/^ {2}valid +\d+ \(\d+\.\d %\)$/m);
  expect(ran.stdout).toMatch(/^ {2}file +pilot\/tiny\.jsonl$/m);
  expect(ran.stdout).toMatch(/^The rest: 7 requests in batch jobs, cost (unknown|\$[\d.]+(, at most \$[\d.]+)?)\.$/m);
  expect(ran.stdout).toMatch(/about \d+ valid ones more, duplicates among them; 30 are wanted\.$/m);
  expect(ran.stdout + ran.stderr).not.toMatch(/[Ww]aiting/);

  const lines = jsonLines(project.read("pilot/tiny.jsonl"));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(line).toMatchObject({ valid: expect.any(Boolean), pair: {}, from: {} });
  const inspected = await dsgen("inspect", "pilot/tiny.jsonl");
  expect(inspected.code, inspected.stderr).toBe(0);

  // The first request file is answered whole and is what any build would make of it; nothing half done is placed.
  for (const path of ["dataset.jsonl", "dataset.partial.jsonl", "validated/tiny/shard1.jsonl"])
    expect(existsSync(project.path(path)), path).toBe(false);
  const { charges, creates } = await provider.finalLedger();
  expect([charges.length, creates.length]).toEqual([5, 0]);
});

it("a second pilot's file holds what both have asked, and the build after them buys only the rest", async () => {
  expect((await dsgen("build", "--realtime", "--limit", "2")).code).toBe(0);
  const before = jsonLines(project.read("pilot/tiny.jsonl")).length;
  const again = await dsgen("build", "--realtime", "--limit", "3");
  expect(again.code, again.stderr).toBe(0);
  expect(again.stdout).toMatch(/requests answered +5 of 12/);
  expect(jsonLines(project.read("pilot/tiny.jsonl")).length).toBeGreaterThan(before);
  const built = await dsgen("build", "--wait");
  expect(built.code, built.stderr).toBe(0);
  const { charges } = await provider.finalLedger();
  expect(charges).toHaveLength(12);
  expect(charges.filter(({ batchId }) => batchId === null)).toHaveLength(5);
});

it("--json tells the pilot and ends with build-finished", async () => {
  const ran = await dsgen("build", "--realtime", "--limit", "1", "--json");
  expect(ran.code).toBe(0);
  const events = jsonLines(ran.stdout);
  const last = events.at(-1);
  expect(last).toMatchObject({ type: "build-finished", outcome: "pilot" });
  expect(events.filter(({ type }) => type === "pilot")).toEqual([
    expect.objectContaining({
      task: "tiny",
      requests: 12,
      answered: 1,
      wanted: 30,
      rest: expect.objectContaining({ requests: 11 }),
    }),
  ]);
});

it("a limit that all requests fit in makes the dataset: that is no pilot any more", async () => {
  const ran = await dsgen("build", "--realtime", "--limit", "12");
  expect(ran.code, ran.stderr).toBe(0);
  expect(existsSync(project.path("dataset.jsonl"))).toBe(true);
  expect(existsSync(project.path("pilot"))).toBe(false);
});

it("a pilot in which a call fails is a failure", async () => {
  await provider.remove();
  const ran = await dsgen("build", "--realtime", "--limit", "2");
  expect(ran.code).toBe(1);
  expect(existsSync(project.path("pilot"))).toBe(false);
});

it("--limit bounds calls only: with batch jobs it is refused", async () => {
  const ran = await dsgen("build", "--limit", "2");
  expect(ran.code).toBe(2);
  expect(ran.stderr).toMatch(/--realtime/);
});
