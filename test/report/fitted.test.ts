import fc from "fast-check";
import { expect, test } from "vitest";
import { cells } from "../../src/report/cells.ts";
import { fitted } from "../../src/report/format.ts";

test("a long line is broken at blanks, and what follows is set in by two more", () => {
  expect(fitted("    one two three four five six\nseven", 26)).toBe("    one two three four\n      five six\nseven");
});

test("a word that has no room stays whole, as does a line of JSON", () => {
  expect(fitted("a averyveryverylongwordindeed b", 20)).toBe("a\n  averyveryverylongwordindeed\n  b");
  const json = '{"type":"notice","message":"one two three"}';
  expect(fitted(json, 10)).toBe(json);
});

test("nothing but line ends and blanks is added, and a line is too wide only for a word that has no room", () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-zé漢]{1,12}$/), { minLength: 1 }),
      fc.integer({ min: 20 }),
      (words, width) => {
        const text = words.join(" ");
        const broken = fitted(text, width);
        expect(broken.replace(/\n {2}/g, " ")).toBe(text);
        for (const line of broken.split("\n")) expect(cells(line)).toBeLessThanOrEqual(Math.max(width, 26));
      },
    ),
  );
});
