import {
  made,
  name,
  type Project,
  recipe,
  type Target,
  type TargetName,
  type TaskConfig,
  target,
  tokenizer,
  value,
} from "../src/index.ts";
import { sourcesFile } from "./outputs.ts";
import { enoughShards, shardFile, shardSummary } from "./shards.ts";

export function manifestFile(task: TaskConfig): TargetName {
  return name(task.output.replace(/\.jsonl$/, ".manifest.json"));
}

/** `dataset.manifest.json`: what the dataset is made of, what it cost, and where each scenario came from. */
export function manifestTarget(task: TaskConfig, project: Project): Target {
  const at = `tasks/${task.task_name}`;
  const { model, sampling, description, role, examples, generation_instructions, scenarios_per_request, pair } = task;
  const prompt = { description, role: role ?? null, examples, generation_instructions, scenarios_per_request, pair };
  return target({
    name: manifestFile(task),
    recipe: recipe("dsgen/recipes/write-manifest"),
    stage: "dataset",
    task: task.task_name,
    inputs: {
      dataset: made(name(task.output)),
      shards: enoughShards(task, (i) => [shardFile(task, i), shardSummary(task, i), sourcesFile(task, i)]),
      task: value(task.task_name, `${at}.task_name`),
      output: value(task.output, `${at}.output`),
      target_scenarios: value(task.target_scenarios, `${at}.target_scenarios`),
      pair: value(pair, `${at}.pair`),
      dedupe: value(task.dedupe, `${at}.dedupe`),
      model: value({ name: model, sampling }, `${at}.model`),
      prompt: value(prompt, at),
      price: value(project.models[model] ?? null, `models.${model}`),
      provider: value(project.provider, "provider"),
      dsgen: value(project.dsgen_version, "dsgen version"),
      tokenizers: value(task.tokenizers, `${at}.tokenizers`),
      ...Object.fromEntries(task.tokenizers.map((of) => [`tokenizer ${of}`, tokenizer(of)])),
    },
  });
}
