import { haveInCommon, overlapOfNear } from "./near.ts";
import { NumberList } from "./number-list.ts";
import { LARGEST_BATCH, Places, setOf, shareOf } from "./places.ts";
import { ScratchFile } from "./scratch-file.ts";

/** Pairs to compare that are gathered before they are. */
const PAIRS = 1 << 20;
/** Words that are read at once: of places, two to each; and of sequences, those of some forty entries. */
const [READ, WINDOW] = [1 << 18, 1 << 12];

/** Where some of a partition's places lie in the file: what is shared and by which entry, again and again. */
interface Extent {
  readonly at: number;
  readonly words: number;
}

/**
 * Entries in files, none near another, and which of a batch are near one of them: a join, partition by partition of what they may
 * share, by its first bits. That tells only who is to be compared; how many partitions there are has no part in what is near.
 */
export class SpilledNear {
  readonly #threshold: number;
  readonly #shift: number;
  readonly #extents: Extent[][];
  readonly #places = new ScratchFile();
  readonly #sequences = new ScratchFile();
  /** By entry, where its sequences end, in words. */
  readonly #ends = { low: new NumberList(), high: new NumberList() };
  #words = 0;
  #size = 0;
  readonly #read = new Uint32Array(READ);
  #window = { from: 0, words: new Uint32Array(0) };

  /** @param partitions a power of two, up to 2 ** 16 */
  constructor(threshold: number, partitions: number) {
    this.#threshold = threshold;
    this.#shift = 32 - Math.log2(partitions);
    this.#extents = Array.from({ length: partitions }, () => []);
  }

  /** Takes of a batch those that are to be kept, 0 in `near`, none of them near another. */
  add(batch: readonly Uint32Array[], places: Float64Array, near: Uint8Array): void {
    const numbers = new Uint32Array(batch.length);
    const kept = batch.filter((_, nth) => near[nth] === 0);
    for (let nth = 0, number = this.#size; nth < batch.length; nth++) if (near[nth] === 0) numbers[nth] = number++;
    this.#addPlaces(
      places.filter((place) => near[setOf(place)] === 0),
      numbers,
    );
    this.#addSequences(kept);
  }

  /** Which of a batch are near one that is kept: 1 for those. */
  nearOf(batch: readonly Uint32Array[], places: Float64Array): Uint8Array {
    const near = new Uint8Array(batch.length);
    if (this.#size === 0) return near;
    const pairs = new Pairs((entry, nth) => {
      if (near[nth] === 0 && this.#isNear(batch[nth], entry)) near[nth] = 1;
    });
    for (const { from, to, partition } of this.#runs(places, shareOf, 1))
      this.#join(new Places(places.subarray(from, to)), this.#extents[partition] ?? [], (entry, nth) => {
        if (near[nth] === 0) pairs.add(entry, nth);
      });
    pairs.compare();
    return near;
  }

  close(): void {
    for (const file of [this.#places, this.#sequences, this.#ends.low, this.#ends.high]) file.close();
  }

  /** Sorted numbers, partition by partition. */
  *#runs(sorted: ArrayLike<number>, share: (number: number) => number, step: number) {
    // A shift by 32 is none.
    const partitionOf = (at: number) => (this.#shift === 32 ? 0 : share(sorted[at] ?? 0) >>> this.#shift);
    for (let from = 0; from < sorted.length; ) {
      const partition = partitionOf(from);
      let to = from + step;
      while (to < sorted.length && partitionOf(to) === partition) to += step;
      yield { from, to, partition };
      from = to;
    }
  }

  #addPlaces(places: Float64Array, numbers: Uint32Array): void {
    const words = new Uint32Array(places.length * 2);
    for (const [n, place] of places.entries()) {
      words[n * 2] = shareOf(place);
      words[n * 2 + 1] = numbers[setOf(place)] ?? 0;
    }
    const at = this.#places.append(words);
    for (const { from, to, partition } of this.#runs(words, (share) => share, 2))
      this.#extents[partition]?.push({ at: at + from * words.BYTES_PER_ELEMENT, words: to - from });
  }

  #addSequences(entries: readonly Uint32Array[]): void {
    const all = new Uint32Array(entries.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const sequences of entries) {
      all.set(sequences, at);
      at += sequences.length;
      const end = this.#words + at;
      this.#ends.low.push(end % 2 ** 32);
      this.#ends.high.push(Math.floor(end / 2 ** 32));
    }
    this.#sequences.append(all);
    this.#words += all.length;
    this.#size += entries.length;
  }

  /** Tells each entry that shares something with one of the batch. */
  #join(places: Places, extents: readonly Extent[], tell: (entry: number, nth: number) => void): void {
    let entry = 0;
    const found = (nth: number) => {
      tell(entry, nth);
      return false;
    };
    for (const { at, words } of extents) {
      for (let done = 0; done < words; done += READ) {
        const read = this.#read.subarray(0, Math.min(READ, words - done));
        this.#places.read(read, at + done * read.BYTES_PER_ELEMENT);
        for (let i = 0; i < read.length; i += 2) {
          entry = read[i + 1] ?? 0;
          places.some(read[i] ?? 0, found);
        }
      }
    }
  }

  #isNear(sequences: Uint32Array | undefined, entry: number): boolean {
    if (sequences === undefined) return false;
    const start = entry === 0 ? 0 : this.#endOf(entry - 1);
    const length = this.#endOf(entry) - start;
    const overlap = overlapOfNear(this.#threshold, sequences.length + length);
    if (overlap > Math.min(sequences.length, length)) return false;
    return haveInCommon(sequences, this.#sequencesAt(start, length), overlap);
  }

  /** With those of some entries after it, as these are often asked for next. */
  #sequencesAt(start: number, length: number): Uint32Array {
    const { from, words } = this.#window;
    if (start >= from && start + length <= from + words.length)
      return words.subarray(start - from, start - from + length);
    const window = new Uint32Array(Math.min(Math.max(WINDOW, length), this.#words - start));
    this.#sequences.read(window, start * window.BYTES_PER_ELEMENT);
    this.#window = { from: start, words: window };
    return window.subarray(0, length);
  }

  #endOf(entry: number): number {
    return this.#ends.high.get(entry) * 2 ** 32 + this.#ends.low.get(entry);
  }
}

/** Pairs to compare, compared in the order of their kept entries, so that these are read in the order in which they lie. */
class Pairs {
  readonly #compare: (entry: number, nth: number) => void;
  readonly #pairs = new Float64Array(PAIRS);
  #count = 0;

  constructor(compare: (entry: number, nth: number) => void) {
    this.#compare = compare;
  }

  add(entry: number, nth: number): void {
    this.#pairs[this.#count++] = entry * LARGEST_BATCH + nth;
    if (this.#count === PAIRS) this.compare();
  }

  compare(): void {
    let before = -1;
    for (const pair of this.#pairs.subarray(0, this.#count).sort()) {
      if (pair !== before) this.#compare(Math.floor(pair / LARGEST_BATCH), pair % LARGEST_BATCH);
      before = pair;
    }
    this.#count = 0;
  }
}
