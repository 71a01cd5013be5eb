import type { z } from "zod";
import { projectPath } from "../graph/names.ts";
import { withRules } from "./rules.ts";
import { embeddingRules, promptedRules } from "./rules-task.ts";
import { type EmbeddingsTask, embeddings, embeddingsSchema } from "./schema-embeddings.ts";
import { type PairsTask, pairs, pairsSchema } from "./schema-pairs.ts";
import { defined } from "./schema-parts.ts";
import { type RecordsTask, records, recordsSchema } from "./schema-records.ts";
import { EMBEDDINGS_URL, parts } from "./schema-task.ts";

/*
 * The kinds of task, and the one form in which the program sees a task of any kind.
 */

/** A task file of each kind, with the rules it is held to. */
export const TASK_SCHEMAS = {
  pairs: withRules(pairsSchema(parts), (task, rule) => {
    promptedRules(task, pairs.keys(task), pairs, rule);
    pairs.rules(task, rule);
  }),
  records: withRules(recordsSchema(parts), (task, rule) => {
    promptedRules(task, records.keys(task), records, rule);
    records.rules(task, rule);
  }),
  embeddings: withRules(embeddingsSchema(parts), (task, rule) => {
    embeddingRules(task, embeddings.keys(task), embeddings, rule);
  }),
};

export type KindName = keyof typeof TASK_SCHEMAS;

export const KIND_NAMES = Object.keys(TASK_SCHEMAS) as readonly KindName[];

/** A task file that passed its schema and every rule. */
export type WrittenTask = z.output<(typeof TASK_SCHEMAS)[KindName]>;

const DEFAULT_THRESHOLD = 0.8;

/** A task of any kind in one form. Members that say nothing are left out: they would be in action keys. */
export function taskOf(task: WrittenTask) {
  const { by, threshold = DEFAULT_THRESHOLD, fields: compared } = task.dedupe;
  const output = projectPath(task.output ?? `${task.task_name}.jsonl`);
  if (!output.ok) throw new Error(`unchecked output of ${task.task_name}: ${output.error}`);
  const own = ownOf(task);
  return defined({
    task_name: task.task_name,
    kind: task.kind,
    /** Empty when `requests_from` takes the prompt's place; so are the examples and instructions then. */
    description: task.description ?? "",
    model: task.model,
    batches: task.batches,
    requests_per_batch: task.requests_per_batch,
    ...own,
    ...(task.kind === "embeddings" ? unprompted(task) : promptedOf(task, own.fields)),
    checks: task.checks.map(defined),
    dedupe: defined({ by, threshold: by === "near" ? threshold : undefined, fields: compared }),
    max_characters: task.max_characters,
    check_timeout_seconds: task.check_timeout_seconds,
    /** A path from the project root, normalised, ending in `.jsonl`. */
    output: output.value,
    on_short: task.on_short,
    budget: task.budget,
  });
}

function ownOf(task: WrittenTask) {
  switch (task.kind) {
    case "pairs":
      return pairs.own(task);
    case "records":
      return records.own(task);
    case "embeddings":
      return embeddings.own(task);
  }
}

function promptedOf(task: PairsTask | RecordsTask, fields: readonly string[]) {
  return {
    /** The system message; absent when the task has none. */
    role: task.role,
    /** The task's own template of the user message; without it that of its kind (prompt-template.ts). */
    prompt: task.prompt,
    endpoint: task.endpoint ?? "/v1/chat/completions",
    /** Null with `requests_from`, whose requests say themselves how answers are drawn, and for embeddings. */
    sampling: task.sampling === undefined ? null : defined(task.sampling),
    /** In the order of the file, which is the order of combinations. */
    axes: Object.entries(task.axes ?? {}).map(
      ([axis, values]): Axis =>
        Array.isArray(values) ? { axis, values: values.map((value) => value.trim()) } : { axis, file: values.file },
    ),
    /**
     * The schema of an answer, as JSON text: providers write properties in the order in which the schema has them, and an
     * object's key order is not hashed.
     */
    response_schema: task.response_schema === undefined ? undefined : JSON.stringify(task.response_schema),
    /** Patterns of Batch API input files whose bodies are asked instead of rendered ones. */
    requests_from: task.requests_from === undefined ? undefined : [task.requests_from].flat(),
    max_batches: task.max_batches ?? task.batches,
    scenarios_per_request: task.scenarios_per_request ?? 1,
    target_scenarios: task.target_scenarios,
    /** Each has exactly the keys in `fields`, in that order. */
    examples: (task.examples ?? []).map((example) =>
      Object.fromEntries(fields.map((field) => [field, example[field] ?? ""])),
    ),
    /** One text an instruction; a single text in the file is a list of one. */
    generation_instructions: [task.generation_instructions ?? []].flat(),
    strategy: task.strategy,
    pilot_batches: task.pilot_batches,
    confidence: task.confidence,
    max_cost: task.max_cost,
  };
}

type Axis =
  | { readonly axis: string; readonly values: readonly string[] }
  | { readonly axis: string; readonly file: string };

/** The same of embeddings: every text is wanted, and nothing is bought beyond its batches. */
function unprompted({
  batches,
  requests_per_batch,
  inputs_per_request = 1,
}: EmbeddingsTask): ReturnType<typeof promptedOf> {
  return {
    role: undefined,
    prompt: undefined,
    endpoint: EMBEDDINGS_URL,
    sampling: null,
    axes: [],
    response_schema: undefined,
    requests_from: undefined,
    max_batches: batches,
    scenarios_per_request: 1,
    target_scenarios: batches * requests_per_batch * inputs_per_request,
    examples: [],
    generation_instructions: [],
    strategy: "fixed",
    pilot_batches: 1,
    confidence: 0.9,
    max_cost: null,
  };
}
