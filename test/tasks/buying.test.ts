import fc from "fast-check";
import { expect, test } from "vitest";
import { buy } from "../../src/tasks/buying.ts";
import {
  type Goal,
  type Measured,
  NOTHING_MEASURED,
  normalQuantile,
  outlookOf,
  planBatches,
} from "../../src/tasks/yield.ts";

const GOAL: Goal = { target: 1500, confidence: 0.9, maxBatches: 100, maxCostUsd: null };

/** Batches of 50 requests and 500 candidates that gave so many valid ones each, evenly, without duplicates. */
function even(batches: number, valid: number, more: Partial<Measured> = {}): Measured {
  const all = batches * valid;
  return {
    batches,
    requests: batches * 50,
    candidates: batches * 500,
    valid: all,
    taken: all,
    squares: (all * all) / (batches * 50),
    costUsd: null,
    ...more,
  };
}

test("normal quantiles", () => {
  expect(normalQuantile(0.5)).toBeCloseTo(0, 6);
  expect(normalQuantile(0.9)).toBeCloseTo(1.2815515655, 6);
  expect(normalQuantile(0.975)).toBeCloseTo(1.9599639845, 6);
  expect(normalQuantile(0.98)).toBeCloseTo(2.0537489106, 6);
  expect(normalQuantile(0.999)).toBeCloseTo(3.0902323062, 6);
});

test("a well measured yield is bought to the end, with its reason on one line", () => {
  const buying = buy(
    Array.from({ length: 8 }, (_, i) => even(i + 1, 155)),
    GOAL,
    8,
    false,
  );
  expect(buying).toEqual({
    kind: "want",
    batches: 10,
    reason: "yield 31 % (30–32 %) after 8 batches: 2 more reach 1,500 with 90 % confidence",
  });
});

test("a badly measured one is bought only as far as is surely needed", () => {
  const { reason } = buy([even(1, 25)], GOAL, 1, false);
  expect(reason).toMatch(
    /^yield 5.0 % \(3.9–6.4 %\) after 1 batch: \d+ more to measure again; about 59 more are expected to reach 1,500/,
  );
  const plan = planBatches(even(1, 25), GOAL);
  expect(plan).toMatchObject({ kind: "buy", certain: false });
  expect(plan.outlook.needed.mid).toBe(59);
});

test("wilson's interval is the textbook's where entries are independent", () => {
  // 25 of 500 with z = 1.2816; squares as a binomial of ten would have them, so that the design effect is one.
  const { share } = outlookOf(even(1, 25), GOAL);
  expect(share.low).toBeCloseTo(0.03892, 4);
  expect(share.high).toBeCloseTo(0.06402, 4);
});

test("entries that come in lumps say less than their number", () => {
  const lumps = even(2, 150, { squares: 30 * 100 });
  const evenly = outlookOf(even(2, 150), GOAL).share;
  const lumpy = outlookOf(lumps, GOAL).share;
  expect(lumpy.high - lumpy.low).toBeGreaterThan(2 * (evenly.high - evenly.low));
});

test("duplicates call for more batches, and to be sure for more still: they may become more", () => {
  const none = outlookOf(even(4, 300), { ...GOAL, target: 2000 }).needed;
  const some = outlookOf(even(4, 300, { taken: 1000 }), { ...GOAL, target: 1800 }).needed;
  expect(some.mid).toBeGreaterThan(none.mid);
  expect(some.high - some.mid).toBeGreaterThan(none.high - none.mid);
  // What is left of a pool that holds fewer than the target is never surely enough.
  const dry = even(40, 300, { valid: 12000, taken: 1000 });
  expect(outlookOf(dry, GOAL).needed.high).toBe(Number.POSITIVE_INFINITY);
});

test("without one valid entry as much again is bought, not everything", () => {
  expect(planBatches(even(2, 0), GOAL)).toMatchObject({ kind: "buy", further: 2, certain: false });
});

