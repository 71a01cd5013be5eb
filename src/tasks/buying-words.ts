import { dollars } from "../batch/money.ts";
import type { Goal, Interval, Measured, Plan } from "./yield.ts";

/** Why a dataset buys what it buys, on one line: "yield 31 % (27–35 %) after 2 batches: 8 more reach 1,500 with 90 % confidence". */
export function planReason(measured: Measured, goal: Goal, plan: Plan): string {
  const { share, needed, allowed, cap } = plan.outlook;
  const seen = `yield ${shareWords(share)} after ${batchWords(measured.batches)}`;
  const sure = `${number(goal.target)} with ${percent(goal.confidence)} confidence`;
  const unpriced = measured.costUsd === null ? ", and what a batch costs is unknown" : "";
  const limit =
    cap === "max_cost"
      ? `max_cost (${dollars(goal.maxCostUsd)}${unpriced})`
      : `max_batches (${number(goal.maxBatches)})`;
  switch (plan.kind) {
    case "buy":
      if (plan.certain) return `${seen}: ${number(plan.further)} more reach ${sure}`;
      if (plan.further === allowed && needed.high > allowed) {
        return `${seen}: ${reachWords(needed, goal, sure)}; ${limit} allows ${number(allowed)}`;
      }
      return `${seen}: ${number(plan.further)} more to measure again; ${reachWords(needed, goal, sure)}`;
    case "stop": {
      const got = `${number(measured.taken)} of ${number(goal.target)} (${percent(measured.taken / goal.target)})`;
      return `${seen}: stopped by ${limit} at ${got}; ${reachWords(needed, goal, sure)}`;
    }
  }
}

/** What is said of a dataset that has enough. */
export function reachedReason(measured: Measured, goal: Goal, share: Interval): string {
  return `yield ${shareWords(share)}: ${number(goal.target)} reached after ${batchWords(measured.batches)} of at most ${number(goal.maxBatches)}`;
}

function reachWords(needed: Interval, goal: Goal, sure: string): string {
  if (Number.isFinite(needed.high)) return `${number(needed.high)} more would reach ${sure}`;
  return Number.isFinite(needed.mid)
    ? `about ${number(needed.mid)} more are expected to reach ${number(goal.target)}, which is not sure yet`
    : `no number of batches is expected to reach ${number(goal.target)}`;
}

function shareWords({ low, mid, high }: Interval): string {
  return `${percent(mid)} (${percent(low).slice(0, -2)}–${percent(high)})`;
}

function batchWords(count: number): string {
  return count === 1 ? "1 batch" : `${number(count)} batches`;
}

function percent(share: number): string {
  const value = share * 100;
  return `${value < 10 && value > 0 ? value.toFixed(1) : Math.round(value)} %`;
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}
