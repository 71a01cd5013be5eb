import fc from "fast-check";
import { expect, test } from "vitest";
import { dedupeKey, KeySet } from "../../src/tasks/distinct.ts";
import { normaliseText } from "../../src/tasks/normalise.ts";

test.each([
  ["Help me.", "help  me"],
  ["Straße", "STRASSE"],
  ["ΟΔΟΣ", "οδος"],
  ["ﬁne", "fine"],
  ["e\u0301", "é"],
  ["Ｈｅｌｐ\u00a0me!", " help me"],
  ["don't", "don’t"],
])("%j and %j are the same when normalised, not when exact", (a, b) => {
  expect(dedupeKey([a], "normalised")).toBe(dedupeKey([b], "normalised"));
  expect(dedupeKey([a], "exact")).not.toBe(dedupeKey([b], "exact"));
});

test.each([
  ["?!", "..."],
  ["a cake", "a bomb"],
  ["a b", "ab"],
])("%j and %j stay apart", (a, b) => {
  expect(dedupeKey([a], "normalised")).not.toBe(dedupeKey([b], "normalised"));
});

test("texts of one scenario are kept apart in its key", () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 3 }), fc.array(fc.string(), { maxLength: 3 }), (a, b) => {
      expect(dedupeKey(a, "exact") === dedupeKey(b, "exact")).toBe(JSON.stringify(a) === JSON.stringify(b));
    }),
  );
});

test("normalising twice is normalising once", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const once = normaliseText(text);
      expect(normaliseText(once)).toBe(once);
    }),
  );
});

test("a text of ASCII is normalised as any other is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary-ascii" }), (text) => {
      // With a letter beyond ASCII at its end, the text goes the long way.
      const long = normaliseText(`${text}aé`);
      expect(normaliseText(`${text}a`)).toBe(long.slice(0, -1));
    }),
  );
});

test("a key set is a set, at any size", () => {
  const keys = Array.from({ length: 20_000 }, (_, n) => `key ${n % 15_000}`);
  const set = new KeySet();
  const known = new Set<string>();
  for (const key of keys) {
    expect(set.add(key)).toBe(!known.has(key));
    known.add(key);
  }
  expect(set.size).toBe(15_000);
});

test("keys that differ in little are told apart", () => {
  const set = new KeySet();
  const keys = ["", "\0", "\0\0", "a", "a\0", "\0a", "b", "ab", "ba", "abcdefgh", "abcdefgh\0", "abcdefg\u0168"];
  for (const key of keys) expect(set.add(key)).toBe(true);
  for (const key of keys) expect(set.add(key)).toBe(false);
  // One bit of one unit, at every place.
  for (let at = 0; at < 64; at++)
    for (let bit = 0; bit < 16; bit++)
      expect(set.add("x".repeat(at) + String.fromCharCode(0x78 ^ (1 << bit)) + "x".repeat(63 - at))).toBe(true);
});
