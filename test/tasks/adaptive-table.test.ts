import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { GOAL, pageWith, simulate } from "../../bench/adaptive.ts";

const rows = simulate();

test("the table in docs/adaptive.md is what bench/adaptive.ts writes", () => {
  const page = readFileSync(new URL("../../docs/adaptive.md", import.meta.url), "utf8");
  expect(page).toMatch(/\| yield \|/);
  expect(pageWith(page, rows)).toBe(page);
});

test.each(rows)(
  "at a yield of $share adaptive buying reaches the target, and never for a batch more than fixed",
  (row) => {
    expect(row.adaptive.reached).toBe(200);
    expect(row.adaptive.batches).toBeLessThanOrEqual(row.fixed.batches + 1);
    expect(row.adaptive.batches).toBeGreaterThanOrEqual(row.fewest);
    // Single runs may be unlucky, by a few batches of seventy.
    expect(row.worst).toBeLessThanOrEqual(3);
  },
);

test("a round that is said to be the last is so in at least the stated share of cases", () => {
  for (const { adaptive, fixed } of rows) {
    expect(adaptive.claims).toBeGreaterThan(100);
    expect(adaptive.kept / adaptive.claims).toBeGreaterThanOrEqual(GOAL.confidence);
    expect(fixed.kept).toBeGreaterThanOrEqual(GOAL.confidence * fixed.claims);
  }
});
