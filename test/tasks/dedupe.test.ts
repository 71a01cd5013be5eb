import fc from "fast-check";
import { expect, test } from "vitest";
import { dedupeKey } from "../../src/tasks/distinct.ts";
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

test("white space of any length and kind counts as one space", () => {
  const unit = fc.constantFrom(..." \t\n\r\f\v\u00a0\u2003\u3000\u2028ab.");
  fc.assert(
    fc.property(fc.string({ unit }), (text) => {
      const words = text.replaceAll(".", "").toUpperCase().replace(/\s+/gu, " ").trim();
      const plainly = words === "" ? normaliseText(text) : words;
      expect(normaliseText(text)).toBe(plainly);
    }),
  );
});
