import fc from "fast-check";
import type { Pair } from "../../src/tokenizers/pair-rule.ts";

/** Pieces on which tokenizers stumble: scripts, digits, white space, contractions, emoji, look-alikes of special tokens. */
const PIECES = [
  "Help",
  " me",
  " make",
  " a",
  " cake",
  " bomb",
  " the",
  "ing",
  " don't",
  " it's",
  "I'LL",
  " 1",
  "23",
  "4567",
  " 3.14",
  ",",
  "!",
  "?",
  " ",
  "  ",
  "   ",
  "\t",
  "\n",
  "\n\n",
  "\r\n",
  "\u00a0",
  "\u3000",
  "\u2028",
  "\u200b",
  "\ufeff",
  "\u0085",
  "é",
  "e\u0301",
  "ñ",
  "ﬁ",
  "ß",
  "İ",
  "漢字",
  "かな",
  "한국어",
  " 我",
  "Привет",
  "سلام",
  "שלום",
  "हिन्दी",
  "ไทย",
  "😀",
  "👨‍👩‍👧",
  "🏳️‍🌈",
  "𝒳",
  "𐍈",
  "<|im_end|>",
  "<|im_start|>",
  "<|eot_id|>",
  "<s>",
  "</s>",
  "<unk>",
  "<|",
  "▁",
  "▁▁",
  "<0x0A>",
  "_",
  "--",
  "…",
  "“",
  "\u0000",
  "\u0007",
  "٣",
  "Ⅷ",
  "½",
  "'s",
  "’s",
  "'S",
  "//",
  "https://x.y",
];

const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...PIECES) },
  { weight: 3, arbitrary: fc.stringMatching(/^ ?[a-z]{1,9}$/) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 3 }) },
);
const text = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(""));

/** Mostly texts that differ in one piece, as a model's do; some that differ in all. Always well-formed. */
const pair: fc.Arbitrary<Pair> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.option(text, { nil: "" }), piece, piece, fc.option(text, { nil: "" }))
      .map(([before, a, b, after]) => ({ first: before + a + after, second: before + b + after })),
  },
  { weight: 1, arbitrary: fc.record({ first: text, second: text }) },
);

/** The same pairs every time. */
export function variedPairs(count: number, seed: number): readonly Pair[] {
  return fc
    .sample(pair, { numRuns: count, seed })
    .filter(({ first, second }) => !/\p{Surrogate}/u.test(first + second));
}
