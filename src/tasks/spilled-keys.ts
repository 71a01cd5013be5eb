import { ScratchFile } from "./scratch-file.ts";

/** 32-bit words of a key: a hash of 128 bits. */
const WORDS = 4;
/** Partitions of a run: by a key's first 16 bits. */
const PARTITIONS = 1 << 16;
/** Partitions that are put in order at once: what memory a run takes to be written. */
const AT_ONCE = 1 << 12;
/** Bits of the filter that a key sets: at ten bits a key, one absent key in a hundred is looked for in vain. */
const HASHES = 4;

interface Run {
  /** Where it lies in the file, in bytes. */
  readonly at: number;
  /** By partition, the number of keys in those before it; then that of all. */
  readonly starts: Uint32Array;
}

/**
 * Keys in a file, partitioned by their hash, so that to ask for one takes the memory of one partition: some hundred keys.
 * They come in runs of some million; each keeps an index of 256 kB. A filter (Bloom, "Space/time trade-offs in hash coding",
 * 1970) of constant size answers for nearly every key that is not there; it never denies one that is.
 */
export class SpilledKeys {
  readonly #file = new ScratchFile();
  readonly #runs: Run[] = [];
  readonly #filter: Uint32Array;
  #partition = new Uint32Array(WORDS * 1024);

  /** @param filterBits a power of two, at least 32: 2 ** 30 is 128 MB, and serves a hundred million keys well */
  constructor(filterBits: number) {
    this.#filter = new Uint32Array(filterBits / 32);
  }

  /** @param keys four words each, none of which was added before */
  add(keys: Uint32Array): void {
    const starts = new Uint32Array(PARTITIONS + 1);
    for (let at = 0; at < keys.length; at += WORDS) {
      const partition = partitionOf(keys[at] ?? 0);
      starts[partition + 1] = (starts[partition + 1] ?? 0) + 1;
      this.#remember(keys[at + 1] ?? 0, keys[at + 2] ?? 0);
    }
    for (let p = 1; p <= PARTITIONS; p++) starts[p] = (starts[p] ?? 0) + (starts[p - 1] ?? 0);
    let runAt: number | undefined;
    for (let first = 0; first < PARTITIONS; first += AT_ONCE) {
      const at = this.#file.append(keysOf(keys, starts, first));
      runAt ??= at;
    }
    this.#runs.push({ at: runAt ?? 0, starts });
  }

  has(key: Uint32Array): boolean {
    return this.#mayHave(key[1] ?? 0, key[2] ?? 0) && this.#runs.some((run) => this.#isIn(run, key));
  }

  close(): void {
    this.#file.close();
  }

  #isIn({ at, starts }: Run, key: Uint32Array): boolean {
    const partition = partitionOf(key[0] ?? 0);
    const start = starts[partition] ?? 0;
    const words = ((starts[partition + 1] ?? 0) - start) * WORDS;
    if (words === 0) return false;
    if (words > this.#partition.length) this.#partition = new Uint32Array(words * 2);
    const found = this.#partition.subarray(0, words);
    this.#file.read(found, at + start * WORDS * 4);
    for (let i = 0; i < words; i += WORDS) {
      if (found[i] === key[0] && found[i + 1] === key[1] && found[i + 2] === key[2] && found[i + 3] === key[3])
        return true;
    }
    return false;
  }

  #remember(one: number, other: number): void {
    for (let n = 0; n < HASHES; n++) {
      const bit = this.#bit(one, other, n);
      this.#filter[bit >>> 5] = (this.#filter[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  }

  #mayHave(one: number, other: number): boolean {
    for (let n = 0; n < HASHES; n++) {
      const bit = this.#bit(one, other, n);
      if (((this.#filter[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }

  /** The words are hashes already; their multiples are as good as further ones (Kirsch and Mitzenmacher, 2006). */
  #bit(one: number, other: number, n: number): number {
    return ((one + Math.imul(other | 1, n)) & (this.#filter.length * 32 - 1)) >>> 0;
  }
}

function partitionOf(word: number): number {
  return word >>> 16;
}

/** The keys of the partitions from `first` on, partition by partition. */
function keysOf(keys: Uint32Array, starts: Uint32Array, first: number): Uint32Array {
  const from = starts[first] ?? 0;
  const sorted = new Uint32Array(((starts[first + AT_ONCE] ?? 0) - from) * WORDS);
  const next = starts.slice(first, first + AT_ONCE);
  for (let at = 0; at < keys.length; at += WORDS) {
    const partition = partitionOf(keys[at] ?? 0) - first;
    const to = next[partition];
    if (to === undefined || partition < 0) continue;
    next[partition] = to + 1;
    for (let w = 0; w < WORDS; w++) sorted[(to - from) * WORDS + w] = keys[at + w] ?? 0;
  }
  return sorted;
}
