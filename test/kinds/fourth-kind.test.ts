import { afterAll, expect, test, vi } from "vitest";
import { isJsonObject, type JsonObject } from "../../src/graph/json.ts";
import type { Target } from "../../src/graph/target.ts";
import { kindOf } from "../../src/index.ts";
import assembleDataset from "../../src/recipes/assemble-dataset.ts";
import renderRequests from "../../src/recipes/render-requests.ts";
import validateShard from "../../src/recipes/validate-shard.ts";
import { PLAIN_STYLE } from "../../src/report/style.ts";
import { summaryText } from "../../src/report/summary.ts";
import { datasetTarget } from "../../targets/dataset.ts";
import { requestTarget } from "../../targets/requests.ts";
import { shardTarget } from "../../targets/shards.ts";
import { complaints, project as folder, loaded, removeProjects } from "../config/fixture.ts";
import { contextOf, type Given } from "../recipes/context.ts";
import { sayings } from "./sayings.ts";

vi.mock("../../src/kinds/registry.ts", async (original) => {
  const registry = await original<typeof import("../../src/kinds/registry.ts")>();
  const { sayings } = await import("./sayings.ts");
  const KINDS = [...registry.KINDS, sayings];
  return { KINDS, kindOf: ({ kind }: { kind: string }) => KINDS.find(({ name }) => name === kind) };
});

vi.mock("../../src/kinds/schema/registry.ts", async (original) => {
  const registry = await original<typeof import("../../src/kinds/schema/registry.ts")>();
  const { sayings } = await import("./sayings-schema.ts");
  return { KIND_SCHEMAS: [...registry.KIND_SCHEMAS, sayings] };
});

const FILE = `task_name: old
kind: sayings
description: Old sayings.
model: gpt-4o
sampling: { max_tokens: 9 }
batches: 1
requests_per_batch: 2
scenarios_per_request: 2
target_scenarios: 3
generation_instructions: Be brief.
peoples: [Finns]
checks: [{ check: length, min: 3 }]
`;

afterAll(removeProjects);

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
  const project = loaded(folder({ "tasks/tiny.yaml": undefined, "tasks/old.yaml": FILE }));
  const [TASK] = project.tasks;
  if (TASK === undefined) throw new Error("the task was not read");
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
  const [shards, summaries] = [[["shard", shard] as const], [["counts", counts] as const]];
  const [rows] = await made(
    datasetTarget(TASK, { ...project, dsgen_version: "0", provider: { namespace: "", simulated: false } }),
    assembleDataset,
    { lists: { shards, summaries } },
  );
  expect(rows).toBe("0: Haste makes waste\n1: Time flies\n");
  const told = { file: "old.jsonl", simulated: false, summary: { sayings: 4, valid: 3, rows: 2 } };
  expect(summaryText(told, 80, PLAIN_STYLE)).toMatch(
    /sayings collected +4\n[\s\S]*valid sayings +3\n[\s\S]*lines written +2\n/,
  );
});

test("a fourth kind's file is held to its own keys and rules, and its keys are known to tasks of other kinds", () => {
  const wrong = FILE.replace("[Finns]", "[nobody]").replace("batches: 1", "fields: [a]");
  const other = FILE.replace("kind: sayings", "kind: sayigns");
  const pairs = FILE.replace("kind: sayings\n", "");
  const told = (file: string) => complaints(folder({ "tasks/tiny.yaml": undefined, "tasks/old.yaml": file }));
  expect(told(wrong)).toEqual([
    expect.stringContaining("`batches`"),
    expect.stringContaining("`fields` must be given with `kind: records` only; found it in a task of sayings."),
    expect.stringContaining("`peoples` must be of people. Name some."),
  ]);
  expect(told(other)).toEqual([expect.stringContaining("Did you mean `sayings`?")]);
  expect(told(pairs)).toContainEqual(
    expect.stringContaining("`peoples` must be given with `kind: sayings` only; found it in a task of pairs."),
  );
});

test("every kind that a task file may name is in the registry, and no other", async () => {
  const { KINDS } = await vi.importActual<typeof import("../../src/kinds/registry.ts")>("../../src/kinds/registry.ts");
  const { KIND_SCHEMAS } = await vi.importActual<typeof import("../../src/kinds/schema/registry.ts")>(
    "../../src/kinds/schema/registry.ts",
  );
  expect(KINDS.map(({ name }) => name)).toEqual(KIND_SCHEMAS.map(({ name }) => name));
});
