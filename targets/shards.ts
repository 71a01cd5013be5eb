import {
  chosen,
  type EmbeddingConfig,
  file,
  type Input,
  made,
  madeAll,
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
import { firstBatches, requestFile } from "./requests.ts";

export function shardFile(task: TaskConfig, i: number): TargetName {
  return name(`validated/${task.task_name}/shard${i}.jsonl`);
}

export function shardSummary(task: TaskConfig, i: number): TargetName {
  return name(`validated/${task.task_name}/shard${i}.summary.json`);
}

/** `validated/T/shard{i}.jsonl`: the candidates of one output file, each with every verdict. */
export function shardTarget(task: TaskConfig, i: number): Target {
  const at = `tasks/${task.task_name}`;
  if (task.embedding !== undefined) return embeddingShard(task, task.embedding, i);
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
      check_timeout_seconds: value(task.check_timeout_seconds, `${at}.check_timeout_seconds`),
      tokenizers: value(task.tokenizers, `${at}.tokenizers`),
      ...Object.fromEntries(modulePaths(task.checks).map((path) => [`check ${path}`, moduleInput(path)])),
      ...Object.fromEntries(task.tokenizers.map((of) => [`tokenizer ${of}`, tokenizer(of)])),
    },
  });
}

/** The same for embeddings: each vector beside its text, and the verdicts on the text. */
function embeddingShard(task: TaskConfig, { file: texts, dimensions }: EmbeddingConfig, i: number): Target {
  const at = `tasks/${task.task_name}`;
  return target({
    name: shardFile(task, i),
    outputs: [shardFile(task, i), shardSummary(task, i)],
    recipe: recipe("dsgen/recipes/validate-embeddings"),
    stage: "validation",
    task: task.task_name,
    inputs: {
      answers: made(outputFile(task, i)),
      requests: made(requestFile(task, i)),
      inputs: file(texts),
      names: value(namesOf(task), `${at}.kind`),
      dimensions: value(dimensions, `${at}.dimensions`),
      checks: value(task.checks, `${at}.checks`),
      max_characters: value(task.max_characters, `${at}.max_characters`),
      check_timeout_seconds: value(task.check_timeout_seconds, `${at}.check_timeout_seconds`),
      ...Object.fromEntries(modulePaths(task.checks).map((path) => [`check ${path}`, moduleInput(path)])),
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

/** The file of texts to embed, for what must know how many there are. Other kinds of task have none. */
export function textsOf({ embedding }: TaskConfig): Record<string, Input> {
  return embedding === undefined ? {} : { inputs: file(embedding.file) };
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
  // Every text is embedded: there is nothing to choose.
  if (task.kind === "embeddings") return madeAll(shards.flatMap(({ give: files }) => files));
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
