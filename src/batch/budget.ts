import type { Ask } from "../engine/gate.ts";
import type { Problem } from "../graph/problem.ts";

/** In US dollars; null: no limit. */
export interface SpendingLimits {
  /** For everything this project spends: what was spent, is in flight, and would be asked. */
  readonly budget: number | null;
  /** For what this invocation may have in flight. */
  readonly maxCost: number | null;
}

/** Null in any of these is "unknown". */
export interface Spending {
  readonly spent: number | null;
  readonly inFlight: number | null;
}

/** A sum in which one unknown makes the whole unknown. */
export function sumKnown(values: Iterable<number | null>): number | null {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return sum;
}

/**
 * Why asking this would pass a limit, or undefined. Held against the most it can cost (every answer as long as allowed),
 * so that a limit is a promise; and a limit that cannot be checked because a price is unknown is refused as well.
 */
export function overBudget(asks: readonly Ask[], spending: Spending, limits: SpendingLimits): Problem | undefined {
  const { budget, maxCost } = limits;
  if (asks.length === 0 || (budget === null && maxCost === null)) return undefined;
  const asked = sumKnown(asks.map((ask) => ask.maxCostUsd));
  const { inFlight } = spending;
  const spent = budget === null ? 0 : spending.spent;
  const limit = Math.min(budget ?? Number.POSITIVE_INFINITY, maxCost ?? Number.POSITIVE_INFINITY);
  if (asked === null || inFlight === null || spent === null) {
    return {
      kind: "budget",
      where: maxCost === null ? "budget" : "--max-cost",
      message: `a limit of ${dollars(limit)} is set, but what ${asks[0]?.model ?? "the model"} costs at most is unknown, so it cannot be kept.`,
      fix: "Give the model's price in config/models.yaml and the request a max_tokens, or drop the limit.",
    };
  }
  const overBudget = budget !== null && spent + inFlight + asked > budget;
  const overMaxCost = maxCost !== null && inFlight + asked > maxCost;
  if (!overBudget && !overMaxCost) return undefined;
  const requests = asks.reduce((sum, ask) => sum + ask.requests, 0);
  const before = overBudget ? ` and ${dollars(spent)} spent` : "";
  return {
    kind: "budget",
    where: overMaxCost ? "--max-cost" : "budget",
    message: `sending ${requests} requests may cost up to ${dollars(asked)}, with ${dollars(inFlight)} in flight${before}; the limit is ${dollars(overMaxCost ? (maxCost ?? 0) : (budget ?? 0))}.`,
    fix: "Nothing was sent. Raise the limit, or ask for less (fewer batches, a smaller max_tokens).",
  };
}

function dollars(amount: number): string {
  return `$${amount.toFixed(2)}`;
}
