import type { JsonObject } from "../graph/json.ts";
import type { Pair, PairVerdict } from "../tokenizers/pair-rule.ts";
import type { CheckVerdict } from "./check-verdict.ts";

/** An entry's keys in order, and how its texts are read. */
export interface EntryNames {
  /** The name of the task's kind. */
  readonly kind: string;
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
  /** Members that its line in a shard has beside the common ones. */
  readonly more?: JsonObject;
}

/** The two texts of a candidate that is a pair. */
export function pairOfTexts(texts: readonly string[]): Pair {
  const [first, second] = texts;
  if (first === undefined || second === undefined || texts.length !== 2) throw new Error("a pair has two texts");
  return { first, second };
}

/** Where a candidate came from: the line of the output file, counted from 1, and the entry in its response, from 0. */
export interface Origin {
  readonly custom_id: string;
  readonly request_id: string | null;
  readonly line: number;
  readonly index: number;
}

/** `[first, second, different]` by variant and tokenizer; empty when nothing was encoded. */
export type TokenTable = Readonly<Record<string, Readonly<Record<string, TokenEntry>>>>;
export type TokenEntry = readonly [first: number, second: number, different: readonly number[] | null];

/** A failed check as a shard keeps it. */
export interface FailedCheck {
  readonly check: string;
  readonly reason: string;
  readonly detail: JsonObject;
}

/** A line of a shard, read. */
export interface ShardLine {
  readonly valid: boolean;
  /** In the order of the fields. */
  readonly texts: readonly string[];
  readonly failed: readonly FailedCheck[];
  readonly tokens: TokenTable;
  readonly from: Origin;
  /** The whole line, where lines of its kind hold more than these members. */
  readonly more?: JsonObject;
}

/** What a dataset is chosen by, and made of. */
export type Entry = Pick<ShardLine, "valid" | "texts" | "from" | "more"> & Partial<Pick<ShardLine, "tokens">>;

/** A candidate after its checks. */
export interface CheckedCandidate {
  readonly candidate: Candidate;
  readonly verdicts: readonly CheckVerdict[];
  /** Absent when no check needed tokens. */
  readonly tokens: PairVerdict | undefined;
  readonly from: Omit<Origin, "index">;
}

/** The names by which a shard's lines are spelled. */
export interface ShardNames extends EntryNames {
  readonly variants: readonly string[];
  readonly tokenizers: readonly string[];
}
