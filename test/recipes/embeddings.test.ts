import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { requestId } from "../../src/api/request-file.ts";
import { isJsonObject, type JsonObject } from "../../src/graph/json.ts";
import { dsgen, jsonLines } from "../cli/terminal.ts";

/* A task of `kind: embeddings`, from its file of texts to its dataset, through the simulator inside. */

const TEXTS = ["A cake is baked.", "", "  A boat sails. ", "A cake is baked.", 'A "word" is read.', "Rain.", "A car."];

const CONFIG: Readonly<Record<string, string>> = {
  "config/dsgen.yaml": "poll_seconds: { min: 0.01, max: 0.05 }\nsimulator: { speed: 1000000 }\n",
  "config/models.yaml":
    "models:\n  small: { input_usd_per_mtok: 0.02, output_usd_per_mtok: 0, encoding: o200k_base }\n",
  "config/tasks/vectors.yaml": [
    "task_name: vectors",
    "kind: embeddings",
    "model: small",
    "inputs: { file: data/sentences.txt }",
    "dimensions: 4",
    "batches: 3",
    "requests_per_batch: 2",
    "checks: [{ check: length, min: 6 }]",
    "",
  ].join("\n"),
  "data/sentences.txt": `${TEXTS.join("\r\n")}\r\n`,
};

const roots: string[] = [];
afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

function project(): string {
  const root = mkdtempSync(join(tmpdir(), "dsgen-embeddings-"));
  roots.push(root);
  for (const [path, text] of Object.entries(CONFIG)) write(root, path, text);
  return root;
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function objects(root: string, path: string): JsonObject[] {
  return jsonLines(readFileSync(join(root, path), "utf8")).filter(isJsonObject);
}

const build = (root: string, ...sets: readonly string[]) =>
  dsgen(["build", "--wait", "--json", ...sets.flatMap((set) => ["--set", set])], { cwd: root });

let root: string;
let built: Awaited<ReturnType<typeof build>>;
beforeAll(async () => {
  root = project();
  built = await build(root);
  if (built.code !== 0) throw new Error(built.stdout + built.stderr);
}, 60_000);

test("every distinct text that passes its checks becomes a row with its line and its vector", () => {
  expect([built.code, built.stderr.includes("error")]).toEqual([0, false]);
  const rows = objects(root, "vectors.jsonl");
  expect(rows.map(({ index, text }) => [index, text])).toEqual([
    [0, "A cake is baked."],
    [2, "A boat sails."],
    [4, 'A "word" is read.'],
    [6, "A car."],
  ]);
  for (const row of rows)
    expect([Object.keys(row), row["embedding"]]).toEqual([
      ["index", "text", "embedding"],
      [1, 1, 1, 1].map(() => expect.any(Number)),
    ]);
  expect(readFileSync(join(root, "vectors.jsonl"), "utf8")).toMatch(
    /^\{"index": 0, "text": "A cake is baked\.", "embedding": \[-?0\.\d+, /,
  );
});

test("requests say what bounds their cost, and are named as all requests are", () => {
  const [first] = objects(root, "requests/vectors/request_batch0.jsonl");
  const body = { model: "small", input: "A cake is baked.", encoding_format: "float", dimensions: 4 };
  expect(first).toEqual({
    custom_id: `vectors-${requestId("/v1/embeddings", body, 0)}`,
    method: "POST",
    url: "/v1/embeddings",
    body,
  });
  expect([0, 1, 2].map((i) => objects(root, `requests/vectors/request_batch${i}.jsonl`).length)).toEqual([2, 2, 1]);
});

test("the manifest counts texts, and those a check refused as missing", () => {
  const manifest: unknown = JSON.parse(readFileSync(join(root, "vectors.manifest.json"), "utf8"));
  expect(manifest).toMatchObject({
    simulated: true,
    sampling: null,
    dataset: { rows: 4, scenarios: 4, target: 5, short_by: 1 },
    summary: { embeddings: 5, valid: 4, failures_by_reason: { "too-short": 1 }, duplicates: 0 },
    tokens: { output: 0 },
  });
});

test("cut otherwise, nothing is asked again; one more text is one more request", async () => {
  const recut = await dsgen(["plan", "--json", "--set", "vectors.batches=1", "--set", "vectors.requests_per_batch=9"], {
    cwd: root,
  });
  expect(jsonLines(recut.stdout).at(-1)).toMatchObject({ type: "plan-total", requests: 0, reused: 5 });
  const other = project();
  await build(other);
  write(other, "data/sentences.txt", `${TEXTS.join("\n")}\nOne more text.\n`);
  const planned = await dsgen(["plan", "--json"], { cwd: other });
  expect(jsonLines(planned.stdout).at(-1)).toMatchObject({ requests: 1, outputTokens: 0, costUsd: expect.any(Number) });
  const again = await build(other);
  expect(again.code).toBe(0);
  expect(objects(other, "vectors.jsonl").map(({ index }) => index)).toEqual([0, 2, 4, 6, 7]);
});

test("texts in one request give the same rows; batches that stay empty do no harm", async () => {
  const other = project();
  expect((await build(other, "vectors.inputs_per_request=4")).code).toBe(0);
  expect(
    objects(other, "requests/vectors/request_batch0.jsonl").map(({ body }) => isJsonObject(body) && body["input"]),
  ).toEqual([["A cake is baked.", "A boat sails.", 'A "word" is read.', "Rain."], ["A car."]]);
  expect(objects(other, "requests/vectors/request_batch1.jsonl")).toEqual([]);
  expect(readFileSync(join(other, "vectors.jsonl"), "utf8")).toBe(readFileSync(join(root, "vectors.jsonl"), "utf8"));
});

test.each([
  ["data/sentences.txt", " \n\n", "needs one text a line; found none"],
  ["data/sentences.txt", "a\nb\nc\nd\ne\nf\ng\n", "has room for 6 requests in its batches; found 7 texts, which are 7"],
])("a file %s that does not fit its batches is refused before anything is asked", async (path, text, message) => {
  const other = project();
  write(other, path, text);
  const { code, stdout, stderr } = await build(other);
  expect(code).toBe(1);
  expect(stdout + stderr).toContain(message);
  expect(stdout).not.toContain('"job-submitted"');
});

test("inspect and validate know the dataset for what it is", async () => {
  const shown = await dsgen(["inspect", "vectors.jsonl"], { cwd: root });
  expect(shown.stdout).toContain("a dataset of embeddings, 4 lines");
  const shard = await dsgen(["inspect", "validated/vectors/shard0.jsonl"], { cwd: root });
  expect(shard.stdout).toContain("4 numbers: ");
  const checked = await dsgen(["validate", "vectors.jsonl"], { cwd: root });
  expect([checked.code, checked.stderr.includes("found a dataset of embeddings")]).toEqual([2, true]);
});
