import { expect, test } from "vitest";
import { Graph } from "../../src/graph/graph.ts";
import type { RecipeRef } from "../../src/graph/names.ts";
import { graphLines, graphText } from "../../src/report/graph.ts";
import { name, target } from "./events.ts";

function pipeline() {
  const indexes = [0, 1, 2];
  const requests = indexes.map((i) => target(`requests/r${i}.jsonl`, "requests"));
  const outputs = indexes.map((i) =>
    target(`outputs/o${i}.jsonl`, "answers", {
      inputs: { requests: { kind: "target", target: name(`requests/r${i}.jsonl`) } },
    }),
  );
  const dataset = target("dataset.jsonl", "dataset", {
    companions: [name("manifest.json")],
    inputs: {
      shards: {
        kind: "expand",
        module: "dsgen/recipes/select-shards" as RecipeRef,
        params: {},
        candidates: outputs.map((output) => output.name),
      },
    },
  });
  const manifest = target("manifest.json", "dataset", {
    inputs: { dataset: { kind: "target", target: dataset.name } },
  });
  const built = Graph.build({
    targets: [...requests, ...outputs, dataset, manifest],
    live: [
      {
        name: name("metadata.json"),
        view: "batch-metadata",
        task: "refusal",
        stage: "batches",
        requests: requests.map((r) => r.name),
      },
    ],
  });
  if (!built.ok) throw new Error(JSON.stringify(built.error));
  return built.value;
}

test("a stage of three targets is one node, and a choice is drawn as one", () => {
  const lines = graphLines(pipeline());
  expect(graphText(lines, "text")).toMatchInlineSnapshot(`
    "requests/r0..2.jsonl (3)
      by dsgen/recipes/validate-shard  [requests]
    outputs/o0..2.jsonl (3)
      by dsgen/recipes/validate-shard  [answers]
      from requests/r0..2.jsonl
    dataset.jsonl
      by dsgen/recipes/validate-shard  [dataset]
      as needed from outputs/o0..2.jsonl
    manifest.json
      by dsgen/recipes/validate-shard  [dataset]
      from dataset.jsonl
    metadata.json
      a view of the batch jobs  [batches]
      from requests/r0..2.jsonl
    "
  `);
  expect(graphText(lines, "mermaid")).toMatchInlineSnapshot(`
    "flowchart LR
      n0["requests/r0..2.jsonl"]
      n1["outputs/o0..2.jsonl"]
      n2["dataset.jsonl"]
      n3["manifest.json"]
      n4["metadata.json"]
      n0 --> n1
      n1 -.-> n2
      n2 --> n3
      n0 --> n4
    "
  `);
  expect(graphText(lines, "dot")).toContain("n1 -> n2 [style=dashed];");
});

test("a part of the graph is what a target is made from, and its companions", () => {
  const within = (target: string) => graphLines(pipeline(), [target]).map((line) => line.target);
  expect(within("outputs/o1.jsonl")).toEqual(["requests/r1.jsonl", "outputs/o1.jsonl"]);
  expect(within("dataset.jsonl")).toHaveLength(8);
  expect(within("metadata.json")).toEqual([
    "requests/r0.jsonl",
    "requests/r1.jsonl",
    "requests/r2.jsonl",
    "metadata.json",
  ]);
});
