import { normaliseText } from "./normalise.ts";

/*
 * Near-duplicates: entries whose sets of character sequences overlap by a Jaccard index of at least a threshold. Who is worth
 * comparing is found by prefixes (Bayardo et al., "Scaling up all pairs similarity search", 2007; Wang et al., "Can we beat the
 * prefix filtering?", 2012): with the rarest sequences first, two sets that are near have some of their first ones in common.
 * The comparison itself is exact over the hashed sets, and nobody near is passed over.
 */

/** Characters in a sequence: short enough that one changed word leaves most of a sentence's sequences alone. */
const SEQUENCE = 4;

/**
 * The hashed character sequences of an entry's texts, sorted, each once. Texts are normalised first (case, punctuation,
 * white space), and the sequences of different fields are different.
 */
export function sequencesOf(texts: readonly string[]): Uint32Array {
  const hashes = new Set<number>();
  texts.forEach((text, field) => {
    const characters = [...normaliseText(text)].map((character) => character.codePointAt(0) ?? 0);
    const last = Math.max(0, characters.length - SEQUENCE);
    for (let at = 0; at <= last; at++) {
      let hash = 0x811c9dc5 ^ field;
      for (let i = at; i < Math.min(at + SEQUENCE, characters.length); i++) {
        hash = Math.imul(hash ^ (characters[i] ?? 0), 0x01000193);
        hash ^= hash >>> 15;
      }
      hashes.add(mixed(hash));
    }
  });
  return Uint32Array.from(hashes).sort();
}

/** The share of what two sorted sets have between them that both have. Two empty sets are the same. */
export function jaccard(a: Uint32Array, b: Uint32Array): number {
  let both = 0;
  let j = 0;
  for (const hash of a) {
    while (j < b.length && (b[j] ?? 0) < hash) j++;
    if (j < b.length && b[j] === hash) both++;
  }
  const either = a.length + b.length - both;
  return either === 0 ? 1 : both / either;
}

/**
 * How many of their first sequences two near sets have in common is asked for, at most. More make more lists to go through, and
 * far fewer entries to compare: those of one template share some rare sequences by chance.
 */
const MOST_SHARED = 8;
/** To find an entry once more in a list costs so much less than to compare it. */
const CHEAPER = 3;
/** Sizes at which sequences are put in order anew, by how often they came so far. */
const [FIRST_ORDER, LAST_ORDER, GROWTH] = [256, 1 << 16, 4];
const COUNTERS = 1 << 20;

/**
 * A set of entries none of which is near another, that only ever grows: the first in the order of adding stays. About a
 * kilobyte an entry of a hundred characters.
 */
export class NearSet {
  readonly #threshold: number;
  readonly #entries: Uint32Array[] = [];
  /** How often each sequence came; several may share a counter: the order need only be the same for all sets. */
  readonly #counts = new Uint32Array(COUNTERS);
  #order = new Uint32Array(COUNTERS);
  #orderedAt = FIRST_ORDER;
  #lists = new EntryLists(FIRST_ORDER);
  readonly #found = new Found();
  #compared = 0;

  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** How many pairs were compared: what the work grows with, beside the lists. */
  get compared(): number {
    return this.#compared;
  }

