import fc from "fast-check";
import { expect, test } from "vitest";
import { cells } from "../../src/report/cells.ts";
import { nameRange, shorten, shortenChange } from "../../src/report/shorten.ts";
import { oneLine } from "../../src/report/visible.ts";

test("a shortened text is one line of at most the width, and says that it was cut", () => {
  expect(shorten("a\nb", 10)).toBe("a\\nb");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 4, max: 30 }), (text, width) => {
      const short = shorten(text, width);
      expect(cells(short)).toBeLessThanOrEqual(width);
      expect(short).not.toContain("\n");
      const whole = oneLine(text);
      if (short !== whole) expect(short).toContain("…");
    }),
  );
});

test("of two long values, what differs is shown", () => {
  const prompt = (word: string) => `${"You write pairs. ".repeat(20)}Be ${word}. ${"Answer in JSON. ".repeat(20)}`;
  const [from, to] = shortenChange(prompt("brief"), prompt("thorough"), 30);
  expect(from).toMatch(/^….*brief.*…$/);
  expect(to).toMatch(/^….*thorough.*…$/);
});

test("two values that differ are never shortened to the same text", () => {
  const value = fc.string({ maxLength: 200, unit: fc.constantFrom("a", "b", "c") });
  fc.assert(
    fc.property(value, value, (a, b) => {
      fc.pre(a !== b);
      const [from, to] = shortenChange(a, b, 24);
      expect(from).not.toBe(to);
      expect([...from].length).toBeLessThanOrEqual(26);
      expect([...to].length).toBeLessThanOrEqual(26);
    }),
  );
});

test("names that differ in one number are one", () => {
  const shards = (...numbers: number[]) => numbers.map((n) => `validated/refusal/shard${n}.jsonl`);
  expect(nameRange(shards(3))).toBe("validated/refusal/shard3.jsonl");
  expect(nameRange(shards(0, 1, 2, 3))).toBe("validated/refusal/shard0..3.jsonl");
  expect(nameRange(shards(10, 9, 11))).toBe("validated/refusal/shard9..11.jsonl");
  expect(nameRange(shards(0, 1))).toBe("validated/refusal/shard{0,1}.jsonl");
  expect(nameRange(shards(0, 2, 3, 4, 9))).toBe("validated/refusal/shard{0,2..4,9}.jsonl");
  expect(nameRange(["shard01", "shard02"])).toBe("shard01, shard02");
  expect(nameRange(["a", "b", "c", "d", "e"])).toBe("a, b, c and 2 more");
});

test("a range stands for exactly the names it was made from", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(30), { minLength: 2, maxLength: 6 }), (numbers) => {
      const inner = /^s\{?(.*?)\}?\.j$/.exec(nameRange(numbers.map((n) => `s${n}.j`)))?.[1] ?? "";
      const read = inner.split(",").flatMap((run) => {
        const [from = 0, to = from] = run.split("..").map(Number);
        return Array.from({ length: to - from + 1 }, (_, i) => from + i);
      });
      expect(read).toEqual([...numbers].sort((a, b) => a - b));
    }),
  );
});
