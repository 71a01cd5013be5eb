import {
  chosen,
  type Input,
  made,
  moduleInput,
  modulePaths,
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
import { outputFile } from "./outputs.ts";
import { firstBatches } from "./requests.ts";

export function shardFile(task: TaskConfig, i: number): TargetName {
  return name(`validated/${task.task_name}/shard${i}.jsonl`);
}

export function shardSummary(task: TaskConfig, i: number): TargetName {
  return name(`validated/${task.task_name}/shard${i}.summary.json`);
}

/** `validated/T/shard{i}.jsonl`: the candidates of one output file, each with every verdict. */
export function shardTarget(task: TaskConfig, i: number): Target {
  const at = `tasks/${task.task_name}`;
  return target({
    name: shardFile(task, i),
    outputs: [shardFile(task, i), shardSummary(task, i)],
    recipe: recipe("dsgen/recipes/validate-shard"),
    stage: "validation",
    task: task.task_name,
    inputs: {
      answers: made(outputFile(task, i)),
      names: value(namesOf(task), `${at}.${task.kind === "pairs" ? "pair" : "fields"}`),
      response_schema: value(task.response_schema ?? null, `${at}.response_schema`),
      templates: value(templatesOf(task), `${at}.templates`),
      checks: value(task.checks, `${at}.checks`),
      max_characters: value(task.max_characters, `${at}.max_characters`),
      tokenizers: value(task.tokenizers, `${at}.tokenizers`),
      ...Object.fromEntries(modulePaths(task.checks).map((path) => [`check ${path}`, moduleInput(path)])),
      ...Object.fromEntries(task.tokenizers.map((of) => [`tokenizer ${of}`, tokenizer(of)])),
    },
  });
}

/** A list, because a record's hash does not see the order of its keys, and the order decides the order of rows. */
export function templatesOf(task: TaskConfig) {
  return task.template_order.map((variant) => ({
    name: variant,
    prefix: task.templates[variant]?.prefix ?? "",
    suffix: task.templates[variant]?.suffix ?? "",
  }));
}

/** What an entry is called: its kind, and the keys of its texts in order. */
export function namesOf({ kind, fields }: TaskConfig) {
  return { kind, fields };
}

/**
 * Shards in index order until they hold enough; then nothing more is asked for, whatever the later batches do. `give`
 * names the files wanted of each chosen shard.
 */
export function enoughShards(task: TaskConfig, project: Project, give: (i: number) => readonly TargetName[]): Input {
  const shards = Array.from({ length: task.max_batches }, (_, i) => ({
    shard: shardFile(task, i),
    summary: shardSummary(task, i),
    give: give(i),
  }));
  const { target_scenarios, dedupe, confidence, max_cost } = task;
  const params = {
    shards,
    names: namesOf(task),
    target_scenarios,
    dedupe,
    first: firstBatches(task),
    confidence,
    max_cost,
    price: project.models[task.model] ?? null,
  };
  return chosen("dsgen/recipes/select-shards", params, [
    ...new Set(shards.flatMap(({ shard, summary, give: files }) => [shard, summary, ...files])),
  ]);
}
