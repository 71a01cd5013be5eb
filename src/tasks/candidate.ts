import type { TaskConfig } from "../config/project-config.ts";
import type { Pair, Variant } from "../tokenizers/pair-rule.ts";

/** What an entry is: two texts that differ in one token, or named texts of any kind. */
export type EntryKind = TaskConfig["kind"];

/** An entry's keys in order, and how its texts are read. */
export interface EntryNames {
  readonly kind: EntryKind;
  /** For pairs exactly two, the first one first. */
  readonly fields: readonly string[];
}

/** An entry as a model proposed it, before any check. Texts are without white space around them; a pair's also without a final full stop. */
export interface Candidate {
  /** In the order of the fields. */
  readonly texts: readonly string[];
  /** The entry's place among the entries of its response, malformed ones counted. */
  readonly index: number;
  /** Keys the entry had besides its fields. */
  readonly extraKeys: readonly string[];
}

/** The two texts of a candidate that is a pair. */
export function pairOfTexts(texts: readonly string[]): Pair {
  const [first, second] = texts;
  if (first === undefined || second === undefined || texts.length !== 2) throw new Error("a pair has two texts");
  return { first, second };
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
