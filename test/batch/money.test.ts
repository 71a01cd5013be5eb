import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Asking, overLimits, type SpendingLimits } from "../../src/batch/budget.ts";
import type { Spending } from "../../src/batch/ledger.ts";
import {
  addTallies,
  costOf,
  costOfTally,
  dollars,
  estimate,
  NO_ANSWERS,
  type Price,
  sumKnown,
  tallyOf,
} from "../../src/batch/money.ts";
import { sentTexts } from "../../src/cli/token-counter.ts";
import type { JsonObject } from "../../src/graph/json.ts";
import { lineOf } from "./requests.ts";

/** A dollar a million tokens in, two out, half of it in a batch. */
const PRICE: Price = {
  input_usd_per_mtok: 1,
  cached_input_usd_per_mtok: 0.25,
  output_usd_per_mtok: 2,
  batch_discount: 0.5,
  context_window: null,
};
const MILLION = 1_000_000;
const usage = (input: number, cachedInput: number, output: number) => ({ input, cachedInput, output });

describe("what was used costs", () => {
  test("its tokens at the model's price, half in a batch", () => {
    expect(costOf(usage(MILLION, 0, MILLION), PRICE, "full")).toBe(3);
    expect(costOf(usage(MILLION, 0, MILLION), PRICE, "batch")).toBe(1.5);
  });

  test("less for what the provider had cached, where that has a price of its own", () => {
    expect(costOf(usage(MILLION, MILLION / 2, 0), PRICE, "full")).toBe(0.625);
    expect(costOf(usage(MILLION, MILLION / 2, 0), { ...PRICE, cached_input_usd_per_mtok: null }, "full")).toBe(1);
    // More cached than there was: at most everything was.
    expect(costOf(usage(MILLION, 5 * MILLION, 0), PRICE, "full")).toBe(0.25);
  });

  test("an unknown sum for a model without a price, never nothing", () => {
    expect(costOf(usage(0, 0, 0), undefined, "batch")).toBeNull();
    expect(costOf(usage(0, 0, 0), PRICE, "batch")).toBe(0);
  });
});

describe("several answers", () => {
  test("add up, and those without a count are counted as such", () => {
    const tally = tallyOf([usage(10, 2, 3), null, usage(1, 0, 1)]);
    expect(tally).toEqual({ answers: 3, unreported: 1, usage: usage(11, 2, 4) });
    expect(addTallies(tally, tally)).toEqual({ answers: 6, unreported: 2, usage: usage(22, 4, 8) });
    expect(addTallies(tally, NO_ANSWERS)).toEqual(tally);
  });

  test("cost at least what is known of them, and are unknown when nothing is", () => {
    expect(costOfTally(tallyOf([usage(MILLION, 0, 0), null]), PRICE, "direct")).toBe(1);
    expect(costOfTally(tallyOf([null, null]), PRICE, "direct")).toBeNull();
    expect(costOfTally(NO_ANSWERS, PRICE, "direct")).toBe(0);
  });
});

