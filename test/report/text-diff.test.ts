import fc from "fast-check";
import { expect, test } from "vitest";
import { PLAIN_STYLE } from "../../src/report/style.ts";
import { textDiff, valueDiff } from "../../src/report/text-diff.ts";

const PAGE = { width: 60, style: PLAIN_STYLE };
const values = (from: unknown, to: unknown) => valueDiff("task", JSON.stringify(from), JSON.stringify(to), PAGE);

test("a changed line stands between the lines around it, and a cut line shows where it was changed", () => {
  const before = ["a", "b", "Rules:", `${"long ".repeat(30)}common words`, "z", "y", "x"].join("\n");
  const after = before.replace("common", "rare");
  expect(textDiff(before, after, PAGE)).toEqual([
    "  Rules:",
    expect.stringMatching(/^- …?.*common words$/),
    expect.stringMatching(/^\+ …?.*rare words$/),
    "  z",
  ]);
  expect(textDiff("one\ntwo", "one", PAGE)).toEqual(["  one", "- two"]);
  expect(textDiff("a\nb\nc\nd\ne", "A\nb\nc\nd\nE", PAGE)).toEqual(["- a", "+ A", "  b", "…", "  d", "- e", "+ E"]);
});

test("values are told apart member by member: short ones on a line, a text of several as a text", () => {
  expect(values({ a: 1, b: { c: "x" } }, { a: 2, b: { c: "y" } })).toEqual(["task.a: 1 → 2", "task.b.c: x → y"]);
  expect(values([{ suffix: "\nAnswer: " }], [{ suffix: "\nReply: " }])).toEqual([
    "task[0].suffix:",
    "    ",
    "  - Answer: ",
    "  + Reply: ",
  ]);
  expect(values({ list: ["a", "b"] }, { list: ["a", "c"] })).toEqual(["task.list:", "    a", "  - b", "  + c"]);
  expect(valueDiff("task", "3fae0c11d2b4", '"x"', PAGE)).toBeUndefined();
});

test("whatever the two texts, every line that one has alone is shown, in a line no wider than the page", () => {
  const text = fc.array(fc.stringMatching(/^[a-e]{1,3}$/), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const shown = textDiff(before.join("\n"), after.join("\n"), PAGE);
      const count = (kind: string) => shown.filter((line) => line.startsWith(kind)).length;
      // What is taken out and put in accounts for the lengths; equal texts show nothing.
      expect(count("+") - count("-")).toBe(after.length - before.length);
      expect(shown.length === 0).toBe(before.join("\n") === after.join("\n"));
      for (const line of after.filter((each) => !before.includes(each))) expect(shown).toContain(`+ ${line}`);
      expect(Math.max(0, ...shown.map((line) => line.length))).toBeLessThanOrEqual(PAGE.width);
    }),
  );
});
