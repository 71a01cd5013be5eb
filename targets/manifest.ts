import {
  kindOf,
  made,
  name,
  type Project,
  type Target,
  type TargetName,
  type TaskConfig,
  target,
  tokenizer,
  value,
} from "../src/index.ts";
import { axesOf, firstBatches } from "./requests.ts";
import { enoughShards } from "./shards.ts";

export function manifestFile(task: TaskConfig): TargetName {
  return name(task.output.replace(/\.jsonl$/, ".manifest.json"));
}

/** `dataset.manifest.json`: what the dataset is made of, what it cost, and where each scenario came from. */
export function manifestTarget(task: TaskConfig, project: Project): Target {
  const at = `tasks/${task.task_name}`;
  const { model, sampling, strategy, max_batches, max_cost, confidence } = task;
  const buying = { strategy, first: firstBatches(task), max_batches, max_cost, confidence };
  const asked = { ...kindOf(task).asked(task), axes: task.axes, requests_from: task.requests_from ?? null };
  return target({
    name: manifestFile(task),
    recipe: "dsgen/recipes/write-manifest",
    stage: "dataset",
    task: task.task_name,
    inputs: {
      dataset: made(task.output),
      ...enoughShards(task, project, {
        shards: "shards",
        summaries: "summaries",
        sources: "sources",
        "axes of requests": "axes of requests",
      }),
      task: value(task.task_name, `${at}.task_name`),
      output: value(task.output, `${at}.output`),
      target_scenarios: value(task.target_scenarios, `${at}.target_scenarios`),
      names: value({ kind: task.kind, fields: task.fields }, `${at}.${kindOf(task).namesAt}`),
      axes: value(axesOf(task), `${at}.axes`),
      buying: value(buying, `${at}.strategy`),
      dedupe: value(task.dedupe, `${at}.dedupe`),
      model: value({ name: model, sampling }, `${at}.model`),
      prompt: value(asked, at),
      price: value(project.models[model] ?? null, `models.${model}`),
      provider: value(project.provider, "provider"),
      dsgen: value(project.dsgen_version, "dsgen version"),
      ...kindOf(task).inputs.dataset(task),
      tokenizers: value(task.tokenizers, `${at}.tokenizers`),
      ...Object.fromEntries(task.tokenizers.map((of) => [`tokenizer ${of}`, tokenizer(of)])),
    },
  });
}
