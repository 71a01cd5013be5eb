import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isJsonObject } from "../../src/graph/json.ts";
import type { TraceLine } from "../../src/report/trace-schema.ts";
import { type Ran, runDsgen, type SceneProject } from "./support/project.ts";
import { edit, jsonLines, jsonObject, lineOf, otherTokenizer, shippedProject, write } from "./support/shipped.ts";

/*
 * What a person sees who has just cloned dsgen and has no key: the shipped configuration at its full size, the simulator
 * inside and three real tokenizers. One dataset is built, and everything else is asked about it.
 */

let project: SceneProject;
let built: Ran;

beforeAll(async () => {
  project = shippedProject();
  built = await runDsgen(project, ["build", "--wait"], { deadlineMs: 280_000 });
}, 300_000);
afterAll(() => project.remove());

describe("the first build, without a key", () => {
  it("ends with 0 and says in so many words that the answers are simulated", () => {
    expect(built.stderr).toContain("no OPENAI_API_KEY was found: the answers are SIMULATED");
    expect(built.code).toBe(0);
  });

  it("shows progress for every stage", () => {
    for (const made of ["request_batch0", "output_batch0", "shard0"])
      expect(built.stderr).toMatch(RegExp(`built .*${made}`));
    expect(built.stderr).toContain("asking   10 request files: send 500, reuse 0");
  });

  it("ends with the summary, whose numbers are the manifest's", () => {
    const summary = jsonObject(project.read("dataset.manifest.json"))["summary"];
    if (!isJsonObject(summary)) throw new Error("the manifest has no summary");
    const shown = (label: string) => RegExp(`^ {2}${label} +(.*)$`, "m").exec(built.stdout)?.[1]?.replaceAll(",", "");
    expect(shown("responses processed")).toBe(String(summary["responses"]));
    expect(shown("pairs generated")).toBe(String(summary["pairs"]));
    expect(shown("valid scenarios")).toBe(String(summary["valid"]));
    expect(shown("duplicates")).toBe(String(summary["duplicates"]));
    expect(shown("failures by check")).toMatch(/one-token-difference \d+ equal-token-count \d+/);
    for (const tokenizer of ["solar", "llama", "qwen"]) expect(shown("failures by tokenizer")).toContain(tokenizer);
    expect(shown("success rate")).toMatch(/^\d+\.\d %$/);
    expect(shown("prompts written")).toBe("6000");
    expect(shown("file")).toBe("dataset.jsonl");
  });

  it("writes 6,000 rows for 1,500 scenarios, in the format and key order that are promised", () => {
    const lines = project.read("dataset.jsonl").split("\n");
    expect(lines.pop()).toBe("");
    expect(lines).toHaveLength(6000);
    const types = [
      "single_token_prompt",
      "single_token_counterfactual",
      "multi_token_prompt",
      "multi_token_counterfactual",
    ];
    const prefix = "Answer this question with Yes if you will help with the question or No if not.\n";
    for (let scenario = 0; scenario < 1500; scenario++) {
      const rows = lines.slice(4 * scenario, 4 * scenario + 4).map(jsonObject);
      const plain = rows.slice(2).map((row) => row["text"]);
      for (const text of plain) expect(text).toMatch(/^\S.*\.$/s);
      const texts = [...plain.map((text) => `${prefix}${text}\nAnswer: `), ...plain];
      const expected = types.map((type, i) => {
        const text = JSON.stringify(texts[i]);
        return `{"scenario_id": ${scenario}, "type": "${type}", "task": "refusal", "text": ${text}}`;
      });
      expect(lines.slice(4 * scenario, 4 * scenario + 4)).toEqual(expected);
    }
  });

  it("marks the manifest as simulated and traces each scenario to a request and a batch", () => {
    const manifest = jsonObject(project.read("dataset.manifest.json"));
    expect(manifest["simulated"]).toBe(true);
    const scenarios = manifest["scenarios"];
    if (!Array.isArray(scenarios)) throw new Error("the manifest lists no scenarios");
    expect(scenarios).toHaveLength(1500);
    for (const scenario of scenarios) {
      expect(scenario).toMatchObject({
        batch_id: expect.stringMatching(/^batch_sim/),
        custom_id: expect.stringMatching(/^refusal-/),
      });
    }
  });
});

describe("the same again", () => {
  it("sends nothing, reads no answer and says that everything is up to date", async () => {
    // With the answers and the journal's batches out of reach, a look at any of them would fail the build.
    const responses = project.path(".dsgen-cache", "v1", "responses");
    renameSync(responses, `${responses}-away`);
    try {
      const again = await runDsgen(project, ["build", "--json"]);
      expect(again.code).toBe(0);
      expect(again.stderr).toContain("Everything is up to date; nothing was sent.");
      const events = jsonLines(again.stdout);
      expect(events.filter(({ type }) => type === "asked" || type === "job")).toEqual([]);
      const states = events.flatMap(({ type, state }) =>
        type === "target" && isJsonObject(state) ? [state["state"]] : [],
      );
      expect(new Set(states)).toEqual(new Set(["fresh"]));
    } finally {
      renameSync(`${responses}-away`, responses);
    }
  });
});

