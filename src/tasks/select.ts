import { type DedupeBy, dedupeKey, KeySet } from "./dedupe.ts";
import type { ShardLine } from "./shard.ts";

/** A scenario of the dataset. */
export interface SelectedScenario {
  /** Counted from 0, without gaps. */
  readonly scenarioId: number;
  /** Which shard it came from. */
  readonly shard: number;
  readonly line: ShardLine;
}

export type SelectionSummary = {
  readonly target: number;
  readonly taken: number;
  /** How many the dataset is short of its target. */
  readonly short_by: number;
  /** Candidates looked at up to completion; what comes later can change nothing and is not read. */
  readonly candidates: number;
  readonly invalid: number;
  /** Valid, but the same as a scenario taken before. */
  readonly duplicates: number;
  /** The shard that held the last scenario needed, or null while there are too few. */
  readonly complete_after_shard: number | null;
};

/**
 * Takes the first N valid, distinct scenarios in the order in which they are offered, and nothing after. What is taken hangs
 * on the order of shards and lines alone, never on when a shard arrived.
 */
export class Selection {
  readonly #target: number;
  readonly #by: DedupeBy;
  readonly #keys = new KeySet();
  #candidates = 0;
  #invalid = 0;
  #duplicates = 0;
  #completeAfter: number | null = null;

  /** @param target how many scenarios the dataset is to have, at least 1 */
  constructor(target: number, by: DedupeBy) {
    if (!Number.isSafeInteger(target) || target < 1) throw new RangeError(`a selection of ${target} scenarios`);
    this.#target = target;
    this.#by = by;
  }

  get complete(): boolean {
    return this.#completeAfter !== null;
  }

  /** Looks at the next line; answers the scenario when it is taken. */
  offer(line: ShardLine, shard: number): SelectedScenario | undefined {
    if (this.complete) return undefined;
    this.#candidates++;
    if (!line.valid) {
      this.#invalid++;
      return undefined;
    }
    if (!this.#keys.add(dedupeKey([line.first, line.second], this.#by))) {
      this.#duplicates++;
      return undefined;
    }
    if (this.#keys.size === this.#target) this.#completeAfter = shard;
    return { scenarioId: this.#keys.size - 1, shard, line };
  }

  summary(): SelectionSummary {
    return {
      target: this.#target,
      taken: this.#keys.size,
      short_by: this.#target - this.#keys.size,
      candidates: this.#candidates,
      invalid: this.#invalid,
      duplicates: this.#duplicates,
      complete_after_shard: this.#completeAfter,
    };
  }
}

/**
 * Runs a selection over shards in index order, one line in memory at a time. Stops reading once it is complete; ask the
 * selection for its summary afterwards.
 */
export async function* selectScenarios(
  shards: Iterable<AsyncIterable<ShardLine> | Iterable<ShardLine>>,
  selection: Selection,
): AsyncGenerator<SelectedScenario> {
  let index = 0;
  for (const shard of shards) {
    if (selection.complete) return;
    for await (const line of shard) {
      const scenario = selection.offer(line, index);
      if (scenario !== undefined) yield scenario;
      if (selection.complete) return;
    }
    index++;
  }
}
