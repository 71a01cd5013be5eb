import {
  kindOf,
  name,
  type Project,
  type Target,
  type TargetName,
  type TaskConfig,
  target,
  value,
} from "../src/index.ts";
import { axesOf, firstBatches } from "./requests.ts";
import { enoughShards } from "./shards.ts";

/** Where each scenario of a dataset came from, a line a scenario. */
export function scenarioSources(task: TaskConfig): TargetName {
  return ofDataset(task, "sources.jsonl");
}

/** What came of the candidates of a dataset's shards, and what their answers cost. */
export function datasetCounts(task: TaskConfig): TargetName {
  return ofDataset(task, "sources.counts.json");
}

function ofDataset({ folders, output }: TaskConfig, ending: string): TargetName {
  const dataset = output.replace(/^.*\//, "").replace(/\.jsonl$/, "");
  return name(`${folders.validated}/${dataset}.${ending}`);
}

/** `validated/T/dataset.sources.jsonl` and `dataset.sources.counts.json`: all that the manifest tells of shards. Made beside the dataset. */
export function sourcesTarget(task: TaskConfig, project: Project): Target {
  const at = `tasks/${task.task_name}`;
  const { model, strategy, max_batches, max_cost, confidence } = task;
  const buying = { strategy, first: firstBatches(task), max_batches, max_cost, confidence };
  return target({
    name: scenarioSources(task),
    outputs: [scenarioSources(task), datasetCounts(task)],
    recipe: "dsgen/recipes/trace-scenarios",
    stage: "dataset",
    task: task.task_name,
    inputs: {
      ...enoughShards(task, project, {
        shards: "shards",
        summaries: "summaries",
        sources: "sources",
        "axes of requests": "axes of requests",
      }),
      target_scenarios: value(task.target_scenarios, `${at}.target_scenarios`),
      names: value({ kind: task.kind, fields: task.fields }, `${at}.${kindOf(task).namesAt}`),
      axes: value(axesOf(task), `${at}.axes`),
      buying: value(buying, `${at}.strategy`),
      dedupe: value(task.dedupe, `${at}.dedupe`),
      price: value(project.models[model] ?? null, `models.${model}`),
      ...kindOf(task).inputs.dataset(task),
    },
  });
}
