import { Bands } from "./bands.ts";
import { haveInCommon, overlapOfNear, sequencesOf } from "./near.ts";
import { LARGEST_BATCH, Places, placesOf, type Shares } from "./places.ts";
import { SpilledNear } from "./spilled-near.ts";

/** What near-duplicates may take of memory; for tests, which could not fill it. */
export interface BandedLimits {
  /** Entries that are judged at once, of about two kilobytes each. */
  readonly batch: number;
  /** Partitions of those in files: the batch's part of one is in memory at a time. */
  readonly partitions: number;
}

const LIMITS: BandedLimits = { batch: 1 << 17, partitions: 64 };

/**
 * Entries none of which is near another that shares a band with it: the first in the order of adding stays. `foresee` is told
 * what will be added; it judges that in batches, each against the kept ones, which are in files, and then within itself, and
 * `add` answers what was found. How large batches are, and how many partitions, has no part in the answers.
 */
export class BandedEntries {
  readonly #threshold: number;
  readonly #limits: BandedLimits;
  readonly #bands: Bands;
  readonly #kept: SpilledNear;
  #added = 0;
  readonly #foreseen = new Verdicts();

  constructor(threshold: number, limits: BandedLimits = LIMITS) {
    if (limits.batch > LARGEST_BATCH) throw new RangeError(`${limits.batch} entries to a batch`);
    this.#threshold = threshold;
    this.#limits = limits;
    this.#bands = new Bands(threshold);
    this.#kept = new SpilledNear(threshold, limits.partitions);
  }

  /** How many were added and are kept. */
  get size(): number {
    return this.#added;
  }

  /**
   * Judges the entries that `add` will be given next, in this order.
   * @param most how many of them are needed at most; once so many are kept, no more are judged, and none may be added
   */
  async foresee(entries: AsyncIterable<readonly string[]>, most: number): Promise<void> {
    let batch: Uint32Array[] = [];
    let kept = 0;
    for await (const texts of entries) {
      batch.push(sequencesOf(texts));
      if (batch.length < this.#limits.batch) continue;
      kept += this.#judge(batch);
      batch = [];
      if (kept >= most) return;
    }
    this.#judge(batch);
  }

  /** True when no entry kept before is near this one; it is then kept. One that was not foreseen is judged by itself. */
  add(texts: readonly string[]): boolean {
    if (!this.#foreseen.areThere) this.#judge([sequencesOf(texts)]);
    const kept = this.#foreseen.next();
    if (kept) this.#added++;
    return kept;
  }

  close(): void {
    this.#kept.close();
  }

  /** @returns how many are kept */
  #judge(batch: readonly Uint32Array[]): number {
    const bands = this.#bands.count;
    const shares = new Uint32Array(batch.length * bands);
    for (const [nth, sequences] of batch.entries()) this.#bands.write(sequences, shares, nth * bands);
    const sets: Shares = { sets: batch, shares, each: bands };
    const places = placesOf(sets);
    const near = this.#kept.nearOf(batch, places);
    this.#judgeWithin(sets, new Places(places), near);
    this.#kept.add(batch, places, near);
    let kept = 0;
    for (const isNear of near) {
      if (isNear === 0) kept++;
      this.#foreseen.push(isNear === 0);
    }
    return kept;
  }

  #judgeWithin({ sets, shares, each }: Shares, places: Places, near: Uint8Array): void {
    for (const [nth, sequences] of sets.entries()) {
      const isNear = (other: number) => {
        const before = sets[other];
        if (before === undefined || other >= nth || near[other] === 1) return false;
        return haveInCommon(sequences, before, overlapOfNear(this.#threshold, sequences.length + before.length));
      };
      for (let at = nth * each; at < (nth + 1) * each && near[nth] === 0; at++)
        if (places.some(shares[at] ?? 0, isNear)) near[nth] = 1;
    }
  }
}

/** Verdicts in the order of their coming, a bit each. */
class Verdicts {
  #bits = new Uint8Array(1024);
  #size = 0;
  #next = 0;

  get areThere(): boolean {
    return this.#next < this.#size;
  }

  push(verdict: boolean): void {
    if (!this.areThere) [this.#size, this.#next] = [0, 0];
    const at = this.#size >>> 3;
    if (at === this.#bits.length) {
      const larger = new Uint8Array(this.#bits.length * 2);
      larger.set(this.#bits);
      this.#bits = larger;
    }
    const bit = 1 << (this.#size & 7);
    this.#bits[at] = verdict ? (this.#bits[at] ?? 0) | bit : (this.#bits[at] ?? 0) & ~bit;
    this.#size++;
  }

  next(): boolean {
    const verdict = ((this.#bits[this.#next >>> 3] ?? 0) & (1 << (this.#next & 7))) !== 0;
    this.#next++;
    return verdict;
  }
}
