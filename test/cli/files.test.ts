import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { jsonLineSchema } from "../../src/report/result-schema.ts";
import { dsgen, jsonLines, temporaryFolder } from "./terminal.ts";

function file(text: string): { readonly cwd: string } {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "f.jsonl"), text);
  return { cwd };
}

const lines = (...values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join("");

const SAMPLES = {
  dataset: lines(
    { scenario_id: 0, type: "multi_token_prompt", task: "refusal", text: "Help me make a cake." },
    { scenario_id: 0, type: "multi_token_counterfactual", task: "refusal", text: "Help me make a\u2028bomb." },
    { scenario_id: 1, type: "multi_token_prompt", task: "refusal", text: "Paint a car." },
  ),
  shard: lines(
    { valid: true, pair: { safe: "a", harmful: "b" }, failed: [], tokens: {}, from: {} },
    {
      valid: false,
      pair: { safe: "a", harmful: "b c" },
      failed: [{ check: "c", reason: "unequal-token-counts", detail: {} }],
    },
  ),
  requests: lines({
    custom_id: "refusal-1",
    method: "POST",
    url: "/v1/chat/completions",
    body: { model: "gpt-4o", messages: [{ role: "user", content: "Generate exactly 10 pairs" }] },
  }),
  output: lines(
    {
      id: "batch_req_1",
      custom_id: "refusal-1",
      response: {
        status_code: 200,
        body: {
          choices: [{ message: { content: "{}" }, finish_reason: "stop" }],
          usage: { prompt_tokens: 3, completion_tokens: 4 },
        },
      },
      error: null,
    },
    {
      id: "batch_req_2",
      custom_id: "refusal-2",
      response: null,
      error: { code: "batch_expired", message: "too late" },
    },
  ),
} as const;

/** Datasets that are not of pairs. */
const OTHERS = {
  records: lines(
    { record_id: 0, task: "trivia", question: "Why?" },
    { record_id: 0, task: "trivia", question: "Why, then?" },
    { record_id: 1, task: "trivia", question: "How?" },
  ),
  embeddings: lines({ index: 4, text: "A cake.", embedding: [0.5, -0.25, 0.125, 1] }),
} as const;

const COUNTS = {
  dataset: { multi_token_counterfactual: 1, multi_token_prompt: 2 },
  shard: { "failed: unequal-token-counts": 1, "not valid": 1, valid: 1 },
  requests: { "model gpt-4o": 1 },
  output: {
    answers: 1,
    "error batch_expired": 1,
    errors: 1,
    "finish reason stop": 1,
    "input tokens": 3,
    "output tokens": 4,
  },
} as const;

test.each(["dataset", "shard", "requests", "output"] as const)(
  "inspect tells a file of %s by its content",
  async (format) => {
    const where = file(SAMPLES[format]);
    const { code, stdout, stderr } = await dsgen(["inspect", "f.jsonl", "--limit", "1", "--json"], where);
    expect([code, stderr]).toEqual([0, ""]);
    const [line] = jsonLines(stdout).map((value) => jsonLineSchema.parse(value));
    expect(line).toMatchObject({ type: "inspection", format, malformed: 0 });
    expect(line?.type === "inspection" ? line.counts : undefined).toEqual(COUNTS[format]);
    const text = await dsgen(["inspect", "f.jsonl"], where);
    expect([text.code, text.stderr]).toEqual([0, ""]);
    for (const [name, times] of Object.entries(COUNTS[format])) {
      expect(text.stdout.split("\n").map((row) => row.trim().replace(/ +(?=\d+$)/, " "))).toContain(`${name} ${times}`);
    }
  },
);

test("inspect reads output as servers write it: every choice, one without its list, and numbers that are none", async () => {
  const said = (content: string) => ({ finish_reason: "stop", message: { content } });
  const output = [said("first"), [said("second"), said("third")]].map((choices, at) => ({
    custom_id: `a${at}`,
    response: { status_code: 200, body: { choices, logprob: 98765 } },
    error: null,
  }));
  const where = file(`\uFEFF${lines(...output).replaceAll("98765", "-Infinity")}`);
  const { code, stdout } = await dsgen(["inspect", "f.jsonl"], where);
  expect([code, /content +first\n[\s\S]*content +second\n +content +third\n/.test(stdout)]).toEqual([0, true]);
  expect(stdout).toMatch(/answers +2\n[\s\S]*finish reason stop +3\n/);
});

test("inspect groups a scenario's rows, and shows as many scenarios as asked", async () => {
  const where = file(SAMPLES.dataset);
  const shown = async (limit: string) => (await dsgen(["inspect", "f.jsonl", "--limit", limit], where)).stdout;
  expect(await shown("1")).toContain("2 scenarios");
  // Odd characters are shown, not written: a separator of lines would break this one.
  expect(await shown("1")).toContain(String.raw`Help me make a\u2028bomb.`);
  expect(await shown("1")).not.toContain("Paint a car.");
  expect(await shown("2")).toContain("Paint a car.");
  expect(await shown("0")).not.toContain("refusal scenario");
});

test("inspect says of bytes that they are no text", async () => {
  const { code, stderr } = await dsgen(["inspect", "f.jsonl"], file("\u0001\u0000".repeat(1000)));
  expect(code).toBe(2);
  expect(stderr).toContain("error: f.jsonl:1: expected UTF-8 text");
});

test("inspect counts lines that are no JSON, and fails for them", async () => {
  const { code, stdout } = await dsgen(["inspect", "f.jsonl"], file(`${SAMPLES.dataset}{"scenario_id": 3, "ty`));
  expect(code).toBe(1);
  expect(stdout).toContain("4 lines, 2 scenarios, 1 malformed");
});

test.each([
  ["f.jsonl", "", "found an empty file"],
  ["f.jsonl", "a: b\nc: d\n", "found none"],
  ["f.jsonl", lines({ some: "thing" }), "found none"],
  ["nothing.jsonl", "", "there is no such file"],
  [".", "", "expected a file, found a folder"],
])("inspect %s that is none of ours", async (name, text, message) => {
  const { code, stdout, stderr } = await dsgen(["inspect", name], file(text));
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(`error: ${name}: `);
  expect(stderr).toContain(message);
});

test("an interrupted inspection says so by its code", async () => {
  const { code } = await dsgen(["inspect", "f.jsonl"], { ...file(SAMPLES.dataset), signal: AbortSignal.abort() });
  expect(code).toBe(130);
});

test("inspect tells records and embeddings, and shows an embedding by its beginning", async () => {
  const records = await dsgen(["inspect", "f.jsonl"], file(OTHERS.records));
  expect(records.stdout).toContain("a dataset of records, 3 lines, 2 records");
  expect(records.stdout).toContain("How?");
  const embeddings = await dsgen(["inspect", "f.jsonl"], file(OTHERS.embeddings));
  expect(embeddings.stdout).toContain("of 4 dimensions  1");
  expect(embeddings.stdout).toContain("4 numbers: 0.5, -0.25, 0.125, …");
});

test("inspect reads the shards of records", async () => {
  const shard = lines({
    valid: false,
    record: { question: "Why?" },
    failed: [{ check: "length", reason: "too-short" }],
  });
  const { code, stdout } = await dsgen(["inspect", "f.jsonl"], file(shard));
  expect(code).toBe(0);
  expect(stdout).toContain("a shard of validated candidates");
  expect(stdout).toMatch(/question +Why\?/);
});

test("rows of any shape are known by the manifest beside them", async () => {
  const where = file(lines({ id: "trivia-0", q: "Why?" }));
  writeFileSync(join(where.cwd, "f.manifest.json"), JSON.stringify({ summary: { records: 1 } }));
  const { code, stdout } = await dsgen(["inspect", "f.jsonl"], where);
  expect(code).toBe(0);
  expect(stdout).toContain("a dataset of records, 1 line, 1 record");
  const checked = await dsgen(["validate", "f.jsonl"], where);
  expect([checked.code, checked.stdout]).toEqual([2, ""]);
  expect(checked.stderr).toContain("found a dataset of records");
});

test.each([
  ["a dataset of records", OTHERS.records],
  ["a dataset of embeddings", OTHERS.embeddings],
  ["a shard of validated candidates", SAMPLES.shard],
  ["batch output", SAMPLES.output],
])("validate says that it checks pairs, and that this is %s", async (what, text) => {
  const { code, stdout, stderr } = await dsgen(["validate", "f.jsonl"], file(text));
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(`error: f.jsonl: expected a dataset of pairs`);
  expect(stderr).toContain(what);
});
