import { isAscii } from "./ascii-pieces.ts";
import { UNPROVEN_TEXT } from "./unproven-text.ts";
import { textOf, type Variant } from "./variant.ts";

/*
 * The rule a minimal pair is held to, plainly: for every variant and every tokenizer, the two texts
 * `prefix + text + "." + suffix` encode to equally many ids that differ at exactly one position. This file is the reference;
 * whatever is faster must give the same verdicts.
 */

/** Two texts without their final full stop, which the variants add. */
export interface Pair {
  readonly first: string;
  readonly second: string;
}

export type PairMember = keyof Pair;

/** One tokenizer's view of the two texts of one variant. */
export interface Comparison {
  /** How many ids the first text has. */
  readonly first: number;
  readonly second: number;
  /** The positions at which the ids differ; null when there are not equally many, so that positions do not correspond. */
  readonly different: readonly number[] | null;
}

export type RefusalReason =
  /** A lone surrogate: not Unicode text, and encoders disagree on it. */
  | "ill-formed-text"
  /** Characters on which the encoder is not proven to agree with the official library (unproven-text.ts). */
  | "unproven-text"
  /** More characters than the task allows; such a text is not encoded at all. */
  | "too-long";

export type PairVerdict =
  | {
      readonly kind: "compared";
      /** Every variant with every tokenizer: `comparisons[v * tokenizers + t]`, in declared order. None is left out. */
      readonly comparisons: readonly Comparison[];
    }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly member: PairMember };

export const LONE_SURROGATE = /\p{Surrogate}/u;

/** Unicode code points a text may have unless the task says otherwise. */
export const DEFAULT_MAX_CHARACTERS = 2000;

/** One tokenizer's comparisons of a pair, one for each variant in declared order. The pair is not one that is refused. */
export interface Comparer {
  compare(pair: Pair): readonly Comparison[];
}

/** The rule for one tokenizer, plainly: the reference. */
export function plainComparer(
  encoder: { encode(text: string): readonly number[] },
  variants: readonly Variant[],
): Comparer {
  return {
    compare: ({ first, second }) =>
      variants.map((variant) =>
        compareIds(encoder.encode(textOf(variant, first)), encoder.encode(textOf(variant, second))),
      ),
  };
}

/** Judges one pair by the rule. How the comparers work does not show in the verdict. */
export function judgePair(
  comparers: readonly Comparer[],
  pair: Pair,
  maxCharacters: number = DEFAULT_MAX_CHARACTERS,
): PairVerdict {
  const refused = refusePair(pair, maxCharacters);
  if (refused !== undefined) return refused;
  const columns = comparers.map((comparer) => comparer.compare(pair));
  const comparisons: Comparison[] = [];
  for (let variant = 0; variant < (columns[0]?.length ?? 0); variant++) {
    for (const column of columns) comparisons.push(column[variant] as Comparison);
  }
  return { kind: "compared", comparisons };
}

/** True when every comparison has equal counts and exactly one difference. No comparison at all is no proof. */
export function isMinimalPair(verdict: PairVerdict): boolean {
  return (
    verdict.kind === "compared" &&
    verdict.comparisons.length > 0 &&
    verdict.comparisons.every((c) => c.different?.length === 1)
  );
}

/** Why a pair is not encoded at all, or undefined. Looked at before any encoding, so that no text can stall a thread. */
export function refusePair(pair: Pair, maxCharacters: number): PairVerdict | undefined {
  for (const member of ["first", "second"] as const) {
    if (isLongerThan(pair[member], maxCharacters)) return { kind: "refused", reason: "too-long", member };
    // Neither is ASCII, which most texts are.
    if (isAscii(pair[member])) continue;
    if (LONE_SURROGATE.test(pair[member])) return { kind: "refused", reason: "ill-formed-text", member };
    if (UNPROVEN_TEXT.test(pair[member])) return { kind: "refused", reason: "unproven-text", member };
  }
  return undefined;
}

/** Whether a text has more than `limit` code points, without walking texts that are far longer. */
export function isLongerThan(text: string, limit: number): boolean {
  if (text.length <= limit) return false;
  return text.length > 2 * limit || codePoints(text) > limit;
}

/** How many Unicode code points a text has; a lone surrogate counts as one. */
export function codePoints(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    if ((text.codePointAt(at) ?? 0) > 0xffff) at++;
    count++;
  }
  return count;
}

/** Where two lists of ids differ. */
export function compareIds(first: readonly number[], second: readonly number[]): Comparison {
  if (first.length !== second.length) return { first: first.length, second: second.length, different: null };
  const different: number[] = [];
  for (let position = 0; position < first.length; position++) {
    if (first[position] !== second[position]) different.push(position);
  }
  return { first: first.length, second: second.length, different };
}
