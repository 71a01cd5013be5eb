import type { JsonValue } from "../graph/json.ts";
import type { Right, Rule } from "./rules.ts";

/** What the config knows of one kind of task beside its schema. */
export type Kind<T> = {
  readonly name: string;
  /** Every field at once, as a check's `field` names it. */
  readonly all: string;
  /** Whether checks of tokens make sense. */
  readonly ofTokens: boolean;
  /** Keys of the prompt that it needs beyond those of every prompt. */
  readonly needs: readonly string[];
  /** The key that says what an entry's keys are. */
  readonly whose: string;
  /** The keys of an entry; undefined where they are not right. */
  readonly keys: (task: Right<T>) => readonly string[] | undefined;
  /** What its own keys must satisfy. */
  readonly rules: (task: Right<T>, rule: Rule) => void;
  /** What its own keys come to. */
  readonly own: (task: T) => OwnConfig;
};

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
