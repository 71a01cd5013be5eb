import type { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { projectPath } from "../graph/names.ts";
import { unreachable } from "../graph/result.ts";
import type {
  CheckConfig,
  DedupeConfig,
  DsgenConfig,
  EmbeddingConfig,
  ModelConfig,
  RowConfig,
  SamplingConfig,
  TaskConfig,
  TemplateConfig,
  TokenizerConfig,
  TokenizerSource,
} from "./project-config.ts";
import { CHECK_PARAMS, isCheckName } from "./schema-checks.ts";
import type { dsgenSchema } from "./schema-dsgen.ts";
import { EMBEDDED_FIELDS, EMBEDDINGS_URL } from "./schema-entries.ts";
import type { modelsSchema } from "./schema-models.ts";
import type { taskSchema } from "./schema-task.ts";
import { DEFAULT_NPM_FOLDER, type tokenizersSchema } from "./schema-tokenizers.ts";

/*
 * From the files' pleasant spellings to the one form the program sees. Only for values that passed every rule: what is
 * impossible there is a bug here, and throws.
 */

/** A checked task file. Keys that are absent in the file and have no default stay absent. */
export function taskOf(written: z.output<typeof taskSchema>): TaskConfig {
  const { first, second } = written.pair;
  const output = projectPath(written.output ?? `${written.task_name}.jsonl`);
  if (!output.ok) throw new Error(`unchecked output of ${written.task_name}: ${output.error}`);
  const { sampling, templates = {} } = written;
  const fields = fieldsOf(written);
  const embedding = embeddingOf(written);
  const capacity = written.batches * written.requests_per_batch * (embedding?.inputs_per_request ?? 1);
  const instructions = written.generation_instructions ?? [];
  return {
    task_name: written.task_name,
    kind: written.kind,
    description: written.description ?? "",
    ...(written.role === undefined ? {} : { role: written.role }),
    ...(written.prompt === undefined ? {} : { prompt: written.prompt }),
    model: written.model,
    endpoint: written.endpoint ?? (embedding === undefined ? "/v1/chat/completions" : EMBEDDINGS_URL),
    sampling: sampling === undefined ? null : samplingOf(sampling),
    axes: Object.entries(written.axes ?? {}).map(([axis, values]) =>
      Array.isArray(values)
        ? { axis, values: values.map((value) => value.trim()) }
        : { axis, file: inProject(values.file, `axis ${axis} of ${written.task_name}`) },
    ),
    ...(written.response_schema === undefined ? {} : { response_schema: JSON.stringify(written.response_schema) }),
    ...(written.requests_from === undefined ? {} : { requests_from: listOf(written.requests_from) }),
    ...(embedding === undefined ? {} : { embedding }),
    batches: written.batches,
    max_batches: written.max_batches ?? written.batches,
    requests_per_batch: written.requests_per_batch,
    scenarios_per_request: written.scenarios_per_request ?? 1,
    target_scenarios: written.target_scenarios ?? capacity,
    pair: { first, second },
    fields,
    rows: written.kind !== "records" ? [] : (written.rows ?? [defaultRow(fields)]).map(rowOf),
    // In one fixed order, whatever the file's: what the hash does not see must not be seen by anyone.
    templates: Object.fromEntries(
      Object.keys(templates)
        .sort()
        .map((name): [string, TemplateConfig] => [name, member(templates, name)]),
    ),
    template_order: Object.keys(templates),
    examples: (written.examples ?? []).map((example) =>
      Object.fromEntries(fields.map((field) => [field, member(example, field)])),
    ),
    generation_instructions: listOf(instructions),
    tokenizers: written.tokenizers ?? [],
    checks: written.checks.map(checkOf),
    dedupe: dedupeOf(written.dedupe),
    max_characters: written.max_characters,
    check_timeout_seconds: written.check_timeout_seconds,
    output: output.value,
    strategy: written.strategy,
    pilot_batches: written.pilot_batches,
    confidence: written.confidence,
    max_cost: written.max_cost,
    on_short: written.on_short,
    budget: written.budget,
  };
}

function fieldsOf({ kind, pair, fields }: z.output<typeof taskSchema>): readonly string[] {
  switch (kind) {
    case "pairs":
      return [pair.first, pair.second];
    case "records":
      return fields ?? [];
    case "embeddings":
      return EMBEDDED_FIELDS;
    default:
      return unreachable(kind);
  }
}

function embeddingOf(written: z.output<typeof taskSchema>): EmbeddingConfig | undefined {
  if (written.kind !== "embeddings" || written.inputs === undefined) return undefined;
  return {
    file: inProject(written.inputs.file, `inputs of ${written.task_name}`),
    inputs_per_request: written.inputs_per_request ?? 1,
    dimensions: written.dimensions ?? null,
  };
}

function samplingOf(sampling: NonNullable<z.output<typeof taskSchema>["sampling"]>): SamplingConfig {
  const { temperature, top_p, max_tokens, max_completion_tokens, reasoning_effort, seed, response_format } = sampling;
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(top_p === undefined ? {} : { top_p }),
    ...(max_tokens === undefined ? {} : { max_tokens }),
    ...(max_completion_tokens === undefined ? {} : { max_completion_tokens }),
    ...(reasoning_effort === undefined ? {} : { reasoning_effort }),
    ...(seed === undefined ? {} : { seed }),
    response_format,
  };
}