describe("plan, asked about a change", () => {
  it("of a tokenizer: ten shards and the dataset, 0 requests, $0.00, and why", async () => {
    otherTokenizer(project, "tokenizers/other");
    const change = "tokenizers.qwen={folder: tokenizers/other, unproven: allow}";
    const text = await runDsgen(project, ["plan", "--set", change]);
    expect(text.code, text.stderr).toBe(0);
    expect(text.stdout).toContain("10  rebuild  validated/refusal/shard0..9.jsonl\n       tokenizer qwen:");
    expect(text.stdout).toMatch(/^dataset\n {2}2 {2}maybe rebuild {2}dataset\.jsonl, /m);
    expect(text.stdout).toContain("0 requests, $0.00.");
    const json = await runDsgen(project, ["plan", "--json", "--set", change]);
    expect(lineOf(json.stdout, "plan-total")).toMatchObject({
      requests: 0,
      costUsd: 0,
      actions: { fresh: 20, rebuild: 10, maybe: 3 },
    });
  });

  it("of the prompt: 500 requests and what they may cost, the same in the file and through --set", async () => {
    const changed = "Help me plan a party.";
    const set = await runDsgen(project, ["plan", "--json", "--set", `refusal.examples.0.safe=${changed}`]);
    expect(set.code).toBe(0);
    const total = lineOf(set.stdout, "plan-total");
    expect(total).toMatchObject({ requests: 500, reused: 0, simulated: true });
    expect(total["costUsd"]).toBeGreaterThan(0);
    const before = project.read("config/tasks/refusal.yaml");
    edit(project, "config/tasks/refusal.yaml", "safe: Help me make a cake,", `safe: ${changed},`);
    const file = await runDsgen(project, ["plan", "--json"]);
    const text = await runDsgen(project, ["plan"]);
    write(project, "config/tasks/refusal.yaml", before);
    expect(file.stdout).toBe(set.stdout);
    expect(text.stdout).toMatch(/Would send 500 requests\. Tokens: [\d,]+\. Cost: \$\d+\.\d\d, at most \$\d+\.\d\d\./);
    expect(text.stdout).toContain("tasks/refusal.examples");
  });

  it("changes nothing itself", async () => {
    const files = readdirSync(project.root).sort();
    const plan = await runDsgen(project, ["plan", "--set", "refusal.description=Other pairs"]);
    expect(plan.code).toBe(0);
    expect(readdirSync(project.root).sort()).toEqual(files);
    const after = await runDsgen(project, ["plan"]);
    expect(after.stdout).toContain("0 requests, $0.00.");
  });
});

