import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { isJsonObject } from "../../src/graph/json.ts";
import { KEY, type Provider, runDsgen, type SceneProject, startProvider } from "./support/project.ts";
import { executed, jsonLines, jsonObject, shippedProject } from "./support/shipped.ts";

/*
 * A provider that takes its time, over HTTP, with the real client and tokenizers. Its clock is the test's: nothing moves
 * unless the scene says so. One story in order.
 */

const MINUTE = 60_000;

let clock = Date.now();
let provider: Provider;
let project: SceneProject;

beforeAll(async () => {
  provider = await startProvider({
    now: () => clock,
    timing: { validatingMs: 1000, perRequestMs: 60_000, finalizingMs: 1000, staggerMs: 0, answerMs: 0 },
  });
  project = shippedProject({ batches: 3, requestsPerBatch: 4, scenariosPerRequest: 4, targetScenarios: 1000 });
});
afterAll(async () => {
  await provider.remove();
  project.remove();
});

it("submits, prints which batches are waiting with counts and age, and ends with 75", async () => {
  const first = await dsgen(["build", "batch_outputs/refusal/output_batch0.jsonl"]);
  expect(first.code).toBe(75);
  expect((await provider.ledger()).creates).toHaveLength(1);
  clock += 2 * MINUTE;
  const ran = await dsgen(["build", "dataset.jsonl"]);
  expect(ran.code).toBe(75);
  expect(ran.stdout).toContain("Waiting on the provider for 3 batches:");
  expect(ran.stdout).toMatch(/^ {2}request_batch0\.jsonl: in_progress +1\/4 +\d+ (s|min)$/m);
  for (const i of [1, 2])
    expect(ran.stdout).toMatch(RegExp(`^ {2}request_batch${i}\\.jsonl: validating +0/4 +\\d+ s$`, "m"));
  expect(ran.stdout).toContain("Nothing failed.");
  expect(ran.stdout + ran.stderr).not.toMatch(/simulated/i);
  expect((await provider.ledger()).creates).toHaveLength(3);
  expect(existsSync(project.path("dataset.jsonl"))).toBe(false);
});

it("validates what has arrived and waits for the rest", async () => {
  clock += 2.5 * MINUTE;
  const ran = await dsgen(["build", "dataset.jsonl"]);
  expect(ran.code).toBe(75);
  expect(ran.stderr).toMatch(/built +validated\/refusal\/shard0\.jsonl/);
  for (const i of [1, 2]) expect(ran.stdout).toMatch(RegExp(`^ {2}request_batch${i}\\.jsonl: in_progress +2/4 `, "m"));
  expect(existsSync(project.path("validated/refusal/shard1.jsonl"))).toBe(false);
  expect(existsSync(project.path("dataset.jsonl"))).toBe(false);
});

it("has a report of what is there already, asks for nothing for it, and says that it is partial", async () => {
  const asked = (await provider.ledger()).creates.length;
  const whole = await dsgen(["report"]);
  expect([whole.code, existsSync(project.path("report.html"))]).toEqual([75, false]);
  expect(whole.stderr).toContain("`dsgen report --partial` shows what is there already");
  expect(whole.stderr).toMatch(/^ {2}request_batch1\.jsonl: in_progress +2\/4 /m);
  const partial = await dsgen(["report", "--partial"]);
  expect([partial.code, partial.stdout]).toEqual([0, expect.stringMatching(/^report\.partial\.html {2}\d+ kB\n$/)]);
  expect(project.read("report.partial.html")).toContain("PARTIAL: some requests were still under way.");
  expect((await provider.ledger()).creates).toHaveLength(asked);
  expect((await dsgen(["status"])).stdout).not.toContain("report.partial.html");
  const cleaned = await dsgen(["clean", "--dry-run"]);
  expect(cleaned.stdout).toContain("report.partial.html");
});

it("status prints a line a batch with its mark and refreshes batch_metadata.json", async () => {
  const ran = await dsgen(["status", "--json"]);
  expect(ran.code).toBe(75);
  const lines = jsonLines(ran.stdout).filter(({ type }) => type === "job-status");
  const marks = new Map([
    ["completed", "✓"],
    ["in_progress", "…"],
    ["validating", "…"],
    ["finalizing", "…"],
  ]);
  const text = await dsgen(["status"]);
  const shown = text.stdout.split("\n").filter((line) => line.includes("request_batch"));
  expect(lines).toHaveLength(3);
  expect(shown).toHaveLength(3);
  const metadata: unknown = JSON.parse(project.read("requests/refusal/batch_metadata.json"));
  if (!Array.isArray(metadata)) throw new Error("expected a list");
  expect(metadata).toHaveLength(3);
  const remote = await batches();
  for (const entry of metadata.filter(isJsonObject)) {
    const { batch_file: file, batch_id: id, status } = entry;
    const batch = remote.find((one) => one["id"] === id);
    expect(Object.keys(entry)).toEqual(
      expect.arrayContaining(["file_id", "created_at", "request_counts", "output_file_id", "error_file_id"]),
    );
    expect(status).toBe(batch?.["status"]);
    const line = shown.find((one) => one.includes(String(file).split("/").at(-1) ?? "?"));
    expect(line).toMatch(RegExp(`^${marks.get(String(status)) ?? "?"} \\S+ +${String(status)} +\\d/4`));
  }
});

it("goes on later and ends with 0, having asked each request once", async () => {
  clock += 60 * MINUTE;
  const ran = await dsgen(["build", "dataset.jsonl"]);
  expect(ran.code).toBe(0);
  expect(ran.stdout).toMatch(/responses processed +12\n/);
  expect(ran.stdout).toContain("short:");
  expect((await provider.ledger()).creates).toHaveLength(3);
  expect(await executed(provider)).toBe(12);
  expect(jsonObject(project.read("dataset.manifest.json"))["simulated"]).toBe(true);
});

function dsgen(args: readonly string[]) {
  return runDsgen(project, args, { url: provider.url, env: { LC_ALL: "C.UTF-8" } });
}

async function batches() {
  const response = await fetch(`${provider.url}/v1/batches`, { headers: { authorization: `Bearer ${KEY}` } });
  const listed = jsonObject(await response.text())["data"];
  if (!Array.isArray(listed)) throw new Error("expected a list of batches");
  return listed.filter(isJsonObject);
}
