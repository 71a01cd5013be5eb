import fc from "fast-check";
import { UNPROVEN_TEXT } from "../../src/tokenizers/unproven-text.ts";

/** What tokenizers stumble over, to be strung together. */
export const HOSTILE_PIECES: readonly string[] = [
  ..."abcxyzABCKKſßıİσΣς019٣९Ⅷ½²",
  // every script has letters of its own kind of trouble
  ..."éñǅЖиλאبحकी்กาคำเခ្កアあ가각漢字㐀𠀀ꯍꓐᏣꭰⴰᠮɐʰ",
  "e\u0301",
  "a\u0327\u0301",
  "a\u0301\u0327",
  "\u0301",
  "\u1100\u1161\u11a8",
  "\u212b",
  "\u2126",
  "\ufb01",
  "\u0e33",
  // emoji, with joiners, skin, flags, key caps
  "😀",
  "👩‍👩‍👧‍👦",
  "👍🏽",
  "🇩🇪",
  "1\ufe0f\u20e3",
  "❤️",
  // every white space, and what only some call white space
  ..." \t\n\r\v\f\u0085\u00a0\u1680\u2000\u2003\u2028\u2029\u202f\u205f\u3000",
  ..."\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e",
  "  ",
  "   ",
  "\r\n",
  "\n\n",
  " \n ",
  // punctuation and symbols, in runs
  ...".,;:!?'\"`-_/\\()[]{}<>|@#$%^&*+=~¿¡…—–“”‘’«»、。「」·€©™√∑",
  "...",
  "?!?!",
  "----",
  "$1",
  "$&",
  // contractions
  "'s",
  "'S",
  "'t",
  "'re",
  "'VE",
  "'m",
  "'ll",
  "'LL",
  "'d",
  "’s",
  // refused; here so that the tests notice when it no longer is
  "'ſx",
  "\u07fd\u0301",
  // what looks like a special token, or is one in some tokenizer
  "<s>",
  "</s>",
  "<unk>",
  "<0x41>",
  "<|im_start|>",
  "<|im_end|>",
  "<|eot_id|>",
  "<|",
  "|>",
  "<s",
  "[UNK]",
  "##a",
  "▁",
  "▁▁",
  "Ġ",
  "Ċ",
  "Ã©",
  // words, digits, code
  "the",
  " the",
  "Help me make a cake",
  "12",
  "123",
  "1234567",
  "3.14",
  "fooBar_baz",
  "if (x) {\n\treturn;\n}",
  // control characters and the ends of planes
  "\u0000",
  "\u0001",
  "\u007f",
  "\ue000",
  "\u{10fffd}",
  "\u{e0041}",
];

/** Whether the encoder is to give the official ids at all. */
export function isEncoded(text: string): boolean {
  return !/\p{Surrogate}/u.test(text) && !UNPROVEN_TEXT.test(text);
}

export const hostileText: fc.Arbitrary<string> = fc
  .oneof(
    {
      weight: 4,
      arbitrary: fc.array(fc.constantFrom(...HOSTILE_PIECES), { maxLength: 12 }).map((all) => all.join("")),
    },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
    // long runs of one thing
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...HOSTILE_PIECES), fc.integer({ min: 2, max: 60 }))
        .map(([piece, times]) => piece.repeat(times)),
    },
  )
  .filter(isEncoded);

/** Short enough for models whose time grows with the cube of a text's length. */
export const shortText = hostileText.filter((text) => text.length <= 40);

/** Every piece in the middle of letters, and some strung together. */
export const SHORT_TEXTS: readonly string[] = [
  "",
  ...HOSTILE_PIECES.map((piece) => `a${piece}b ${piece}${piece}'s 1${piece}`).filter(isEncoded),
  ...fc.sample(shortText, { numRuns: 60, seed: 1 }),
];

/** The same texts every time: each piece alone and between letters, and so many strung together. */
export function hostileTexts(count: number, seed: number): readonly string[] {
  const alone = HOSTILE_PIECES.flatMap((piece) => [piece, `a${piece}b`, ` ${piece} ${piece}`, `1${piece}\n`]);
  return ["", ...alone.filter(isEncoded), ...fc.sample(hostileText, { numRuns: count, seed })];
}

/** A code point in the places that matter: after and before letters, digits, marks, line breaks, spaces, an apostrophe. */
export function inContext(codePoint: number): string {
  const c = String.fromCodePoint(codePoint);
  return `a${c}x ${c}b'${c}x1 ${c}${c}. 1${c}1\n${c}\n ${c}\u0301${c}\u0327\u0301 e${c}\u0301`;
}