/** Members that say nothing are left out: they would be in the action key of every dataset. */
function dedupeOf({ by, threshold, fields }: z.output<typeof taskSchema>["dedupe"]): DedupeConfig {
  return {
    by,
    ...(by === "near" ? { threshold: threshold ?? DEFAULT_THRESHOLD } : {}),
    ...(fields === undefined ? {} : { fields }),
  };
}

const DEFAULT_THRESHOLD = 0.8;

function defaultRow(fields: readonly string[]): Readonly<Record<string, JsonValue>> {
  return {
    record_id: "{record_id}",
    task: "{task}",
    ...Object.fromEntries(fields.map((field) => [field, `{${field}}`])),
  };
}

function rowOf(row: Readonly<Record<string, unknown>>): RowConfig {
  return Object.entries(row).map(([key, value]) => [key, sortedValue(JSON.parse(JSON.stringify(value)))]);
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}

function inProject(path: string, what: string): string {
  const checked = projectPath(path);
  if (!checked.ok) throw new Error(`unchecked file of ${what}: ${checked.error}`);
  return checked.value;
}

function checkOf(written: z.output<typeof taskSchema>["checks"][number]): CheckConfig {
  const { check, ...params } = typeof written === "string" ? { check: written } : written;
  if (!isCheckName(check)) throw new Error(`unchecked check: ${check}`);
  switch (check) {
    case "equal-token-count":
    case "one-token-difference":
    case "schema":
      return { check };
    case "length": {
      const { field, min, max } = CHECK_PARAMS.length.parse(params);
      return {
        check,
        ...(field === undefined ? {} : { field }),
        ...(min === undefined ? {} : { min }),
        ...(max === undefined ? {} : { max }),
      };
    }
    case "regex": {
      const { field, ...rest } = CHECK_PARAMS.regex.parse(params);
      return { check, ...rest, ...(field === undefined ? {} : { field }) };
    }
    case "distinct-texts":
      return { check, ...CHECK_PARAMS["distinct-texts"].parse(params) };
    case "module": {
      const { path, ...own } = CHECK_PARAMS.module.parse(params);
      return { check, path, params: jsonObject(own) };
    }
  }
}

/** Parameters came out of YAML as JSON; the schema merely does not say so. */
function jsonObject(value: Readonly<Record<string, unknown>>): JsonObject {
  const copy: unknown = JSON.parse(JSON.stringify(value));
  if (!isJsonObject(copy)) throw new Error("parameters are not an object");
  return sorted(copy);
}

/** Keys in one fixed order, for the same reason as the templates'. */
function sorted(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.keys(object)
      .sort()
      .map((key) => [key, sortedValue(object[key] ?? null)]),
  );
}

function sortedValue(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sortedValue);
  return isJsonObject(value) ? sorted(value) : value;
}

function member<T>(record: Readonly<Record<string, T>>, key: string): T {
  const value = record[key];
  if (value === undefined) throw new Error(`unchecked config: no ${key}`);
  return value;
}

/** A checked dsgen.yaml. @param tasks every task's name: the default for `default_tasks` */
export function dsgenOf(written: z.output<typeof dsgenSchema>, tasks: readonly string[]): DsgenConfig {
  const { simulator } = written;
  return {
    provider: written.provider,
    default_tasks: written.default_tasks ?? tasks,
    budget: written.budget,
    confirm_above: written.confirm_above,
    simulator: {
      seed: simulator.seed,
      speed: simulator.speed,
      ...(simulator.yield === undefined ? {} : { yield: simulator.yield }),
    },
    poll_seconds: written.poll_seconds,
    lock_timeout_seconds: written.lock_timeout_seconds,
    jobs: written.jobs ?? null,
    batch: written.batch,
    realtime: written.realtime,
  };
}

/**
 * The checked models. What they take is held against the tasks as they are written, and left out here: prices are in action
 * keys, and a claim more must not make a manifest again.
 */
export function modelsOf(written: z.output<typeof modelsSchema> | undefined): Readonly<Record<string, ModelConfig>> {
  return Object.fromEntries(
    Object.entries(written?.models ?? {}).map(([name, { takes: _, ...model }]) => [name, model]),
  );
}

/** A checked entry of tokenizers.yaml. @param at where it is written */
export function tokenizerOf(
  written: z.output<typeof tokenizersSchema>["tokenizers"][string],
  at: string,
): TokenizerConfig {
  const { description, unproven } = written;
  return { source: sourceOf(written), unproven, at, ...(description === undefined ? {} : { description }) };
}

function sourceOf(written: z.output<typeof tokenizersSchema>["tokenizers"][string]): TokenizerSource {
  if (written.npm !== undefined) {
    const parts = written.npm.split("/");
    const named = written.npm.startsWith("@") ? 2 : 1;
    const folder = parts.slice(named).join("/");
    return {
      kind: "npm",
      package: parts.slice(0, named).join("/"),
      folder: folder === "" ? DEFAULT_NPM_FOLDER : folder,
    };
  }
  if (written.folder !== undefined) return { kind: "folder", path: written.folder };
  if (written.hub !== undefined && written.revision !== undefined) {
    return { kind: "hub", repo: written.hub, revision: written.revision };
  }
  throw new Error("unchecked tokenizer: it has no source");
}
