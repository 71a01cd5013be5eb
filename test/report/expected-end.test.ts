import fc from "fast-check";
import { expect, test } from "vitest";
import { expectedEnd, yieldText } from "../../src/report/expected-end.ts";
import { waitingOn } from "./events.ts";

const MINUTE = 60_000;
const NOW = 100 * MINUTE;

test("the end is a range from earlier batches, and of what has lasted already only longer ones count", () => {
  const history = [2, 4, 6, 8, 10, 12, 14, 16, 18, 20].map((minutes) => minutes * MINUTE);
  expect(expectedEnd([waitingOn(1, 0, NOW)], history, NOW)).toBe("in 4 min to 18 min, as 10 batches before took");
  // Begun 9 minutes ago: it is none of those that took less, and what is left of the others is less by nine.
  expect(expectedEnd([waitingOn(1, 0, NOW - 9 * MINUTE)], history, NOW)).toBe(
    "in 3 min to 11 min, as 10 batches before took",
  );
  // The last of several decides.
  expect(expectedEnd([waitingOn(1, 0, NOW - 9 * MINUTE), waitingOn(2, 0, NOW)], history, NOW)).toBe(
    "in 4 min to 18 min, as 10 batches before took",
  );
  expect(expectedEnd([waitingOn(1, 0, NOW - 21 * MINUTE)], history, NOW)).toBe("longer than any of 10 batches before");
});

test("nothing is concluded from nothing: no wait, or fewer than three batches before", () => {
  expect(expectedEnd([], [1, 2, 3], NOW)).toBeUndefined();
  expect(expectedEnd([waitingOn(1, 0, NOW)], [MINUTE, MINUTE], NOW)).toBeUndefined();
});

test("the range never begins after its end, nor ends before now", () => {
  const times = fc.array(fc.integer({ min: 1, max: 10 ** 8 }), { minLength: 3, maxLength: 20 });
  fc.assert(
    fc.property(times, fc.integer({ min: 0, max: 10 ** 8 }), (history, lasted) => {
      const told = expectedEnd([waitingOn(1, 0, NOW - lasted)], history, NOW) ?? "";
      expect(told).toMatch(/^(in |longer than any of )/);
      expect(told).not.toContain("-");
      expect(told.startsWith("longer")).toBe(history.every((took) => took <= lasted));
    }),
  );
});

test("how much is valid, and how much would be", () => {
  expect(yieldText({ valid: 620, wanted: 1500, shards: 4, of: 10 })).toBe(
    "620/1,500 in 4 of 10 shards; about 1,550 expected",
  );
  expect(yieldText({ valid: 1700, wanted: 1500, shards: 10, of: 10 })).toBe("1,700/1,500 in 10 of 10 shards");
});
