import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fileLines, linePieces } from "../../src/engine/file-lines.ts";
import { temporaryFolder } from "../simulator/support.ts";

test("lines are what lies between line feeds, wherever the pieces end, and each is where it says", () => {
  const path = join(temporaryFolder(), "lines.jsonl");
  const line = fc.oneof(fc.string({ unit: "grapheme" }), fc.constant(""), fc.constant("x".repeat(700_000)));
  fc.assert(
    fc.property(
      fc.array(
        line.filter((text) => !text.includes("\n")),
        { maxLength: 5 },
      ),
      fc.boolean(),
      (lines, ended) => {
        const bytes = Buffer.from(lines.join("\n") + (ended ? "\n" : ""));
        writeFileSync(path, bytes);
        const read = [...fileLines(path)];
        expect(read.map(({ raw }) => raw)).toEqual(lines.map((text) => Buffer.from(text).toString()).filter(Boolean));
        const pieces = Array.from(linePieces(path), (piece) => Buffer.from(piece));
        expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
        for (const piece of pieces.slice(0, -1)) expect(piece.at(-1)).toBe(10);
        for (const { raw, offset, length, number } of read) {
          expect(bytes.subarray(offset, offset + length).toString()).toBe(raw);
          expect(lines[number - 1] === undefined).toBe(false);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test("a line that is too long has no text, and its neighbours keep their numbers and places", () => {
  const path = join(temporaryFolder(), "lines.jsonl");
  writeFileSync(path, `one\n${"x".repeat(3_000_000)}\nthree\n${"y".repeat(11)}`);
  const read = [...fileLines(path, 10)].map(({ raw, number, offset, length }) => [raw, number, offset, length]);
  expect(read).toEqual([
    ["one", 1, 0, 3],
    [null, 2, 4, 3_000_000],
    ["three", 3, 3_000_005, 5],
    [null, 4, 3_000_011, 11],
  ]);
});