test("at max_batches it stops and says how far it got and what it would take", () => {
  const prefixes = Array.from({ length: 5 }, (_, i) => even(i + 1, 155));
  expect(buy(prefixes, { ...GOAL, maxBatches: 5 }, 5, false)).toEqual({
    kind: "short",
    batches: 5,
    reason:
      "yield 31 % (30–32 %) after 5 batches: stopped by max_batches (5) at 775 of 1,500 (52 %); 5 more would reach 1,500 with 90 % confidence",
  });
  expect(buy(prefixes, { ...GOAL, maxBatches: 8 }, 5, false)).toMatchObject({ kind: "want", batches: 8 });
});

test("max_cost counts what batches cost so far, and buys none that would pass it", () => {
  const prefixes = Array.from({ length: 5 }, (_, i) => even(i + 1, 155, { costUsd: (i + 1) * 0.5 }));
  const within = buy(prefixes, { ...GOAL, maxCostUsd: 3.6 }, 5, false);
  expect(within).toMatchObject({ kind: "want", batches: 7 });
  expect(within.reason).toContain("max_cost ($3.60) allows 2");
  expect(buy(prefixes, { ...GOAL, maxCostUsd: 2.9 }, 5, false)).toMatchObject({ kind: "short", batches: 5 });
});

test("max_cost buys no further batch where nobody knows what one costs", () => {
  const prefixes = Array.from({ length: 5 }, (_, i) => even(i + 1, 155, { costUsd: null }));
  const stopped = buy(prefixes, { ...GOAL, maxCostUsd: 1000 }, 5, false);
  expect(stopped).toMatchObject({ kind: "short", batches: 5 });
  expect(stopped.reason).toContain("max_cost ($1,000.00, and what a batch costs is unknown)");
  expect(buy(prefixes, GOAL, 5, false).kind).toBe("want");
});

test("enough is said with the batches it took", () => {
  expect(buy([even(1, 155), even(2, 155)], { ...GOAL, target: 300 }, 10, true)).toEqual({
    kind: "reached",
    batches: 2,
    reason: "yield 31 % (29–33 %): 300 reached after 2 batches of at most 100",
  });
});

const measured = fc
  .record({
    batches: fc.integer({ min: 1, max: 30 }),
    valid: fc.integer({ min: 0, max: 500 }),
    dup: fc.double({ min: 0, max: 0.9, noNaN: true }),
  })
  .map(({ batches, valid, dup }) => {
    const all = batches * valid;
    const duplicates = Math.floor(all * dup);
    return even(batches, valid, { taken: all - duplicates });
  });

test("plans are within the caps, ordered, and more target never means fewer batches", () => {
  fc.assert(
    fc.property(
      measured,
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 60 }),
      (m, short, maxBatches) => {
        const goal = { ...GOAL, target: m.taken + short, maxBatches };
        const plan = planBatches(m, goal);
        const { low, mid, high } = plan.outlook.needed;
        expect(low).toBeGreaterThanOrEqual(1);
        expect(mid).toBeGreaterThanOrEqual(low);
        expect(high).toBeGreaterThanOrEqual(mid);
        if (plan.kind === "buy") {
          expect(plan.further).toBeGreaterThanOrEqual(1);
          expect(m.batches + plan.further).toBeLessThanOrEqual(maxBatches);
          if (plan.certain) expect(plan.further).toBe(high);
        } else expect(m.batches).toBeGreaterThanOrEqual(maxBatches);
        const more = outlookOf(m, { ...goal, target: goal.target + 100 }).needed;
        expect(more.low).toBeGreaterThanOrEqual(low);
        expect(more.high).toBeGreaterThanOrEqual(high);
      },
    ),
  );
});

test("rounds are replayed: batches that are there early change nothing of what is bought", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 40 }), (yields) => {
      const prefixes: Measured[] = [];
      for (const valid of yields) {
        const before = prefixes.at(-1) ?? NOTHING_MEASURED;
        const taken = before.valid + valid;
        prefixes.push(even(before.batches + 1, 0, { valid: taken, taken, squares: taken * 4 }));
      }
      const goal = { ...GOAL, target: 1_000_000, maxBatches: 60 };
      const wants = prefixes.map((_, i) => buy(prefixes.slice(0, i + 1), goal, 2, false));
      for (const [i, want] of wants.entries()) {
        // While a round is under way its size stands, whatever part of it has come.
        const next = wants[i + 1];
        if (next !== undefined && i + 2 < want.batches) expect(next.batches).toBe(want.batches);
      }
    }),
  );
});
