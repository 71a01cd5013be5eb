import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { AxisTable } from "./axes.ts";
import type { Counts } from "./shard-summary.ts";

/**
 * What `dataset.manifest.json` says, of every kind of task: see recipes/write-manifest.ts, which writes it. A kind calls what
 * it counts by its own words (`pairs` or `records`), so those are not among them.
 */
export type Manifest = {
  readonly v: number;
  readonly dataset: {
    readonly file: string;
    readonly sha256: string;
    readonly rows: number;
    readonly scenarios: number;
    readonly target: number;
    readonly short_by: number;
  };
  readonly task: string;
  readonly simulated: boolean;
  readonly partial?: boolean;
  /** The namespace of who was asked: `openai:api.openai.com:-:-`. */
  readonly provider: string;
  readonly summary: {
    readonly shards: number;
    readonly responses: number;
    readonly answered: number;
    readonly errors: number;
    readonly error_codes: Counts;
    readonly response_problems: Counts;
    readonly malformed_entries: Counts;
    readonly valid: number;
    readonly invalid: number;
    readonly failures_by_check: Counts;
    readonly failures_by_reason: Counts;
    readonly failures_by_tokenizer: Counts;
    readonly failures_by_variant: Counts;
    readonly duplicates: number;
    /** The share of the candidates that are valid; null without candidates. */
    readonly success_rate: number | null;
    readonly scenarios: number;
    readonly target: number;
    readonly short_by: number;
    readonly rows: number;
    readonly yield_by_axis?: AxisTable;
    readonly buying: { readonly reason: string };
  };
  /** By how they came: `batch`, `direct`, `import`. */
  readonly answers: Counts;
  readonly tokens: {
    readonly input: number;
    readonly cached_input: number;
    readonly output: number;
    readonly unreported_answers?: number;
  };
  /** US dollars; null when it is not known. */
  readonly cost_usd: number | null;
  readonly used_cost_usd: number | null;
  readonly model: string;
  readonly sampling: JsonObject | null;
  readonly prompt_fingerprint: string;
  readonly tokenizers: Readonly<Record<string, string>>;
  readonly unproven_tokenizers?: Readonly<Record<string, readonly string[]>>;
  readonly dsgen: string;
  /** Where each scenario came from. */
  readonly scenarios: readonly {
    readonly scenario_id: number;
    readonly shard: string;
    readonly custom_id: string;
    readonly request_id: string | null;
    readonly batch_id: string | null;
    readonly entry: number;
    /** Of tasks with axes. */
    readonly axes?: Readonly<Record<string, JsonValue>>;
  }[];
};
