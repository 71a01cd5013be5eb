import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { overBudget, sumKnown } from "../../src/batch/budget.ts";
import { costOf, estimate, type Price, sentTexts } from "../../src/batch/money.ts";
import type { Ask } from "../../src/engine/gate.ts";
import type { JsonObject } from "../../src/graph/json.ts";
import { lineOf } from "./requests.ts";

/** A dollar a million tokens in, two out, half of it in a batch. */
const PRICE: Price = { inputPerMtok: 1, cachedInputPerMtok: 0.25, outputPerMtok: 2, batchFactor: 0.5 };
const MILLION = 1_000_000;
const usage = (input: number, cachedInput: number, output: number) => ({ input, cachedInput, output });

describe("what was used costs", () => {
  test("its tokens at the model's price, half in a batch", () => {
    expect(costOf(usage(MILLION, 0, MILLION), PRICE, false)).toBe(3);
    expect(costOf(usage(MILLION, 0, MILLION), PRICE, true)).toBe(1.5);
  });

  test("less for what the provider had cached, where that has a price of its own", () => {
    expect(costOf(usage(MILLION, MILLION / 2, 0), PRICE, false)).toBe(0.625);
    expect(costOf(usage(MILLION, MILLION / 2, 0), { ...PRICE, cachedInputPerMtok: null }, false)).toBe(1);
    // More cached than there was: at most everything was.
    expect(costOf(usage(MILLION, 5 * MILLION, 0), PRICE, false)).toBe(0.25);
  });

  test("an unknown sum for a model without a price, never nothing", () => {
    expect(costOf(usage(0, 0, 0), undefined, true)).toBeNull();
    expect(costOf(usage(0, 0, 0), PRICE, true)).toBe(0);
  });
});

describe("an estimate", () => {
  const asking = (more: JsonObject) => lineOf({ model: "m", messages: [{ role: "user", content: "hi" }], ...more });
  const tokens = () => MILLION;

  test("bounds every answer by what the request allows, and expects half of it", () => {
    const [estimated] = [
      estimate([asking({ max_tokens: MILLION }), asking({ max_completion_tokens: MILLION })], PRICE, tokens, null),
    ];
    expect(estimated).toEqual({ inputTokens: 2 * MILLION, outputTokens: MILLION, costUsd: 2, maxCostUsd: 3 });
  });

  test("expects what the task's answers were so far, but never more than allowed", () => {
    const lines = [asking({ max_tokens: 100 }), asking({ max_tokens: 10 })];
    expect(estimate(lines, PRICE, tokens, 40).outputTokens).toBe(50);
    expect(estimate([asking({})], PRICE, tokens, 40)).toMatchObject({ outputTokens: 40, maxCostUsd: null });
  });

  test("counts each of n choices", () => {
    expect(estimate([asking({ max_tokens: MILLION, n: 3 })], PRICE, tokens, null).maxCostUsd).toBe(3.5);
  });

  test("knows the bound of the other endpoints", () => {
    const response = lineOf({ model: "m", input: "x", max_output_tokens: MILLION }, 0, "/v1/responses");
    expect(estimate([response], PRICE, tokens, null).maxCostUsd).toBe(1.5);
    const embedding = lineOf({ model: "m", input: "x", encoding_format: "float" }, 0, "/v1/embeddings");
    expect(estimate([embedding], PRICE, tokens, null)).toMatchObject({ outputTokens: 0, maxCostUsd: 0.5 });
  });

  test("of nothing is nothing", () => {
    expect(estimate([], PRICE, tokens, null)).toEqual({ inputTokens: 0, outputTokens: 0, costUsd: 0, maxCostUsd: 0 });
  });

  test("is unknown wherever one part of it is", () => {
    const known = asking({ max_tokens: 10 });
    const unbounded = asking({ seed: 1 });
    expect(estimate([known, unbounded], PRICE, tokens, null)).toMatchObject({
      outputTokens: null,
      costUsd: null,
      maxCostUsd: null,
    });
    expect(estimate([known], undefined, tokens, null)).toMatchObject({
      inputTokens: MILLION,
      costUsd: null,
      maxCostUsd: null,
    });
    const uncounted = estimate(
      [known, asking({ max_tokens: 10, seed: 2 })],
      PRICE,
      (line) => (line === known ? null : 1),
      null,
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
        const { costUsd, maxCostUsd } = estimate(lines, PRICE, () => 5, mean);
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

describe("a limit", () => {
  const ask = (maxCostUsd: number | null): Ask => ({
    requests: 10,
    reused: 0,
    inputTokens: 1,
    outputTokens: 1,
    costUsd: 0,
    maxCostUsd,
    model: "gpt-x",
  });
  const spending = (spent: number | null, inFlight: number | null) => ({ spent, inFlight });
  const none = { budget: null, maxCost: null };

  test("that is not set forbids nothing, known or not", () => {
    expect(overBudget([ask(1e9), ask(null)], spending(null, null), none)).toBeUndefined();
    expect(overBudget([], spending(99, 99), { budget: 1, maxCost: 1 })).toBeUndefined();
  });

  test("is held against the most it can cost, with what is in flight and was spent", () => {
    const budget = { budget: 10, maxCost: null };
    expect(overBudget([ask(4), ask(1)], spending(3, 2), budget)).toBeUndefined();
    expect(overBudget([ask(4), ask(1.01)], spending(3, 2), budget)).toMatchObject({ kind: "budget", where: "budget" });
    const maxCost = { budget: null, maxCost: 6 };
    expect(overBudget([ask(4)], spending(1000, 2), maxCost)).toBeUndefined();
    expect(overBudget([ask(4)], spending(0, 2.01), maxCost)).toMatchObject({ kind: "budget", where: "--max-cost" });
  });

  test("says what it would be, and what to do", () => {
    const problem = overBudget([ask(4), ask(1)], spending(3, 2.5), { budget: 10, maxCost: null });
    expect(problem?.message).toBe(
      "sending 20 requests may cost up to $5.00, with $2.50 in flight and $3.00 spent; the limit is $10.00.",
    );
    expect(problem?.fix).toContain("Nothing was sent");
  });

  test("that cannot be checked is refused: unknown is not cheap", () => {
    const limits = { budget: 10, maxCost: null };
    for (const [asks, spent] of [
      [[ask(1), ask(null)], spending(0, 0)],
      [[ask(1)], spending(null, 0)],
      [[ask(1)], spending(0, null)],
    ] as const) {
      const problem = overBudget(asks, spent, limits);
      expect(problem?.message).toContain("unknown");
      expect(problem?.message).toContain("gpt-x");
    }
    // What was spent before does not matter to a limit for this invocation alone.
    expect(overBudget([ask(1)], spending(null, 0), { budget: null, maxCost: 5 })).toBeUndefined();
  });

  test("never lets more through than it says, whatever the sums", () => {
    const dollars = fc.double({ min: 0, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.array(dollars, { maxLength: 5 }), dollars, dollars, dollars, (asks, spent, inFlight, budget) => {
        const problem = overBudget(asks.map(ask), spending(spent, inFlight), { budget, maxCost: null });
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
