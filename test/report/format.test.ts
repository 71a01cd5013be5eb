import fc from "fast-check";
import { expect, test } from "vitest";
import { age, columns, count, countOf, duration, money, percent, tokens, wrap } from "../../src/report/format.ts";

test("counts are grouped, and read back as the number they were", () => {
  expect([0, 12, 1500, 1234567].map(count)).toEqual(["0", "12", "1,500", "1,234,567"]);
  expect(count(1234.5)).toBe("1,234.5");
  expect([1, 2].map((n) => countOf(n, "batch", "batches"))).toEqual(["1 batch", "2 batches"]);
  fc.assert(fc.property(fc.nat(), (n) => Number(count(n).replaceAll(",", "")) === n));
});

test("money that is unknown is never zero, and little money is never nothing", () => {
  expect(money(null)).toBe("unknown");
  expect([0, 0.00001, 0.0042, 0.5, 12.344, 1234.5].map(money)).toEqual([
    "$0.00",
    "$0.00001",
    "$0.0042",
    "$0.50",
    "$12.34",
    "$1,234.50",
  ]);
  fc.assert(fc.property(fc.double({ min: 1e-12, max: 1e9, noNaN: true }), (usd) => !/^\$0(\.0+)?$/.test(money(usd))));
  expect([tokens(null), tokens(1499.6)]).toEqual(["unknown", "1,500"]);
});

test("durations and ages use the units that matter", () => {
  expect([0, 999, 1234, 59_960, 185_000, 3_600_000, 7_830_000].map(duration)).toEqual([
    "0 ms",
    "999 ms",
    "1.2 s",
    "1 min",
    "3 min 5 s",
    "1 h",
    "2 h 11 min",
  ]);
  expect([-5000, 59_999, 60_000, 7_200_000, 172_800_000].map(age)).toEqual(["0 s", "59 s", "1 min", "2 h", "2 d"]);
  expect(percent(0.3224)).toBe("32.2 %");
});

test("columns line up, numbers to the right, with nothing at the end of a line", () => {
  expect(
    columns(
      [
        ["a", "1", "x"],
        ["long", "100", ""],
      ],
      [1],
    ),
  ).toEqual(["a       1  x", "long  100"]);
});

test("wrapped lines fit, and lose no word", () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1 });
  fc.assert(
    fc.property(words, fc.integer({ min: 8, max: 40 }), (list, width) => {
      const lines = wrap(list.join(" "), width);
      expect(lines.join(" ").split(" ")).toEqual(list);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
    }),
  );
});
