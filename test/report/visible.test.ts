import fc from "fast-check";
import { expect, test } from "vitest";
import { cells, padded } from "../../src/report/cells.ts";
import { columns, wrap } from "../../src/report/format.ts";
import { problemsText } from "../../src/report/problems.ts";
import { shorten } from "../../src/report/shorten.ts";
import { styleFor } from "../../src/report/style.ts";
import { printed, visible } from "../../src/report/visible.ts";

const ESCAPE = "\u001b";
const STYLE = styleFor("always", { isTty: true }, {});

test.each([
  ["a screen cleared", `${ESCAPE}[2Jgone`, "\\u001b[2Jgone"],
  ["a title set", `${ESCAPE}]0;root\u0007`, "\\u001b]0;root\\u0007"],
  ["the sequence of eight bits", "\u009b31m", "\\u009b31m"],
  ["a line overwritten", "error: no\rok", "error: no\\rok"],
  ["the order turned round", "safe\u202egpj.exe", "safe\\u202egpj.exe"],
  ["an isolate", "\u2066a\u2069", "\\u2066a\\u2069"],
  ["what cannot be seen", "pass\u200bword\ufeff", "pass\\u200bword\\ufeff"],
  ["letters for nobody", "a\u{e0041}", "a\\udb40\\udc41"],
  ["half a character", "a\ud800b", "a\\ud800b"],
  ["delete and a tab", "a\u007f\tb", "a\\u007f\\tb"],
])("%s is shown", (_, text, shown) => {
  expect(visible(text)).toBe(shown);
});

test("letters of every script, marks, emoji and line breaks are shown as they are", () => {
  const text = "日本語 한국어 עברית العربية हिन्दी é é 👩‍👩‍👧 ❤️ ​".replace("\u200b", "");
  expect(visible(`${text}\n`)).toBe(`${text}\n`);
});

test("only what dsgen styles itself reaches a terminal as a style", () => {
  const message = `${ESCAPE}[31mred${ESCAPE}[0m and\nerror: forged`;
  const text = printed(problemsText([{ kind: "io", where: `${ESCAPE}[1m.yaml`, message }], STYLE));
  expect(text).toBe(
    `${ESCAPE}[31merror:${ESCAPE}[39m ${ESCAPE}[1m\\u001b[1m.yaml:${ESCAPE}[22m \\u001b[31mred\\u001b[0m and\n    error: forged\n`,
  );
});

test("whatever a text holds, no control character but the line feed is printed", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(printed(text).replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
});

test("a line of JSON says the same once it is printed", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const line = JSON.stringify({ [text]: text });
      expect(JSON.parse(printed(line))).toEqual(JSON.parse(line));
    }),
  );
});

test.each([
  ["plain", 5],
  ["日本", 4],
  ["é", 1],
  ["é", 1],
  ["👩‍👩‍👧", 2],
  ["❤️", 2],
  ["ｶ", 1],
  [STYLE.red("red"), 3],
  ["\u001b[2J", 9],
])("%j takes %i cells", (text, width) => {
  expect(cells(text)).toBe(width);
});

test("columns, lines and cuts are measured in cells", () => {
  expect(
    columns([
      ["日本語", "1"],
      ["abc", "2"],
    ]),
  ).toEqual(["日本語  1", "abc     2"]);
  expect(padded("日", 4)).toBe("日  ");
  expect(wrap("日本 日本 日本", 9)).toEqual(["日本 日本", "日本"]);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 4, max: 30 }), (text, width) => {
      expect(cells(shorten(text, width))).toBeLessThanOrEqual(width);
    }),
  );
});
