import type { DedupeConfig } from "../config/project-config.ts";
import type { BandedLimits } from "./banded.ts";
import type { Entry } from "./candidate.ts";
import { type DistinctEntries, distinctEntries } from "./distinct.ts";

/** A scenario of the dataset. */
export interface SelectedScenario {
  /** Counted from 0, without gaps. */
  readonly scenarioId: number;
  /** Which shard it came from. */
  readonly shard: number;
  readonly line: Entry;
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
  readonly #distinct: DistinctEntries;
  #candidates = 0;
  #invalid = 0;
  #duplicates = 0;
  #completeAfter: number | null = null;

  /**
   * @param target how many scenarios the dataset is to have, at least 1
   * @param fields the keys of an entry's texts, in their order
   * @param limits for tests, of a banded search
   */
  constructor(target: number, dedupe: DedupeConfig, fields: readonly string[], limits?: BandedLimits) {
    if (!Number.isSafeInteger(target) || target < 1) throw new RangeError(`a selection of ${target} scenarios`);
    this.#target = target;
    this.#distinct = distinctEntries(dedupe, fields, limits);
  }

  get complete(): boolean {
    return this.#completeAfter !== null;
  }

  /** Whether what will be offered is to be foreseen. */
  get foresees(): boolean {
    return !this.complete && this.#distinct.foresee !== undefined;
  }

  /** Takes the valid lines that will be offered next, in their order: who is near whom is found in many at once. */
  async foresee(lines: AsyncIterable<Entry>): Promise<void> {
    await this.#distinct.foresee?.(textsOf(lines), this.#target - this.#distinct.size);
  }

  /** Looks at the next line; answers the scenario when it is taken. */
  offer(line: Entry, shard: number): SelectedScenario | undefined {
    if (!line.valid) {
      this.skipInvalid();
      return undefined;
    }
    if (this.complete) return undefined;
    this.#candidates++;
    if (!this.#distinct.add(line.texts)) {
      this.#duplicates++;
      return undefined;
    }
    if (this.#distinct.size === this.#target) {
      this.#completeAfter = shard;
      this.close();
    }
    return { scenarioId: this.#distinct.size - 1, shard, line };
  }

  /** Counts a candidate that is not valid, for callers that see so without reading its line. */
  skipInvalid(): void {
    if (this.complete) return;
    this.#candidates++;
    this.#invalid++;
  }

  /** No more will be offered. A selection that is complete has closed itself. */
  close(): void {
    this.#distinct.close();
  }

  summary(): SelectionSummary {
    return {
      target: this.#target,
      taken: this.#distinct.size,
      short_by: this.#target - this.#distinct.size,
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
  shards: Iterable<AsyncIterable<Entry> | Iterable<Entry>>,
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

async function* textsOf(lines: AsyncIterable<Entry>): AsyncGenerator<readonly string[]> {
  for await (const { texts } of lines) yield texts;
}
