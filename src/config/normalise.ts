import type { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { projectPath } from "../graph/names.ts";
import type {
  CheckConfig,
  DsgenConfig,
  TaskConfig,
  TemplateConfig,
  TokenizerConfig,
  TokenizerSource,
} from "./project-config.ts";
import type { dsgenSchema } from "./schema-dsgen.ts";
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
  const { sampling } = written;
  return {
    task_name: written.task_name,
    description: written.description,
    ...(written.role === undefined ? {} : { role: written.role }),
    model: written.model,
    endpoint: written.endpoint,
    sampling: {
      temperature: sampling.temperature,
      ...(sampling.top_p === undefined ? {} : { top_p: sampling.top_p }),
      max_tokens: sampling.max_tokens,
      ...(sampling.seed === undefined ? {} : { seed: sampling.seed }),
      response_format: sampling.response_format,
    },
    batches: written.batches,
    max_batches: written.max_batches ?? written.batches,
    requests_per_batch: written.requests_per_batch,
    scenarios_per_request: written.scenarios_per_request,
    target_scenarios: written.target_scenarios,
    pair: { first, second },
    // In one fixed order, whatever the file's: what the hash does not see must not be seen by anyone.
    templates: Object.fromEntries(
      Object.keys(written.templates)
        .sort()
        .map((name): [string, TemplateConfig] => [name, member(written.templates, name)]),
    ),
    template_order: Object.keys(written.templates),
    examples: written.examples.map((example) => ({
      [first]: member(example, first),
      [second]: member(example, second),
    })),
    generation_instructions:
      typeof written.generation_instructions === "string"
        ? [written.generation_instructions]
        : written.generation_instructions,
    tokenizers: written.tokenizers,
    checks: written.checks.map(checkOf),
    dedupe: { by: written.dedupe.by },
    max_characters: written.max_characters,
    output: output.value,
    strategy: written.strategy,
    pilot_batches: written.pilot_batches,
    on_short: written.on_short,
    budget: written.budget,
  };
}

function checkOf(written: z.output<typeof taskSchema>["checks"][number]): CheckConfig {
  if (typeof written === "string") return { check: written, params: {} };
  const { check, ...params } = written;
  return { check, params: jsonObject(params) };
}

/** Parameters came out of YAML as JSON; the schema merely does not say so. */
function jsonObject(value: Readonly<Record<string, unknown>>): JsonObject {
  const copy: unknown = JSON.parse(JSON.stringify(value));
  if (!isJsonObject(copy)) throw new Error("parameters are not an object");
  return sorted(copy);
}

/** Keys in one fixed order, for the same reason as the templates'. */
function sorted(object: JsonObject): JsonObject {
  const value = (member: JsonValue): JsonValue => {
    if (Array.isArray(member)) return member.map(value);
    return isJsonObject(member) ? sorted(member) : member;
  };
  return Object.fromEntries(
    Object.keys(object)
      .sort()
      .map((key) => [key, value(object[key] ?? null)]),
  );
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

/** A checked entry of tokenizers.yaml. */
export function tokenizerOf(written: z.output<typeof tokenizersSchema>["tokenizers"][string]): TokenizerConfig {
  const source = sourceOf(written);
  return written.description === undefined ? { source } : { source, description: written.description };
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
