import { costOf, dollars, type Price } from "../batch/money.ts";
import type { Entry } from "./candidate.ts";
import type { SelectedScenario, Selection } from "./select.ts";
import type { ShardSummary } from "./shard-summary.ts";
import {
  type Goal,
  type Interval,
  type Measured,
  NOTHING_MEASURED,
  outlookOf,
  type Plan,
  planBatches,
} from "./yield.ts";

/*
 * Buying in rounds: the first batches, then, while the dataset is short, as many more as the measured yield calls for. A
 * round is decided when all batches of the rounds before are there, and from these alone. So neither the order of arrival
 * nor how often somebody asks can change what is bought.
 */

/** How much of a dataset there is, batch by batch in shard order. */
export class YieldMeter {
  readonly #selection: Selection;
  readonly #price: Price | undefined;
  readonly #prefixes: Measured[] = [];

  /** @param price what further batches would be bought at: the measured ones are reckoned at it too, however they came */
  constructor(selection: Selection, price: Price | null) {
    this.#selection = selection;
    this.#price = price ?? undefined;
  }

  /** What the first k batches gave; `prefixes[0]` is after the first. */
  get prefixes(): readonly Measured[] {
    return this.#prefixes;
  }

  /**
   * Takes the next batch: its summary, and its valid lines in order (the others need not be read). Tells what is taken, one at
   * a time.
   */
  async add(
    summary: ShardSummary,
    valid: AsyncIterable<Entry> | Iterable<Entry>,
    onTaken?: (scenario: SelectedScenario) => Promise<void>,
  ): Promise<void> {
    const before = this.#prefixes.at(-1) ?? NOTHING_MEASURED;
    const shard = this.#prefixes.length;
    let { taken, squares, valid: found } = before;
    let request: number | undefined;
    let ofRequest = 0;
    for await (const line of valid) {
      found++;
      if (line.from.line !== request) {
        squares += ofRequest ** 2;
        request = line.from.line;
        ofRequest = 0;
      }
      ofRequest++;
      if (this.#selection.complete) continue;
      const scenario = this.#selection.offer(line, shard);
      if (scenario === undefined) continue;
      taken++;
      if (onTaken !== undefined) await onTaken(scenario);
    }
    const { prompt_tokens: input, cached_tokens: cachedInput, completion_tokens: output } = summary.usage;
    const cost = costOf({ input, cachedInput, output }, this.#price, "batch");
    this.#prefixes.push({
      batches: before.batches + 1,
      requests: before.requests + summary.responses,
      candidates: before.candidates + summary.candidates,
      valid: found,
      taken,
      squares: squares + ofRequest ** 2,
      costUsd: cost === null || before.costUsd === null ? null : before.costUsd + cost,
    });
  }
}

export type Buying =
  /** The target is reached: by the batches of this prefix. */
  | { readonly kind: "reached"; readonly batches: number; readonly reason: string }
  /** Short of the target, and no more may be bought. */
  | { readonly kind: "short"; readonly batches: number; readonly reason: string }
  /** These batches are wanted; some of them are not there yet. */
  | { readonly kind: "want"; readonly batches: number; readonly reason: string };

/**
 * Goes through the rounds as far as the measured prefix allows.
 * @param first how many batches the first round buys
 * @param complete whether the last measured batch reached the target
 */
export function buy(prefixes: readonly Measured[], goal: Goal, first: number, complete: boolean): Buying {
  const last = prefixes.at(-1);
  if (complete && last !== undefined) {
    return { kind: "reached", batches: last.batches, reason: reachedReason(last, goal, outlookOf(last, goal).share) };
  }
  let wanted = Math.min(first, goal.maxBatches);
  let reason = `the first ${wanted === 1 ? "batch" : `${wanted} batches`}, to measure the yield`;
  for (;;) {
    const measured = prefixes[wanted - 1];
    if (measured === undefined) return { kind: "want", batches: wanted, reason };
    const plan = planBatches(measured, goal);
    reason = planReason(measured, goal, plan);
    if (plan.kind === "stop") return { kind: "short", batches: wanted, reason };
    wanted += plan.further;
  }
}

/** Why a dataset buys what it buys, on one line: "yield 31 % (27–35 %) after 2 batches: 8 more reach 1,500 with 90 % confidence". */
function planReason(measured: Measured, goal: Goal, plan: Plan): string {
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
function reachedReason(measured: Measured, goal: Goal, share: Interval): string {
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
