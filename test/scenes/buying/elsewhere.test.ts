import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openOpenAiProvider } from "../../../src/providers/openai/provider.ts";
import { KEY, makeProject, type Provider, runDsgen, type SceneProject, startProvider } from "../support/project.ts";
import { handRun } from "../support/scripts.ts";
import { executed, jsonLines, jsonObject, lineOf } from "../support/shipped.ts";

/* Answers that were paid for elsewhere, or are found again: import, recover, real time, partial results, the bill. */

const SMALL = { batches: 3, requestsPerBatch: 4 };
let provider: Provider;
let source: SceneProject;
let scripts: string;

beforeAll(async () => {
  provider = await startProvider({ timing: "instant" });
  source = makeProject(SMALL);
  expect((await runDsgen(source, ["build", "--wait"], { url: provider.url })).code).toBe(0);
  scripts = handRun(source, SMALL.batches);
});
afterAll(async () => {
  await provider.remove();
  source.remove();
  rmSync(scripts, { recursive: true, force: true });
});

describe("import", () => {
  it("takes a folder of hand-run scripts, and a build pays for nothing of it", async () => {
    const project = makeProject(SMALL);
    try {
      const before = await executed(provider);
      const imported = await runDsgen(project, ["import", scripts, "--json"], { url: provider.url });
      expect(imported.code, imported.stderr).toBe(0);
      expect(lineOf(imported.stdout, "imported")).toMatchObject({
        requests: 12,
        taken: 12,
        known: 0,
        unplaced: {},
        failed: 0,
        simulated: 0,
      });
      const built = await runDsgen(project, ["build"], { url: provider.url });
      expect(built.code, built.stderr).toBe(0);
      expect(project.read("dataset.jsonl")).toBe(source.read("dataset.jsonl"));
      expect(await executed(provider)).toBe(before);
      const again = await runDsgen(project, ["import", scripts, "--json"], { url: provider.url });
      expect(lineOf(again.stdout, "imported")).toMatchObject({ taken: 0, known: 12 });
    } finally {
      project.remove();
    }
  });

  it("takes one downloaded output file with its input file, and says what it cannot place", async () => {
    const project = makeProject(SMALL);
    try {
      const input = join(scripts, "requests", "tiny", "request_batch0.jsonl");
      const output = project.path("downloaded.jsonl");
      const stranger = '{"custom_id":"of-another-project","response":{"status_code":200,"body":{}},"error":null}\n';
      writeFileSync(
        output,
        readFileSync(join(scripts, "batch_outputs", "tiny", "output_batch0.jsonl"), "utf8") + stranger,
      );
      const ran = await runDsgen(project, ["import", "--input", input, "--output", output, "--json"], {
        url: provider.url,
      });
      expect(lineOf(ran.stdout, "imported")).toMatchObject({ taken: 4, unplaced: { [output]: 1 } });
      const plan = await runDsgen(project, ["plan", "--json"], { url: provider.url });
      expect(lineOf(plan.stdout, "plan-total")).toMatchObject({ requests: 8, reused: 4 });
    } finally {
      project.remove();
    }
  });

  it("never takes made-up answers for real ones", async () => {
    const project = makeProject(SMALL);
    try {
      const input = source.path("requests/tiny/request_batch0.jsonl");
      const output = source.path("batch_outputs/tiny/output_batch0.jsonl");
      const ran = await runDsgen(project, ["import", "--input", input, "--output", output, "--json"], {
        url: provider.url,
      });
      expect(lineOf(ran.stdout, "imported")).toMatchObject({ taken: 0, simulated: 4 });
    } finally {
      project.remove();
    }
  });

  it("adopts a batch that a script has left running", async () => {
    const own = await startProvider();
    const client = openOpenAiProvider({ apiKey: KEY, baseUrl: `${own.url}/v1` });
    const project = makeProject(SMALL);
    const folder = handRun(source, SMALL.batches);
    try {
      rmSync(join(folder, "batch_outputs"), { recursive: true });
      const entries = [];
      for (let i = 0; i < SMALL.batches; i++) {
        const file = join(folder, "requests", "tiny", `request_batch${i}.jsonl`);
        const uploaded = await client.upload({ path: file, filename: `request_batch${i}.jsonl` });
        if (!uploaded.ok) throw new Error(uploaded.error.kind);
        const batch = await client.createBatch({
          inputFileId: uploaded.value.id,
          endpoint: "/v1/chat/completions",
          metadata: {},
        });
        if (!batch.ok) throw new Error(batch.error.kind);
        entries.push({
          batch_file: `requests/tiny/request_batch${i}.jsonl`,
          batch_id: batch.value.id,
          file_id: uploaded.value.id,
          status: "in_progress",
        });
      }
      writeFileSync(join(folder, "requests", "tiny", "batch_metadata.json"), JSON.stringify(entries));
      const imported = await runDsgen(project, ["import", folder, "--json"], { url: own.url });
      expect(lineOf(imported.stdout, "imported")).toMatchObject({
        taken: 0,
        adopted: entries.map((entry) => entry.batch_id),
      });
      const built = await runDsgen(project, ["build", "--wait"], { url: own.url });
      expect(built.code, built.stderr).toBe(0);
      expect((await own.finalLedger()).charges).toHaveLength(12);
      expect(project.read("dataset.jsonl").length).toBeGreaterThan(0);
    } finally {
      await client.close();
      await own.remove();
      project.remove();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("recover", () => {
  it("finds the jobs of a project whose cache is gone, and the next build pays for nothing", async () => {
    const own = await startProvider({ timing: "instant" });
    const project = makeProject(SMALL);
    try {
      expect((await runDsgen(project, ["build", "--wait"], { url: own.url })).code).toBe(0);
      const dataset = project.read("dataset.jsonl");
      rmSync(project.path(".dsgen-cache"), { recursive: true });
      rmSync(project.path("batch_outputs"), { recursive: true });
      const recovered = await runDsgen(project, ["recover", "--json"], { url: own.url });
      expect(recovered.code, recovered.stderr).toBe(0);
      expect(lineOf(recovered.stdout, "recovered")).toMatchObject({ adopted: 3, left: [], collected: 3 });
      const built = await runDsgen(project, ["build"], { url: own.url });
      expect(built.code, built.stderr).toBe(0);
      expect(project.read("dataset.jsonl")).toBe(dataset);
      expect((await own.finalLedger()).creates).toHaveLength(3);
    } finally {
      await own.remove();
      project.remove();
    }
  });
});

describe("real time", () => {
  it("answers the same requests, and batch mode reuses its answers; a partial dataset is marked, and beside the whole one", async () => {
    const own = await startProvider({ timing: "instant" });
    const project = makeProject(SMALL);
    try {
      const pilot = await runDsgen(project, ["build", "--realtime", "--limit", "5"], { url: own.url });
      expect(pilot.code, pilot.stderr).toBe(0);
      expect((await own.ledger()).charges).toHaveLength(5);
      const plan = await runDsgen(project, ["plan", "--json"], { url: own.url });
      expect(lineOf(plan.stdout, "plan-total")).toMatchObject({ requests: 7, reused: 1 });

      const partial = await runDsgen(project, ["build", "--partial"], { url: own.url });
      expect(partial.code, partial.stderr).toBe(0);
      expect(jsonObject(project.read("dataset.partial.manifest.json"))["partial"]).toBe(true);
      const some = jsonLines(project.read("dataset.partial.jsonl")).length;
      expect(existsSync(project.path("dataset.jsonl"))).toBe(false);
      expect((await own.ledger()).charges).toHaveLength(5);

      const whole = await runDsgen(project, ["build", "--wait"], { url: own.url });
      expect(whole.code, whole.stderr).toBe(0);
      expect(jsonObject(project.read("dataset.manifest.json"))["partial"] ?? false).toBe(false);
      expect(jsonLines(project.read("dataset.jsonl")).length).toBeGreaterThan(some);
      expect((await own.finalLedger()).charges).toHaveLength(12);
      const again = await runDsgen(project, ["build", "--realtime"], { url: own.url });
      expect(again.code, again.stderr).toBe(0);
      expect((await own.finalLedger()).charges).toHaveLength(12);
    } finally {
      await own.remove();
      project.remove();
    }
  });
});

describe("cost", () => {
  it("counts each answer once, from its usage, and what reuse has saved", async () => {
    const own = await startProvider({ timing: "instant" });
    const project = makeProject(SMALL);
    try {
      expect((await runDsgen(project, ["build", "--wait"], { url: own.url })).code).toBe(0);
      const recut = ["--set", "tiny.batches=2", "--set", "tiny.requests_per_batch=6"];
      expect((await runDsgen(project, ["build", "--wait", ...recut], { url: own.url })).code).toBe(0);
      const cost = lineOf((await runDsgen(project, ["cost", "--json"], { url: own.url })).stdout, "cost");
      const charges = (await own.finalLedger()).charges;
      expect(charges).toHaveLength(12);
      const usage = jsonLines([0, 1, 2].map((i) => project.read(`batch_outputs/tiny/output_batch${i}.jsonl`)).join(""));
      expect(usage.length).toBeGreaterThan(0);
      expect(cost["spent"]).toMatchObject([{ task: "tiny", model: "gpt-4o", via: "batch", answers: 12 }]);
      expect(cost["saved"]).toMatchObject([{ requests: 6 }, { requests: 6 }]);
      // Bought once, reused once whole: what was saved is what was spent.
      expect(cost["savedUsd"]).toBeCloseTo(Number(cost["spentUsd"]), 10);
      expect(cost["inFlightUsd"]).toBe(0);
    } finally {
      await own.remove();
      project.remove();
    }
  });

  it("refuses to send what might pass a limit, and sends nothing of it", async () => {
    const own = await startProvider({ timing: "instant" });
    const project = makeProject({ ...SMALL, model: ["encoding: o200k_base"] });
    try {
      const refused = await runDsgen(project, ["build", "--wait", "--max-cost", "0.001"], { url: own.url });
      expect(refused.code).toBe(3);
      expect(refused.stderr).toContain("--max-cost");
      expect((await own.finalLedger()).creates).toHaveLength(0);
      const budget = await runDsgen(project, ["build", "--wait", "--set", "dsgen.budget=0.001"], { url: own.url });
      expect(budget.code).toBe(3);
      expect((await runDsgen(project, ["build", "--wait", "--max-cost", "5"], { url: own.url })).code).toBe(0);
    } finally {
      await own.remove();
      project.remove();
    }
  });
});

describe("early stop", () => {
  it("needs no later batch once the earlier ones hold enough, and --cancel-surplus ends those under way", async () => {
    const slow = await startProvider({
      timing: { validatingMs: 10, perRequestMs: 1, finalizingMs: 1, staggerMs: 30_000, answerMs: 0 },
    });
    const project = makeProject({ ...SMALL, batches: 6, targetScenarios: 3 });
    try {
      // Batches start up to half a minute apart: some are done at once, the others are still under way then.
      const first = await runDsgen(project, ["build"], { url: slow.url });
      expect([0, 75]).toContain(first.code);
      const ended = await runDsgen(project, ["build", "--wait", "--cancel-surplus", "--json"], {
        url: slow.url,
        deadlineMs: 90_000,
      });
      expect(ended.code, ended.stderr).toBe(0);
      expect(jsonLines(project.read("dataset.jsonl"))).toHaveLength(6);
      const status = await runDsgen(project, ["status", "--json"], { url: slow.url });
      const standing = jsonLines(status.stdout).filter((line) => line["type"] === "job-status");
      expect(standing).toHaveLength(6);
      expect(standing.every((line) => ["completed", "cancelled", "cancelling"].includes(String(line["status"])))).toBe(
        true,
      );
    } finally {
      await slow.remove();
      project.remove();
    }
  });

  it("is proven by the dataset alone: a build of something else ends no batch that it waits for", async () => {
    const slow = await startProvider({
      timing: { validatingMs: 600_000, perRequestMs: 1, finalizingMs: 1, staggerMs: 0, answerMs: 0 },
    });
    const project = makeProject({ ...SMALL, batches: 1 });
    try {
      const build = (...args: string[]) => runDsgen(project, ["build", "--cancel-surplus", ...args], { url: slow.url });
      const sent = await build("requests/tiny/batch_metadata.json");
      expect([sent.code, sent.stdout]).toEqual([0, expect.not.stringContaining("nothing was sent")]);
      await build("requests/tiny/request_batch0.jsonl");
      expect((await build("--partial")).code).toBe(1);
      const status = await runDsgen(project, ["status", "--json"], { url: slow.url });
      expect(lineOf(status.stdout, "job-status")).toMatchObject({ status: "validating" });
    } finally {
      await slow.remove();
      project.remove();
    }
  });
});