  /** True when no entry added before is near this one; it is then added itself. */
  add(texts: readonly string[]): boolean {
    const sequences = sequencesOf(texts);
    const prefix = this.#prefixOf(sequences);
    if (this.#hasNear(sequences, prefix)) return false;
    const entry = this.#entries.push(sequences) - 1;
    for (const sequence of sequences) this.#count(sequence);
    for (const sequence of prefix) this.#lists.add(sequence, entry);
    if (this.#entries.length === this.#orderedAt) this.#orderAnew();
    return true;
  }

  #hasNear(sequences: Uint32Array, prefix: Uint32Array): boolean {
    const found = this.#found;
    found.clear(this.#entries.length);
    // Without these, a near set may have none of the others. Each further list is one more sequence that it must share.
    const needed = sequences.length - this.#leastShared(sequences.length) + 1;
    let looked = 0;
    for (const sequence of prefix) {
      if (looked >= needed && this.#lists.lengthOf(sequence) > found.size * CHEAPER) break;
      this.#lists.find(sequence, found);
      looked++;
    }
    const shared = Math.max(1, looked - needed + 1);
    for (let i = 0; i < found.size; i++) {
      const entry = found.entries[i] ?? 0;
      const other = this.#entries[entry];
      if (other === undefined) continue;
      const overlap = overlapOfNear(this.#threshold, sequences.length + other.length);
      if ((found.times[entry] ?? 0) < Math.min(shared, overlap)) continue;
      this.#compared++;
      if (haveInCommon(sequences, other, overlap)) return true;
    }
    return false;
  }

  /** How many sequences a set of this size has in common with a near one, whatever that one's size. */
  #leastShared(length: number): number {
    return least(this.#threshold * length, (overlap) => overlap / length >= this.#threshold);
  }

  /** The sequences of which near sets have MOST_SHARED in common, or all that they have in common: the first in the order. */
  #prefixOf(sequences: Uint32Array): Uint32Array {
    const order = this.#order;
    const ranked = new Float64Array(sequences.length);
    for (let i = 0; i < sequences.length; i++) {
      const sequence = sequences[i] ?? 0;
      ranked[i] = (order[sequence % COUNTERS] ?? 0) * 2 ** 32 + sequence;
    }
    const length = sequences.length - this.#leastShared(sequences.length) + MOST_SHARED;
    return Uint32Array.from(ranked.sort().subarray(0, length), (rank) => rank % 2 ** 32);
  }

  #count(sequence: number): void {
    const at = sequence % COUNTERS;
    // Bounded, so that a rank is exact in a double.
    this.#counts[at] = Math.min((this.#counts[at] ?? 0) + 1, 2 ** 20);
  }

  #orderAnew(): void {
    this.#order = this.#counts.slice();
    this.#lists = new EntryLists(this.#entries.length);
    for (const [entry, sequences] of this.#entries.entries())
      for (const sequence of this.#prefixOf(sequences)) this.#lists.add(sequence, entry);
    this.#orderedAt = this.#entries.length < LAST_ORDER ? this.#entries.length * GROWTH : Number.POSITIVE_INFINITY;
  }
}

/** How many sequences two sets have in common if they are near, and only then: by the size of both together. */
export function overlapOfNear(threshold: number, sizes: number): number {
  return least((threshold / (1 + threshold)) * sizes, (overlap) => overlap / (sizes - overlap) >= threshold);
}

/** The least whole number, from 1, that is enough; `near` is about where it lies, which rounding may have missed. */
function least(near: number, isEnough: (value: number) => boolean): number {
  let value = Math.max(1, Math.floor(near));
  while (value > 1 && isEnough(value - 1)) value--;
  while (!isEnough(value)) value++;
  return value;
}

/** Whether two sorted sets have so many members in common. Given up as soon as too many are missing. */
export function haveInCommon(a: Uint32Array, b: Uint32Array, needed: number): boolean {
  let [missingInB, missingInA] = [a.length - needed, b.length - needed];
  for (let i = 0, j = 0; missingInB >= 0 && missingInA >= 0; ) {
    if (i === a.length || j === b.length) return true;
    const [one, other] = [a[i] ?? 0, b[j] ?? 0];
    if (one <= other) i++;
    if (other <= one) j++;
    if (one < other) missingInB--;
    if (other < one) missingInA--;
  }
  return false;
}

/** Entries that were found, and how often each. */
class Found {
  size = 0;
  entries = new Uint32Array(256);
  times = new Uint32Array(256);

  clear(most: number): void {
    for (let i = 0; i < this.size; i++) this.times[this.entries[i] ?? 0] = 0;
    this.size = 0;
    if (most <= this.times.length) return;
    this.entries = new Uint32Array(most * 2);
    this.times = new Uint32Array(most * 2);
  }

  add(entry: number): void {
    const times = this.times[entry] ?? 0;
    this.times[entry] = times + 1;
    if (times === 0) this.entries[this.size++] = entry;
  }
}

const CHUNK = 1 << 16;
/** Of a block: where the one before it lies, how many entries it has, and for how many there is room. */
const HEAD = 3;
const LARGEST = 256;

/**
 * Entries by sequence, in blocks that grow with a list, so that long ones are gone through in order and short ones take little.
 * Some sequences share a list: what is found in it is compared in any case.
 */
class EntryLists {
  /** By list: where its last block lies, 0 for none; and how many entries it has. */
  readonly #last: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #chunks: Uint32Array[] = [];
  /** The first place that is free; 0 is never one. */
  #free = 1;

  constructor(entries: number) {
    this.#last = new Uint32Array(2 ** Math.ceil(Math.log2(entries * 16)));
    this.#lengths = new Uint32Array(this.#last.length);
  }

  lengthOf(sequence: number): number {
    return this.#lengths[sequence & (this.#last.length - 1)] ?? 0;
  }

  add(sequence: number, entry: number): void {
    const list = sequence & (this.#last.length - 1);
    this.#lengths[list] = (this.#lengths[list] ?? 0) + 1;
    const last = this.#last[list] ?? 0;
    let chunk = this.#chunks[Math.floor(last / CHUNK)];
    let at = last % CHUNK;
    const room = last === 0 ? 0 : (chunk?.[at + 2] ?? 0);
    if (last === 0 || chunk?.[at + 1] === room) {
      const block = this.#block(last, Math.min(Math.max(1, room * 4), LARGEST));
      this.#last[list] = block;
      [chunk, at] = [this.#chunks[Math.floor(block / CHUNK)], block % CHUNK];
    }
    if (chunk === undefined) throw new Error("a block lies in no chunk");
    const used = chunk[at + 1] ?? 0;
    chunk[at + HEAD + used] = entry;
    chunk[at + 1] = used + 1;
  }

  find(sequence: number, found: Found): void {
    for (let block = this.#last[sequence & (this.#last.length - 1)] ?? 0; block !== 0; ) {
      const chunk = this.#chunks[Math.floor(block / CHUNK)];
      const at = block % CHUNK;
      if (chunk === undefined) return;
      const end = at + HEAD + (chunk[at + 1] ?? 0);
      for (let i = at + HEAD; i < end; i++) found.add(chunk[i] ?? 0);
      block = chunk[at] ?? 0;
    }
  }

  /** A new block; it lies in one chunk. */
  #block(before: number, room: number): number {
    const size = HEAD + room;
    if ((this.#free % CHUNK) + size > CHUNK) this.#free = Math.ceil(this.#free / CHUNK) * CHUNK;
    const block = this.#free;
    this.#free += size;
    const nth = Math.floor(block / CHUNK);
    const chunk = this.#chunks[nth] ?? new Uint32Array(CHUNK);
    this.#chunks[nth] = chunk;
    chunk[block % CHUNK] = before;
    chunk[(block % CHUNK) + 2] = room;
    return block;
  }
}

/** A permutation of 32-bit numbers that leaves no pattern (the finaliser of MurmurHash3). */
function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
