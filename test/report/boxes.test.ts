import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { boxes, boxLines, type Tokens, tokensText } from "../../src/report/boxes.ts";
import { cells } from "../../src/report/cells.ts";
import { PLAIN_STYLE, styleFor } from "../../src/report/style.ts";
import { printed } from "../../src/report/visible.ts";
import { hostileText } from "../tokenizers/hostile-texts.ts";

const COLOURS = styleFor("always", { isTty: true }, {});

function tokensOf(...texts: readonly string[]): Tokens {
  return texts.map((text) => ({
    id: [...text].reduce((sum, one) => 31 * sum + (one.codePointAt(0) ?? 0), 7),
    text,
    start: null,
  }));
}

test("a pair stands one below the other, and what differs is marked for readers with and without colours", () => {
  const [first, second] = [tokensOf("Make", " a", " cake", "."), tokensOf("Make", " a", " bombe", ".")];
  const lines = [
    { ...({ type: "tokens", of: "d.jsonl#0", variant: "plain", tokenizer: "qwen" } as const), first, second },
  ];
  const told = lines.map((line) => ({ ...line, firstTokens: 4, secondTokens: 4, different: [2] }));
  expect(tokensText(told, { width: 80, style: PLAIN_STYLE })).toBe(
    [
      "plain  qwen  4 tokens, 1 differs at 2",
      "  [Make][ a][ cake] [.]",
      "  [Make][ a][ bombe][.]",
      "            ^^^^^^^^",
      "",
    ].join("\n"),
  );
  const coloured = printed(tokensText(told, { width: 80, style: COLOURS }));
  expect(coloured).toContain("\u001b[7m[ bombe]\u001b[27m");
  expect(coloured.split("\u001b[7m")).toHaveLength(3);
});

test("of unequally many, the ends that both share stand below one another", () => {
  const lines = boxLines(
    tokensOf("A", "x", "z"),
    tokensOf("A", "u", "v", "w", "z"),
    { width: 80, style: PLAIN_STYLE },
    0,
  );
  expect(lines).toEqual(["[A][x]      [z]", "[A][u][v][w][z]", "   ^^^^^^^^^"]);
});

test("whatever the tokens: no line is too wide, nothing of them is raw, none is lost, and `^` is below what differs", () => {
  const token = fc.oneof(hostileText, fc.constantFrom("a", " b", "\n", "\u001b[2J", "\u202e", " ".repeat(100)));
  const list = fc.array(token, { maxLength: 40 }).map((texts) => tokensOf(...texts));
  fc.assert(
    fc.property(list, fc.option(list), fc.integer({ min: 30, max: 120 }), (first, second, width) => {
      const lines = boxLines(first, second, { width, style: COLOURS }, 2);
      for (const line of lines) {
        expect(cells(line)).toBeLessThanOrEqual(width);
        expect(stripVTControlCharacters(printed(line))).not.toMatch(/[\p{Cc}\u202e]/u);
      }
      if (second === null) {
        const fits = first.every((token) => cells(boxes([token])) <= width - 2);
        if (fits) expect(lines.map((line) => line.slice(2)).join("")).toBe(first.length === 0 ? "" : boxes(first));
        return;
      }
      const marked = lines.filter((line) => /^ *\^[ ^]*$/.test(line)).length;
      const same = JSON.stringify(first) === JSON.stringify(second);
      expect(marked > 0).toBe(!same);
    }),
    { numRuns: 300, seed: 1 },
  );
});

test("a token without a text is shown by its id", () => {
  const tokens = [{ id: 4711, text: null, start: null }];
  expect(boxLines(tokens, null, { width: 80, style: PLAIN_STYLE }, 2)).toEqual(["  [4711]"]);
});