describe("an estimate", () => {
  const asking = (more: JsonObject) => lineOf({ model: "m", messages: [{ role: "user", content: "hi" }], ...more });
  const tokens = () => MILLION;
  const first = { rate: "batch", meanOutput: null } as const;

  test("bounds every answer by what the request allows, and expects half of it", () => {
    const [estimated] = [
      estimate([asking({ max_tokens: MILLION }), asking({ max_completion_tokens: MILLION })], PRICE, tokens, first),
    ];
    expect(estimated).toEqual({ inputTokens: 2 * MILLION, outputTokens: MILLION, costUsd: 2, maxCostUsd: 3 });
  });

  test("expects what the task's answers were so far, but never more than allowed", () => {
    const lines = [asking({ max_tokens: 100 }), asking({ max_tokens: 10 })];
    expect(estimate(lines, PRICE, tokens, { rate: "batch", meanOutput: 40 }).outputTokens).toBe(50);
    expect(estimate([asking({})], PRICE, tokens, { rate: "batch", meanOutput: 40 })).toMatchObject({
      outputTokens: 40,
      maxCostUsd: null,
    });
  });

  test("counts each of n choices", () => {
    expect(estimate([asking({ max_tokens: MILLION, n: 3 })], PRICE, tokens, first).maxCostUsd).toBe(3.5);
  });

  test("knows the bound of the other endpoints", () => {
    const response = lineOf({ model: "m", input: "x", max_output_tokens: MILLION }, 0, "/v1/responses");
    expect(estimate([response], PRICE, tokens, first).maxCostUsd).toBe(1.5);
    const embedding = lineOf({ model: "m", input: "x", encoding_format: "float" }, 0, "/v1/embeddings");
    expect(estimate([embedding], PRICE, tokens, first)).toMatchObject({ outputTokens: 0, maxCostUsd: 0.5 });
  });

  test("in real time is at the full price: twice a batch's", () => {
    const lines = [asking({ max_tokens: MILLION })];
    expect(estimate(lines, PRICE, tokens, first)).toMatchObject({ costUsd: 1, maxCostUsd: 1.5 });
    expect(estimate(lines, PRICE, tokens, { ...first, rate: "full" })).toMatchObject({ costUsd: 2, maxCostUsd: 3 });
  });

  test("bounds an answer without a bound of its own by what the model's window leaves, and expects nothing of it", () => {
    const price = { ...PRICE, context_window: 3 * MILLION };
    expect(estimate([asking({})], price, tokens, first)).toMatchObject({ costUsd: null, maxCostUsd: 2.5 });
    expect(estimate([asking({ n: 2 })], price, tokens, first)).toMatchObject({ maxCostUsd: 4.5 });
    expect(estimate([asking({ max_tokens: MILLION })], price, tokens, first)).toMatchObject({ maxCostUsd: 1.5 });
    expect(estimate([asking({})], price, () => 4 * MILLION, first)).toMatchObject({ maxCostUsd: 2 });
  });

  test("of nothing is nothing", () => {
    expect(estimate([], PRICE, tokens, first)).toEqual({ inputTokens: 0, outputTokens: 0, costUsd: 0, maxCostUsd: 0 });
  });

  test("is unknown wherever one part of it is", () => {
    const known = asking({ max_tokens: 10 });
    const unbounded = asking({ seed: 1 });
    expect(estimate([known, unbounded], PRICE, tokens, first)).toMatchObject({
      outputTokens: null,
      costUsd: null,
      maxCostUsd: null,
    });
    expect(estimate([known], undefined, tokens, first)).toMatchObject({
      inputTokens: MILLION,
      costUsd: null,
      maxCostUsd: null,
    });
    const uncounted = estimate(
      [known, asking({ max_tokens: 10, seed: 2 })],
      PRICE,
      (line) => (line === known ? null : 1),
      first,
    );
    expect(uncounted).toMatchObject({ inputTokens: null, costUsd: null, maxCostUsd: null });
  });

  test("never expects more than it bounds", () => {
    const bodies = fc.array(fc.record({ max_tokens: fc.nat({ max: 10_000 }), n: fc.integer({ min: 1, max: 3 }) }), {
      maxLength: 10,
    });
    fc.assert(
      fc.property(bodies, fc.option(fc.nat({ max: 20_000 }), { nil: null }), (all, mean) => {
        const lines = all.map((body, i) => lineOf({ model: "m", ...body }, i));
        const { costUsd, maxCostUsd } = estimate(lines, PRICE, () => 5, { rate: "batch", meanOutput: mean });
        expect(costUsd ?? 0).toBeLessThanOrEqual((maxCostUsd ?? 0) + 1e-12);
      }),
    );
  });

  test("counts every text that is sent, in messages, parts and instructions", () => {
    const messages = [
      { role: "system", content: "be brief" },
      {
        role: "user",
        content: [
          { type: "text", text: "one" },
          { type: "text", text: "two" },
        ],
      },
    ];
    expect(sentTexts({ model: "m", messages })).toEqual({ texts: ["be brief", "one", "two"], overhead: 11 });
    expect(sentTexts({ model: "m", input: ["a", { content: "b" }], instructions: "c" }).texts).toEqual(["a", "b", "c"]);
    expect(sentTexts({})).toEqual({ texts: [], overhead: 3 });
  });
});

describe("an amount for people", () => {
  test("keeps enough digits to be more than nothing, and no more zeros than cents have", () => {
    const amounts: readonly (readonly [number | null, string])[] = [
      [null, "unknown"],
      [0, "$0.00"],
      [0.001, "$0.001"],
      [0.05, "$0.05"],
      [0.0123, "$0.0123"],
      [0.00001234, "$0.000012"],
      [1e-12, "<$0.000000001"],
      [0.0999, "$0.10"],
      [12.344, "$12.34"],
      [1_234_567.5, "$1,234,567.50"],
    ];
    for (const [usd, text] of amounts) expect(dollars(usd)).toBe(text);
  });

  test("reads back as what it was, within a twentieth", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), (usd) => {
        const back = Number(dollars(usd).replace(/[$,]/g, ""));
        expect(Math.abs(back - usd) / usd).toBeLessThanOrEqual(0.051);
      }),
    );
  });
});

