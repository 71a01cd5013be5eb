import {
  chosen,
  type Input,
  made,
  name,
  recipe,
  type Target,
  type TargetName,
  type TaskConfig,
  target,
  tokenizer,
  value,
} from "../src/index.ts";
import { outputFile } from "./outputs.ts";

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
      pair: value(task.pair, `${at}.pair`),
      templates: value(templatesOf(task), `${at}.templates`),
      checks: value(task.checks, `${at}.checks`),
      max_characters: value(task.max_characters, `${at}.max_characters`),
      tokenizers: value(task.tokenizers, `${at}.tokenizers`),
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

/**
 * Shards in index order until they hold enough; then nothing more is asked for, whatever the later batches do. `give`
 * names the files wanted of each chosen shard.
 */
export function enoughShards(task: TaskConfig, give: (i: number) => readonly TargetName[]): Input {
  const all = Array.from({ length: task.max_batches }, (_, i) => ({ shard: shardFile(task, i), give: give(i) }));
  const { pair, target_scenarios, batches, dedupe } = task;
  return chosen("dsgen/recipes/select-shards", { shards: all, pair, target_scenarios, batches, dedupe }, [
    ...new Set(all.flatMap(({ shard, give: files }) => [shard, ...files])),
  ]);
}
