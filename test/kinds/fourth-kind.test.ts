import { expect, test, vi } from "vitest";
import { KIND_NAMES } from "../../src/config/task-config.ts";
import { isJsonObject, type JsonObject } from "../../src/graph/json.ts";
import type { Target } from "../../src/graph/target.ts";
import { kindOf, type Project, type TaskConfig } from "../../src/index.ts";
import assembleDataset from "../../src/recipes/assemble-dataset.ts";
import renderRequests from "../../src/recipes/render-requests.ts";
import validateShard from "../../src/recipes/validate-shard.ts";
import { PLAIN_STYLE } from "../../src/report/style.ts";
import { summaryText } from "../../src/report/summary.ts";
import { datasetTarget } from "../../targets/dataset.ts";
import { requestTarget } from "../../targets/requests.ts";
import { shardTarget } from "../../targets/shards.ts";
import { contextOf, type Given } from "../recipes/context.ts";
import { sayings } from "./sayings.ts";

vi.mock("../../src/kinds/registry.ts", async (original) => {
  const registry = await original<typeof import("../../src/kinds/registry.ts")>();
  const { sayings } = await import("./sayings.ts");
  const KINDS = [...registry.KINDS, sayings];
  return { KINDS, kindOf: ({ kind }: { kind: string }) => KINDS.find(({ name }) => name === kind) };
});

const ofAKnownKind: TaskConfig = {
  task_name: "old",
  kind: "records",
  description: "Old sayings.",
  model: "gpt-4o",
  endpoint: "/v1/chat/completions",
  sampling: { max_tokens: 9, response_format: "json_object" },
  axes: [],
  batches: 1,
  max_batches: 1,
  requests_per_batch: 2,
  scenarios_per_request: 2,
  target_scenarios: 3,
  fields: ["text"],
  examples: [],
  generation_instructions: [],
  tokenizers: [],
  checks: [{ check: "length", min: 3 }],
  dedupe: { by: "exact" },
  max_characters: 100,
  check_timeout_seconds: 1,
  strategy: "fixed",
  confidence: 0.9,
  max_cost: null,
  on_short: "report",
  output: "old.jsonl",
  pair: { first: "", second: "" },
  rows: [],
  templates: {},
  template_order: [],
  pilot_batches: 1,
  budget: null,
};
const kind: string = "sayings";
const TASK = { ...ofAKnownKind, kind } as TaskConfig;

/** What a target's recipe makes of its declared values and these files. */
async function made(target: Target, recipe: typeof renderRequests, given: Omit<Given, "values">) {
  const values = Object.entries(target.inputs).flatMap(([name, input]) =>
    input.kind === "value" ? [[name, input.value] as const] : [],
  );
  const ran = contextOf({ ...given, values: Object.fromEntries(values) });
  await recipe(ran.context);
  return ran.outputs.map((output) => output ?? "");
}

function answer({ custom_id }: JsonObject, content: object): string {
  const body = { choices: [{ message: { content: JSON.stringify(content) }, finish_reason: "stop" }] };
  return JSON.stringify({ custom_id, response: { status_code: 200, body } });
}

test("a fourth kind goes from its task to its rows by nothing but its own module", async () => {
  expect(kindOf(TASK)).toBe(sayings);
  const [requests = ""] = await made(requestTarget(TASK, 0), renderRequests, {});
  const asked = requests
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
    .filter(isJsonObject);
  expect(asked.map(({ body }) => JSON.stringify(body))).toEqual([0, 1].map(() => expect.stringContaining("2 sayings")));
  const answers = [
    answer(asked[0] ?? {}, { sayings: [{ text: "Haste makes waste" }, { text: "Hm" }] }),
    answer(asked[1] ?? {}, { sayings: [{ text: "Time flies" }, { text: "Time flies" }] }),
  ].join("\n");
  const [shard = "", counts = ""] = await made(shardTarget(TASK, 0), validateShard, { files: { answers } });
  expect(shard).toContain('{"valid":true,"saying":{"text":"Haste makes waste"},');
  expect(shard).toContain('"detail":{"member":"words","characters":2,"min":3}');
  const project = { models: {} } as Project;
  const shards = [
    ["shard", shard],
    ["counts", counts],
  ] as const;
  const [rows] = await made(datasetTarget(TASK, project), assembleDataset, { lists: { shards } });
  expect(rows).toBe("0: Haste makes waste\n1: Time flies\n");
  const told = { file: "old.jsonl", simulated: false, summary: { sayings: 4, valid: 3, rows: 2 } };
  expect(summaryText(told, 80, PLAIN_STYLE)).toMatch(
    /sayings collected +4\n[\s\S]*valid sayings +3\n[\s\S]*lines written +2\n/,
  );
});

test("every kind that a task file may name is in the registry, and no other", async () => {
  const { KINDS } = await vi.importActual<typeof import("../../src/kinds/registry.ts")>("../../src/kinds/registry.ts");
  expect(KINDS.map(({ name }) => name)).toEqual(KIND_NAMES);
});
