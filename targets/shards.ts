import {
  chosenParts,
  type Input,
  kindOf,
  made,
  madeAll,
  moduleInput,
  modulePaths,
  name,
  type Project,
  type Target,
  type TargetName,
  type TaskConfig,
  target,
  value,
} from "../src/index.ts";
import { outputFile, sourcesFile } from "./outputs.ts";
import { axesFiles, firstBatches, requestFile } from "./requests.ts";

export function shardFile(task: TaskConfig, i: number): TargetName {
  return name(`${task.folders.validated}/shard${i}.jsonl`);
}

export function shardSummary(task: TaskConfig, i: number): TargetName {
  return name(`${task.folders.validated}/shard${i}.summary.json`);
}

/** `validated/T/shard{i}.jsonl`: the candidates of one output file, each with every verdict. */
export function shardTarget(task: TaskConfig, i: number): Target {
  const at = `tasks/${task.task_name}`;
  return target({
    name: shardFile(task, i),
    outputs: [shardFile(task, i), shardSummary(task, i)],
    recipe: "dsgen/recipes/validate-shard",
    stage: "validation",
    task: task.task_name,
    resources: task.resources,
    inputs: {
      answers: made(outputFile(task, i)),
      names: value({ kind: task.kind, fields: task.fields }, `${at}.${kindOf(task).namesAt}`),
      ...kindOf(task).inputs.shard(task, requestFile(task, i)),
      checks: value(task.checks, `${at}.checks`),
      max_characters: value(task.max_characters, `${at}.max_characters`),
      check_timeout_seconds: value(task.check_timeout_seconds, `${at}.check_timeout_seconds`),
      ...Object.fromEntries(modulePaths(task.checks).map((path) => [`check ${path}`, moduleInput(path)])),
    },
  });
}

/** Files of each shard, by what a target that is made of them calls them. */
const OF_A_SHARD = {
  shards: (task: TaskConfig, i: number) => [shardFile(task, i)],
  summaries: (task: TaskConfig, i: number) => [shardSummary(task, i)],
  sources: (task: TaskConfig, i: number) => [sourcesFile(task, i)],
  "axes of requests": axesFiles,
};
type OfAShard = keyof typeof OF_A_SHARD;

/**
 * Shards in index order until they hold enough; then nothing more is asked for, whatever the later batches do. `inputs` names
 * the inputs of a target, each with which files of each chosen shard it is. Whoever asks is told the same, of all these files: so
 * the shards of a dataset are counted once, for its manifest and its report as well.
 */
export function enoughShards(
  task: TaskConfig,
  project: Project,
  inputs: Readonly<Record<string, OfAShard>>,
): Readonly<Record<string, Input>> {
  const numbers = Array.from({ length: task.max_batches }, (_, i) => i);
  if (kindOf(task).takesAll !== undefined) {
    const allOf = (part: OfAShard) => madeAll(numbers.flatMap((i) => OF_A_SHARD[part](task, i)));
    return Object.fromEntries(Object.entries(inputs).map(([input, part]) => [input, allOf(part)]));
  }
  const shards = numbers.map((i) => ({
    shard: shardFile(task, i),
    summary: shardSummary(task, i),
    give: Object.fromEntries(Object.entries(OF_A_SHARD).map(([part, filesOf]) => [part, filesOf(task, i)])),
  }));
  const { target_scenarios, dedupe, confidence, max_cost } = task;
  const params = {
    shards,
    names: { kind: task.kind, fields: task.fields },
    target_scenarios,
    dedupe,
    first: firstBatches(task),
    confidence,
    max_cost,
    price: project.models[task.model] ?? null,
  };
  const candidates = shards.flatMap(({ shard, summary, give }) => [shard, summary, ...Object.values(give).flat()]);
  const parts = Object.entries(inputs).map(([input, part]) => {
    return [input, { part, takes: numbers.flatMap((i) => OF_A_SHARD[part](task, i)) }] as const;
  });
  return chosenParts("dsgen/recipes/select-shards", params, [...new Set(candidates)], Object.fromEntries(parts));
}
