import { expect, it } from "vitest";
import traceScenarios from "../../src/recipes/trace-scenarios.ts";
import { parseCounts } from "../../src/tasks/dataset-counts.ts";
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

function tracing(axes: readonly string[], inputs: readonly string[]) {
  const { context, outputs } = contextOf({
    values: {
      names: { kind: "pairs", fields: ["safe", "harmful"] },
      buying: { strategy: "fixed", first: 1, max_batches: 1, max_cost: null, confidence: 0.9 },
      dedupe: { by: "exact" },
      target_scenarios: 1,
      price: null,
      axes,
    },
    lists: Object.fromEntries(inputs.map((input) => [input, [[`${input}0`, LINES[input] ?? ""]]])),
  });
  return traceScenarios(context).then(() => outputs);
}

const WHOLE = ["shards", "summaries", "sources"];

it("goes through a shard that has all of them, with axes or without", async () => {
  expect(await tracing([], WHOLE)).toHaveLength(2);
  expect(await tracing(["topic"], [...WHOLE, "axes of requests"])).toHaveLength(2);
});

it.each([
  [[], ["shards", "sources"]],
  [[], ["shards", "summaries"]],
  [["topic"], WHOLE],
  [[], [...WHOLE, "axes of requests"]],
] as const)("of a task with axes %j stops at a shard with only %j", async (axes, inputs) => {
  await expect(tracing(axes, inputs)).rejects.toThrow("a shard lacks a file");
});

it("writes counts that are read back, or told of as damaged, each member", async () => {
  const [, text = ""] = await tracing(["topic"], [...WHOLE, "axes of requests"]);
  const counts = parseCounts("dataset.sources.counts.json", text);
  expect(JSON.parse(text)).toEqual(counts);
  expect(counts).toMatchObject({ shards: 1, scenarios: { target: 1, taken: 0, short_by: 1, duplicates: 0 } });
  for (const key of Object.keys(counts).filter((of) => of !== "yield_by_axis")) {
    const { [key]: _, ...rest } = JSON.parse(text);
    expect(() => parseCounts("dataset.sources.counts.json", JSON.stringify(rest)), key).toThrow(
      "dataset.sources.counts.json",
    );
  }
  expect(() => parseCounts("dataset.sources.counts.json", text.slice(0, -3))).toThrow("expected a JSON object");
});
