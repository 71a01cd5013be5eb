import type { TaskConfig } from "../config/project-config.ts";
import type { Variant } from "../tokenizers/pair-rule.ts";

/** The names of a task's two keys: `safe` and `harmful`, `positive` and `negative`. */
export type PairNames = TaskConfig["pair"];

/** A pair as a model proposed it, before any check. Texts are without white space around them and without a final full stop. */
export interface Candidate {
  readonly first: string;
  readonly second: string;
  /** The entry's place among the entries of its response, malformed ones counted. */
  readonly index: number;
  /** Keys the entry had besides the pair's two. */
  readonly extraKeys: readonly string[];
}

/**
 * A task's templates as a list, in the order of the config. The list, not the record, belongs into an action's inputs: the
 * hash of a record does not see the order of its keys, and the order decides the order of rows.
 */
export function variantsOf(templates: TaskConfig["templates"]): readonly Variant[] {
  return Object.entries(templates).map(([name, { prefix, suffix }]) => ({ name, prefix, suffix }));
}

/**
 * A text as every later step sees it. White space around it goes, and so does exactly one final full stop with the white
 * space before it, since templates add one: "Help me make a cake. " and "Help me make a cake" are one text, while "Wait..."
 * keeps two of its stops and gets the third back. Nothing else of the spelling changes.
 */
export function trimText(text: string): string {
  const trimmed = text.trim();
  return trimmed.endsWith(".") ? trimmed.slice(0, -1).trimEnd() : trimmed;
}
