import { costOf, type Price } from "../batch/money.ts";
import { planReason, reachedReason } from "./buying-words.ts";
import type { SelectedScenario, Selection } from "./select.ts";
import type { ShardLine } from "./shard.ts";
import type { ShardSummary } from "./shard-summary.ts";
import { type Goal, type Measured, NOTHING_MEASURED, outlookOf, planBatches } from "./yield.ts";

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

  /** Takes the next batch: its summary, and its valid lines in order (the others need not be read). Tells what is taken. */
  async add(
    summary: ShardSummary,
    valid: AsyncIterable<ShardLine> | Iterable<ShardLine>,
    onTaken?: (scenario: SelectedScenario) => void,
  ): Promise<void> {
    const before = this.#prefixes.at(-1) ?? NOTHING_MEASURED;
    const shard = this.#prefixes.length;
    let { taken, duplicatePlaces } = before;
    let place = before.valid;
    let squares = before.squares;
    let request: number | undefined;
    let ofRequest = 0;
    for await (const line of valid) {
      place++;
      if (line.from.line !== request) {
        squares += ofRequest ** 2;
        request = line.from.line;
        ofRequest = 0;
      }
      ofRequest++;
      if (this.#selection.complete) continue;
      const scenario = this.#selection.offer(line, shard);
      if (scenario === undefined) {
        duplicatePlaces += place;
        continue;
      }
      taken++;
      onTaken?.(scenario);
    }
    const { prompt_tokens: input, cached_tokens: cachedInput, completion_tokens: output } = summary.usage;
    const cost = costOf({ input, cachedInput, output }, this.#price, "batch");
    this.#prefixes.push({
      batches: before.batches + 1,
      requests: before.requests + summary.responses,
      candidates: before.candidates + summary.candidates,
      valid: place,
      taken,
      squares: squares + ofRequest ** 2,
      duplicatePlaces,
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
