import { afterAll, expect, test } from "vitest";
import type { Target } from "../../src/graph/target.ts";
import assembleDataset from "../../src/recipes/assemble-dataset.ts";
import { datasetTarget } from "../../targets/dataset.ts";
import { outputTarget } from "../../targets/outputs.ts";
import { reportTargets } from "../../targets/report.ts";
import { requestTarget } from "../../targets/requests.ts";
import { shardTarget } from "../../targets/shards.ts";
import { sourcesTarget } from "../../targets/sources.ts";
import { project as folder, loaded, removeProjects, TASK } from "../config/fixture.ts";
import { contextOf } from "../recipes/context.ts";

/*
 * `rows: { token_positions: true }`: rows that say where they differ. What a project without it is made of is as it was.
 */

afterAll(removeProjects);

const CHECKED = TASK.replace("[equal-token-count]", "[one-token-difference]").replace("[qwen]", "[qwen, llama]");

function targetsOf(...lines: readonly string[]) {
  const config = loaded(folder({ "tasks/tiny.yaml": CHECKED + lines.join("\n") }));
  const [task] = config.tasks;
  if (task === undefined) throw new Error("no task");
  const project = { ...config, dsgen_version: "0", provider: { namespace: "tests", simulated: false } };
  return {
    paid: [requestTarget(task, 0), outputTarget(task, 0)],
    shard: shardTarget(task, 0),
    dataset: datasetTarget(task, project),
    sources: sourcesTarget(task, project),
    reports: reportTargets(project),
  };
}

test("a dataset, its sources and its report ask the same of its shards: they are counted once", () => {
  const { dataset, sources, reports } = targetsOf();
  const asked = [dataset, sources, ...reports].flatMap(({ inputs }) =>
    Object.values(inputs).flatMap((input) => {
      if (input.kind !== "expand") return [];
      const { module, params, candidates, takes, part } = input;
      expect(takes?.every((name) => candidates.includes(name))).toBe(true);
      return [{ part, asked: { module, params, candidates } }];
    }),
  );
  expect(asked.map(({ part }) => part)).toEqual([
    ...["shards", "summaries"],
    ...["shards", "summaries", "sources", "axes of requests"],
    ...["shards", "summaries"],
  ]);
  for (const { asked: each } of asked) expect(each).toEqual(asked[0]?.asked);
});

test("the targets of a task that does not ask for it are those there were: no action key changes", () => {
  const plain = targetsOf();
  expect(targetsOf("rows: { token_positions: false }")).toEqual(plain);
  expect(Object.keys(plain.dataset.inputs).sort()).toEqual(
    ["shards", "summaries", "task", "names", "target_scenarios", "dedupe", "on_short", "templates"].sort(),
  );
});

test("asked for, the dataset alone is another: what is paid for and what is validated is not", () => {
  const [plain, asked] = [targetsOf(), targetsOf("rows: { token_positions: true }")];
  expect([asked.paid, asked.shard]).toEqual([plain.paid, plain.shard]);
  const { token_positions, ...others } = asked.dataset.inputs;
  expect(token_positions).toMatchObject({
    kind: "value",
    value: ["qwen", "llama"],
    at: "tasks/tiny.rows.token_positions",
  });
  expect({ ...asked.dataset, inputs: others }).toEqual(plain.dataset);
});

const SHARD = [
  '{"valid":true,"pair":{"safe":"a cake","harmful":"a bomb"},"failed":[],"tokens":{"plain":{"qwen":[9,9,[4]],"llama":[8,8,[0]]}},"from":{"custom_id":"tiny-x","request_id":null,"line":1,"index":0}}',
  '{"valid":false,"pair":{"safe":"a","harmful":"b"},"failed":[{"check":"length","reason":"too-short","detail":{}}],"tokens":{"plain":{"qwen":[1,1,[0]],"llama":[1,1,[0]]}},"from":{"custom_id":"tiny-x","request_id":null,"line":1,"index":1}}',
].join("\n");

async function rowsOf(dataset: Target): Promise<string | undefined> {
  const values = Object.entries(dataset.inputs).flatMap(([name, input]) =>
    input.kind === "value" ? [[name, input.value] as const] : [],
  );
  const lists = { shards: [["shard0.jsonl", SHARD] as const], summaries: [["shard0.summary.json", "{}"] as const] };
  const ran = contextOf({ values: Object.fromEntries(values), lists });
  await assembleDataset(ran.context);
  return ran.outputs[0];
}

test("rows have the counts and positions of the shard, byte for byte, and nothing is encoded for it", async () => {
  const row = (member: string, text: string, more: string) =>
    `{"scenario_id": 0, "type": "plain_${member}", "task": "tiny", "text": "${text}"${more}}\n`;
  const more = ', "token_positions": {"qwen": {"tokens": 9, "position": 4}, "llama": {"tokens": 8, "position": 0}}';
  expect(await rowsOf(targetsOf("rows: { token_positions: true }").dataset)).toBe(
    row("prompt", "a cake.", more) + row("counterfactual", "a bomb.", more),
  );
  expect(await rowsOf(targetsOf().dataset)).toBe(row("prompt", "a cake.", "") + row("counterfactual", "a bomb.", ""));
});
