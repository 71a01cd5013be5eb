import type { z } from "zod";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { dsgenOf } from "./schema-dsgen.ts";
import type { modelsOf } from "./schema-models.ts";
import type { tokenizersSchema } from "./schema-tokenizers.ts";
import type { taskOf } from "./task-config.ts";

/*
 * What the files under `config/` mean, after every default is filled in. Types only: import these with `import type`, and
 * neither zod nor yaml is loaded.
 *
 * The keys are spelled as in the YAML files, so that a value, the place where a person edits it and the name under which
 * `explain` shows it are one word. Everything here is JSON and may be a target's `value` input as it is.
 */

/** As it is, and never changed. */
type Frozen<T> = JsonValue extends T
  ? T
  : JsonObject extends T
    ? T
    : T extends object
      ? { readonly [K in keyof T]: Frozen<T[K]> }
      : T;

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
  /** Its outputs are those of a partial build, beside the whole ones. */
  readonly partial?: true;
};

/** What a pipeline is made from: the configuration, and who answers. */
export type Project = ProjectConfig & {
  readonly dsgen_version: string;
  readonly provider: { readonly namespace: string; readonly simulated: boolean };
};

/**
 * What jobs and answers are looked after by. In a project with mistakes in its config it is what could be read of these: the
 * models unless their file is broken, and no task.
 */
export type Settings = Pick<ProjectConfig, "dsgen" | "models" | "tasks">;

/** A config file as it was read: its absolute path, and its bytes. */
export type ConfigFile = { readonly path: string; readonly content: Uint8Array };

/** `config/dsgen.yaml`: how dsgen itself behaves. Of all this, only who answers can change a byte of a dataset. */
export type DsgenConfig = Frozen<ReturnType<typeof dsgenOf>>;

/** One entry of `config/models.yaml`: prices in US dollars per million tokens, and limits. */
export type ModelConfig = Frozen<ReturnType<typeof modelsOf>[string]>;

/** One entry of `config/tokenizers.yaml`; `at` is where it is written, for messages: `config/tokenizers.yaml:3:3`. */
export type TokenizerConfig = Frozen<z.output<typeof tokenizersSchema>["tokenizers"][string] & { at: string }>;

export type { TokenizerSource } from "./schema-tokenizers.ts";
export type { EmbeddingConfig, RowConfig } from "./task-config.ts";

/** One `config/tasks/<task>.yaml`. */
export type TaskConfig = Frozen<ReturnType<typeof taskOf>>;

/** What makes requests differ: a name, and its values or a file that has one a line. */
export type AxisConfig = TaskConfig["axes"][number];

/** When two entries are the same. `threshold` is there with `near` only, `search` where it is banded; without `fields` all texts are compared. */
export type DedupeConfig = TaskConfig["dedupe"];

/** What is absent is not sent: the provider's own default holds. */
export type SamplingConfig = NonNullable<TaskConfig["sampling"]>;

/** A check of a task's list, with its parameters as the config's rules have found them right. */
export type CheckConfig = TaskConfig["checks"][number];
