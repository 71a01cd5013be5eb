import type { JsonValue } from "../graph/json.ts";
import { projectPath } from "../graph/names.ts";
import type { WrittenCheck } from "./schema-checks.ts";
import type { Paths } from "./schema-dsgen.ts";
import { taskResources } from "./schema-executor.ts";
import { defined } from "./schema-parts.ts";
import type { CommonTask, PromptedTask } from "./schema-task.ts";

/*
 * The one form in which the program sees a task of any kind.
 */

const DEFAULT_THRESHOLD = 0.8;
const CHAT_URL = "/v1/chat/completions";

/** What a kind makes of its own keys; what it leaves out is as if no task had it. */
export type OwnKeys = Pick<OwnConfig, "fields"> & Partial<OwnConfig & PromptedConfig>;

/** What is made of the keys that only some kinds have. */
export type OwnConfig = {
  /** The two keys of a pair, in the order in which a dataset gives them. */
  readonly pair: { readonly first: string; readonly second: string };
  /** The texts of an entry by their keys: the two of `pair`, a record's fields, or an embedding's `text`. */
  readonly fields: readonly string[];
  /** A record's rows, as lists of members, since an object's key order is not hashed. Empty for pairs. */
  readonly rows: readonly RowConfig[];
  readonly templates: Readonly<Record<string, { readonly prefix: string; readonly suffix: string }>>;
  /** The names of `templates` in the order of the file, which is the order of a scenario's rows. */
  readonly template_order: readonly string[];
  /** Names in `ProjectConfig.tokenizers`. */
  readonly tokenizers: readonly string[];
  /** Whether the rows of pairs say where their tokens differ; absent where they do not. */
  readonly token_positions?: boolean;
  /** What is embedded, and how. There for embeddings, and for nothing else. */
  readonly embedding?: EmbeddingConfig;
};

/** The file of texts, one a line; texts a request; numbers an embedding, null for the model's own number. */
export type EmbeddingConfig = {
  readonly file: string;
  readonly inputs_per_request: number;
  readonly dimensions: number | null;
};

/** A row of a record: its members in order, `{field}` in their texts still to be filled in. */
export type RowConfig = readonly (readonly [key: string, value: JsonValue])[];

/** The keys of a pair, unless the task names its own. */
export const PAIR_DEFAULTS = { first: "safe", second: "harmful" };

/** What the keys that only some kinds have are in a task of another. */
const NOTHING_OWN: Omit<OwnConfig, "fields" | "embedding" | "token_positions"> = {
  pair: PAIR_DEFAULTS,
  rows: [],
  templates: {},
  template_order: [],
  tokenizers: [],
};

/** A task that passed its schema and every rule. Members that say nothing are left out: they would be in action keys. */
export function taskOf(task: CommonTask, kind: string, own: OwnKeys, paths: Paths) {
  const { by, threshold = DEFAULT_THRESHOLD, search, fields: compared } = task.dedupe;
  const output = projectPath(task.output ?? `${task.task_name}.jsonl`);
  if (!output.ok) throw new Error(`unchecked output of ${task.task_name}: ${output.error}`);
  return defined({
    task_name: task.task_name,
    kind,
    /** Empty when `requests_from` takes the prompt's place; so are the examples and instructions then. */
    description: task.description ?? "",
    model: task.model,
    batches: task.batches,
    requests_per_batch: task.requests_per_batch,
    ...NOTHING_OWN,
    ...unprompted(task),
    ...own,
    checks: task.checks.map(hashed),
    /** What its shards ask of the machine that makes them; in no key. */
    resources: taskResources(
      task.executor,
      task.checks.map((check) => (check.check === "module" ? check.resources : undefined)),
    ),
    dedupe: defined({
      by,
      threshold: by === "near" ? threshold : undefined,
      search: by === "near" && search === "banded" ? search : undefined,
      fields: compared,
    }),
    max_characters: task.max_characters,
    check_timeout_seconds: task.check_timeout_seconds,
    /** A path from the project root, normalised, ending in `.jsonl`. */
    output: output.value,
    /** Where its files lie that are no dataset; from the project root. */
    folders: {
      requests: `${paths.requests}/${task.task_name}`,
      batch_outputs: `${paths.batch_outputs}/${task.task_name}`,
      validated: `${paths.validated}/${task.task_name}`,
    },
    exports: defined(task.exports),
    on_short: task.on_short,
    budget: task.budget,
  });
}

/** A check as it is hashed: where it runs never shows in what it says. */
function hashed(check: WrittenCheck) {
  return check.check === "module" ? { check: check.check, path: check.path, params: check.params } : defined(check);
}

/** What the keys of a prompt come to. @param fields the keys of an entry */
export function promptedOf(task: PromptedTask, fields: readonly string[]) {
  return {
    /** The system message; absent when the task has none. */
    role: task.role,
    /** The task's own template of the user message; without it that of its kind (prompt-template.ts). */
    prompt: task.prompt,
    endpoint: task.endpoint ?? CHAT_URL,
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

export type PromptedConfig = ReturnType<typeof promptedOf>;

type Axis =
  | { readonly axis: string; readonly values: readonly string[] }
  | { readonly axis: string; readonly file: string };

/** The same of a task without a prompt: all of it is wanted, and nothing is bought beyond its batches. */
function unprompted(task: CommonTask): PromptedConfig {
  const target_scenarios = task.batches * task.requests_per_batch;
  const buying = { strategy: "fixed", pilot_batches: 1, confidence: 0.9, max_cost: null } as const;
  return promptedOf({ ...task, target_scenarios, ...buying }, []);
}
