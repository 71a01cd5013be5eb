import { comparerOf, type Encoder } from "./encoder.ts";
import { judgePair, type Pair, type PairVerdict } from "./pair-rule.ts";
import type { Variant } from "./variant.ts";

/** Pairs to be judged at once, with all that their verdicts depend on besides the tokenizers. */
export interface Portion {
  readonly variants: readonly Variant[];
  readonly maxCharacters: number;
  readonly pairs: readonly Pair[];
}

/** The verdicts of a portion, in the order of its pairs. */
export function judgePortion(encoders: readonly Encoder[], portion: Portion): readonly PairVerdict[] {
  const comparers = encoders.map((encoder) => comparerOf(encoder, portion.variants));
  return portion.pairs.map((pair) => judgePair(comparers, pair, portion.maxCharacters));
}