describe("a limit", () => {
  const ask = (maxCostUsd: number | null, task?: string): Asking => ({
    task,
    ask: { requests: 10, reused: 0, inputTokens: 1, outputTokens: 1, costUsd: 0, maxCostUsd, model: "gpt-x" },
  });
  const spending = (spent: number | null, inFlight: number | null): Spending => ({ spent, inFlight });
  const none: SpendingLimits = { budget: null, taskBudgets: new Map(), maxCost: null };
  /** Holds asks against limits, with so much gone from the project's budget and so much in this invocation. */
  const held = (asks: readonly Asking[], project: Spending, limits: Partial<SpendingLimits>, now = project) =>
    overLimits(
      asks,
      {
        spending: (task) => (task === undefined || task === "a" ? project : spending(0, 0)),
        spendingNow: () => now,
      },
      { ...none, ...limits },
    );
  const problemOf = (...given: Parameters<typeof held>) => [...held(...given).values()][0];

  test("that is not set forbids nothing, known or not", () => {
    expect(held([ask(1e9), ask(null)], spending(null, null), {}).size).toBe(0);
    expect(held([], spending(99, 99), { budget: 1, maxCost: 1 }).size).toBe(0);
  });

  test("is held against the most it can cost, with what is in flight and was spent", () => {
    expect(held([ask(4), ask(1)], spending(3, 2), { budget: 10 }).size).toBe(0);
    const asks = [ask(4), ask(1.01)];
    const refused = held(asks, spending(3, 2), { budget: 10 });
    expect([...refused.keys()]).toEqual(asks);
    expect([...refused.values()][0]).toMatchObject({ kind: "budget", where: "budget" });
    const now = spending(0, 2);
    expect(held([ask(4)], spending(1000, 2), { maxCost: 6 }, now).size).toBe(0);
    expect(problemOf([ask(4)], spending(0, 0), { maxCost: 6 }, spending(0, 2.01))).toMatchObject({
      kind: "budget",
      where: "--max-cost",
    });
    // What this invocation has spent already counts as well: batches bought in rounds do not each have the limit anew.
    expect(held([ask(4)], spending(0, 0), { maxCost: 6 }, spending(2.01, 0)).size).toBe(1);
  });

  test("of a task stops that task alone, and the others are held to what is for all", () => {
    const [a, b] = [ask(4, "a"), ask(4, "b")];
    const taskBudgets = new Map([["a", 5]]);
    const refused = held([a, b], spending(2, 0), { taskBudgets });
    expect([...refused.keys()]).toEqual([a]);
    expect(refused.get(a)).toMatchObject({ kind: "budget", where: "a.budget" });
    expect(held([a, b], spending(1, 0), { taskBudgets }).size).toBe(0);
    // Refused by its own budget, it takes nothing from the project's.
    expect([...held([a, b], spending(2, 0), { taskBudgets, budget: 6 }).keys()]).toEqual([a]);
    expect(held([a, b], spending(2, 0), { taskBudgets, budget: 5.9 }).size).toBe(2);
  });

  test("says what it would be, and what to do", () => {
    const problem = problemOf([ask(4), ask(1)], spending(3, 2.5), { budget: 10 });
    expect(problem?.message).toBe(
      "sending 20 requests may cost up to $5.00, with $2.50 in flight and $3.00 spent; the limit is $10.00.",
    );
    expect(problem?.fix).toContain("None of these were sent");
    expect(problemOf([ask(4)], spending(0, 0), { budget: 0.001 })?.message).toContain("the limit is $0.001.");
  });

  test("that cannot be checked is refused, and says what is not known: unknown is not cheap", () => {
    for (const [asks, gone, what] of [
      [[ask(1), ask(null)], spending(0, 0), "what gpt-x costs at most is unknown"],
      [[ask(1)], spending(null, 0), "what was spent is unknown"],
      [[ask(1)], spending(0, null), "what is in flight may cost any amount"],
    ] as const) {
      expect(problemOf(asks, gone, { budget: 10 })?.message).toContain(what);
    }
    // What was spent before does not matter to a limit for this invocation alone.
    expect(held([ask(1)], spending(null, 0), { maxCost: 5 }, spending(0, 0)).size).toBe(0);
  });

  test("never lets more through than it says, whatever the sums", () => {
    const dollars = fc.double({ min: 0, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.array(dollars, { maxLength: 5 }), dollars, dollars, dollars, (asks, spent, inFlight, budget) => {
        const problem = problemOf(
          asks.map((usd) => ask(usd)),
          spending(spent, inFlight),
          { budget },
        );
        const total = asks.reduce((sum, one) => sum + one, 0) + spent + inFlight;
        if (problem === undefined && asks.length > 0) expect(total).toBeLessThanOrEqual(budget + 1e-9);
        if (total > budget + 1e-9 && asks.length > 0) expect(problem).toBeDefined();
      }),
    );
  });

  test("adds up to unknown when one part is", () => {
    expect(sumKnown([])).toBe(0);
    expect(sumKnown([1, 2, 3.5])).toBe(6.5);
    expect(sumKnown([1, null, 3])).toBeNull();
  });
});
