import { expect, it } from "vitest";
import writeManifest from "../../src/recipes/write-manifest.ts";
import { emptySummary } from "../../src/tasks/shard-summary.ts";
import { contextOf } from "./context.ts";

/* The files of a shard are told apart by their input, and belong together by their place: none may be missing. */

const LINES: Readonly<Record<string, string>> = {
  shards:
    '{"valid":false,"pair":{"safe":"a","harmful":"b"},"failed":[{"check":"length","reason":"too-short","detail":{}}],"tokens":{},"from":{"custom_id":"tiny-x","request_id":"r","line":1,"index":0}}',
  summaries: JSON.stringify(emptySummary()),
  sources: '{"request_id":"r","batch_id":null,"custom_id":"tiny-x"}',
  "axes of requests": '{"request_id":"r","axes":{"topic":"cake"}}',
};

function writing(axes: readonly string[], inputs: readonly string[]) {
  const { context } = contextOf({
    values: {
      names: { kind: "pairs", fields: ["safe", "harmful"] },
      buying: { strategy: "fixed", first: 1, max_batches: 1, max_cost: null, confidence: 0.9 },
      dedupe: { by: "exact" },
      target_scenarios: 1,
      task: "tiny",
      output: "dataset.jsonl",
      model: { name: "gpt-4o", sampling: {} },
      price: null,
      provider: { namespace: "tests", simulated: false },
      prompt: "",
      tokenizers: [],
      dsgen: "0",
      axes,
    },
    files: { dataset: "" },
    lists: Object.fromEntries(inputs.map((input) => [input, [[`${input}0`, LINES[input] ?? ""]]])),
  });
  return writeManifest(context);
}

const WHOLE = ["shards", "summaries", "sources"];

it("goes through a shard that has all of them, with axes or without", async () => {
  await expect(writing([], WHOLE)).resolves.toBeUndefined();
  await expect(writing(["topic"], [...WHOLE, "axes of requests"])).resolves.toBeUndefined();
});

it.each([
  [[], ["shards", "sources"]],
  [[], ["shards", "summaries"]],
  [["topic"], WHOLE],
  [[], [...WHOLE, "axes of requests"]],
] as const)("of a task with axes %j stops at a shard with only %j", async (axes, inputs) => {
  await expect(writing(axes, inputs)).rejects.toThrow("a shard lacks a file");
});
