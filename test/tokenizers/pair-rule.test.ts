import fc from "fast-check";
import { expect, test } from "vitest";
import type { Encoder } from "../../src/tokenizers/encoder.ts";
import {
  codePoints,
  compareIds,
  isLongerThan,
  isMinimalPair,
  judgePair,
  plainComparer,
} from "../../src/tokenizers/pair-rule.ts";

const letters: Encoder = { name: "letters", encode: (text) => [...text].map((letter) => letter.codePointAt(0) ?? 0) };
const words: Encoder = { name: "words", encode: (text) => text.split(" ").map((word) => word.length) };
const variants = [
  { name: "bare", prefix: "", suffix: "" },
  { name: "asked", prefix: "Q: ", suffix: "\nA: " },
];
const comparers = (...encoders: readonly Encoder[]) => encoders.map((encoder) => plainComparer(encoder, variants));

test("every variant and tokenizer is compared, failing ones too", () => {
  expect(judgePair(comparers(letters, words), { first: "a cat", second: "a dogs" })).toEqual({
    kind: "compared",
    comparisons: [
      { first: 6, second: 7, different: null },
      { first: 2, second: 2, different: [1] },
      { first: 13, second: 14, different: null },
      { first: 4, second: 4, different: [2] },
    ],
  });
});

test("a pair is minimal when equally many ids differ at exactly one position, everywhere", () => {
  const minimal = (first: string, second: string) => isMinimalPair(judgePair(comparers(letters), { first, second }));
  expect(minimal("cat", "cot")).toBe(true);
  expect(minimal("cat", "cat")).toBe(false);
  expect(minimal("cat", "dog")).toBe(false);
  expect(minimal("cat", "cats")).toBe(false);
  expect(isMinimalPair({ kind: "compared", comparisons: [] })).toBe(false);
});

test("comparing is symmetric and finds exactly the differing positions", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3)), fc.array(fc.nat(3)), (a, b) => {
      const one = compareIds(a, b);
      const two = compareIds(b, a);
      expect(two).toEqual({ first: one.second, second: one.first, different: one.different });
      if (one.different === null) expect(a.length).not.toBe(b.length);
      else expect(a.map((id, at) => id === b[at])).toEqual(a.map((_, at) => !one.different?.includes(at)));
    }),
  );
});

test("ill-formed and overlong texts are refused before anything is encoded", () => {
  const never: Encoder = {
    name: "never",
    encode: () => {
      throw new Error("encoded");
    },
  };
  const judge = (first: string, second: string, max?: number) => judgePair(comparers(never), { first, second }, max);
  expect(judge("ok", "a\ud800b")).toEqual({ kind: "refused", reason: "ill-formed-text", member: "second" });
  expect(judge("\udc00", "ok")).toEqual({ kind: "refused", reason: "ill-formed-text", member: "first" });
  expect(judge("x".repeat(1_000_000), "ok")).toEqual({ kind: "refused", reason: "too-long", member: "first" });
  expect(judge("ok", "😀".repeat(11), 10)).toEqual({ kind: "refused", reason: "too-long", member: "second" });
  expect(() => judge("ok", "😀".repeat(10), 10)).toThrow("encoded");
});

test("characters are code points", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), fc.nat(40), (text, limit) => {
      expect(codePoints(text)).toBe([...text].length);
      expect(isLongerThan(text, limit)).toBe([...text].length > limit);
    }),
  );
});