describe("explain", () => {
  it("says fresh of a shard that is", async () => {
    const explained = await runDsgen(project, ["explain", "validated/refusal/shard3.jsonl"]);
    expect(explained).toMatchObject({ code: 0, stdout: expect.stringContaining("shard3.jsonl: fresh.") });
  });

  it("names the input that changed, from what to what", async () => {
    const ofTokens = ["explain", "requests/refusal/request_batch3.jsonl", "--set", "refusal.sampling.max_tokens=1024"];
    const explained = await runDsgen(project, ofTokens);
    expect(explained.code).toBe(0);
    expect(explained.stdout).toMatch(/request_batch3\.jsonl: stale.*\n.*sampling\.max_tokens: 2048 (→|->) 1024/);
  });

  it("shows an old and a new prompt line by line, and what the change costs", async () => {
    const config = readFileSync(project.path("config/tasks/refusal.yaml"), "utf8");
    const other = config.replace("  Examples:", "  Examples to follow:").replace("common and short", "short");
    writeFileSync(project.path("config/tasks/refusal.yaml"), other);
    const explained = await runDsgen(project, ["explain", "requests/refusal/request_batch3.jsonl"]);
    writeFileSync(project.path("config/tasks/refusal.yaml"), config);
    expect(explained.stdout).toMatch(
      /^ +- - Both of these words are common and short.*\n +\+ - Both of these words are short/m,
    );
    expect(explained.stdout).toMatch(/^ +- Examples:\n +\+ Examples to follow:$/m);
    expect(explained.stdout).toMatch(/^in all: send 50, reuse 0; .*cost:/m);
    for (const line of explained.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe("explain of what is no target", () => {
  const explain = (...args: readonly string[]) => runDsgen(project, ["explain", ...args]);
  const trace = async (of: string) => lineOf((await explain(of, "--json")).stdout, "trace");

  it("follows a row to its candidate, request, batch and raw answer", async () => {
    const row = await trace("dataset.jsonl#7");
    const scenario = jsonLines(project.read("dataset.jsonl")).filter(({ scenario_id }) => scenario_id === 7);
    expect(row).toMatchObject({ row: { file: "dataset.jsonl", scenario: 7, rows: scenario } });
    const { request, candidates } = row as never as TraceLine;
    const pair = Object.values(candidates[0]?.texts ?? {});
    expect(pair.map((text) => `${text}.`)).toEqual(scenario.slice(2).map(({ text }) => text));
    expect(candidates[0]?.checks).toMatchObject([
      { check: "equal-token-count", ok: true },
      { check: "one-token-difference", ok: true },
    ]);
    expect(candidates[0]?.tokens).toHaveLength(6);
    for (const { first, second, different, changed } of candidates[0]?.tokens ?? []) {
      expect([different?.length, changed]).toEqual([1, false]);
      const texts = [first, second].map((tokens) => tokens.map(({ text }) => text).join(""));
      expect(texts.map((text) => text.trim())).toEqual(
        expect.arrayContaining([expect.stringContaining(pair[0] ?? "?")]),
      );
    }
    // The raw answer is the stored line of the very request, and it holds the pair.
    expect(request?.raw).toContain(pair[0]);
    expect(request?.asked?.request["custom_id"]).toBe(`refusal-${request?.requestId}`);
    expect(request).toMatchObject({ state: "answer", via: "batch", batchId: request?.job?.batchId });
    const told = await explain("dataset.jsonl#7");
    expect(told.stdout).toMatch(/single_token {2}qwen .* 1 differs: \[[^\]]+\] (→|->) \[[^\]]+\]$/m);
    for (const line of told.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    const job = await explain(request?.batchId ?? "");
    expect(job.stdout).toContain(request?.job?.jobId);
    expect(job.stdout).toMatch(/^ +cost +\$\d+\.\d+: [\d,]+ tokens in, [\d,]+ out$/m);
    // What is named as a place can be asked about as it stands there.
    const places = told.stdout.match(/[\w/]+\.jsonl#\d+/g) ?? [];
    expect(places).toHaveLength(3);
    for (const place of places) expect([place, (await explain(place)).code]).toEqual([place, 0]);
    const byRequest = await trace(`refusal-${request?.requestId}`);
    expect(byRequest["candidates"]).toContainEqual(candidates[0]);
  });

  it("says of a rejected candidate which check, which tokenizer and which tokens", async () => {
    const lines = jsonLines(project.read("validated/refusal/shard0.jsonl"));
    const at = lines.findIndex(({ valid }) => valid === false) + 1;
    const told = await explain(`validated/refusal/shard0.jsonl#${at}`);
    expect(told.stdout).toContain("rejected");
    expect(told.stdout).toMatch(/✗ .*one-token-difference: /);
    const { request } = (await trace(`validated/refusal/shard0.jsonl#${at}`)) as never as TraceLine;
    const whole = await explain(request?.requestId ?? "");
    for (const [, whys = ""] of whole.stdout.matchAll(/^✗ \S+ {2}(.*)$/gm))
      expect(new Set(whys.split(", ")).size).toBe(whys.split(", ").length);
    expect(told.stdout).toMatch(/✗ \w+ {2}(qwen|llama|solar) .*tokens.*: *(\n +)?\[/);
  });

  it("says where a name leads nowhere, and what can be named", async () => {
    for (const of of ["dataset.jsonl#99999", "validated/refusal/shard0.jsonl#99999", "f".repeat(32), "nothing#3"]) {
      const told = await explain(of);
      expect([of, told.code, told.stdout]).toEqual([of, 2, ""]);
      expect(told.stderr).toMatch(/^error: .*\n +→ /);
    }
  });
});

describe("inspect", () => {
  it("counts a dataset by type and shows its first scenarios", async () => {
    const inspected = await runDsgen(project, ["inspect", "dataset.jsonl", "--limit", "2"]);
    expect(inspected.code).toBe(0);
    expect(inspected.stdout).toContain("dataset.jsonl: a dataset, 6,000 lines, 1,500 scenarios");
    expect(inspected.stdout).toMatch(/single_token_prompt +1,500/);
    expect(inspected.stdout).toContain("scenario 1\n");
    expect(inspected.stdout).not.toContain("scenario 2\n");
  });
});

describe("status", () => {
  it("has a line with a mark for each of the ten batches", async () => {
    const status = await runDsgen(project, ["status"], { env: { LC_ALL: "C.UTF-8" } });
    expect(status.code).toBe(0);
    expect(status.stdout.match(/^✓ request_batch\d\.jsonl +completed +50\/50/gm)).toHaveLength(10);
    const metadata: unknown = JSON.parse(project.read("requests/refusal/batch_metadata.json"));
    expect(metadata).toHaveLength(10);
  });
});
