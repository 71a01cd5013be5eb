/** Sets of a batch, at most: a number below this and one of 32 bits are exact together in a double. */
export const LARGEST_BATCH = 1 << 21;

/** The sets of a batch, and of each what it may share with near ones, as many numbers of 32 bits as any other. */
export interface Shares {
  readonly sets: readonly Uint32Array[];
  readonly shares: Uint32Array;
  readonly each: number;
}

/** What sets may share, sorted: the share and the set's number in the batch, in one number. */
export function placesOf({ shares, each }: Shares): Float64Array {
  const places = new Float64Array(shares.length);
  for (let at = 0; at < shares.length; at++) places[at] = (shares[at] ?? 0) * LARGEST_BATCH + Math.floor(at / each);
  return places.sort();
}

export function shareOf(place: number): number {
  return Math.floor(place / LARGEST_BATCH);
}

export function setOf(place: number): number {
  return place % LARGEST_BATCH;
}

/** The sets of a batch by what they may share. */
export class Places {
  readonly #places: Float64Array;
  /** By a share's hash, where its first place is, from 1 on. */
  readonly #slots: Uint32Array;

  /** @param places from `placesOf`, all or some in a row */
  constructor(places: Float64Array) {
    this.#places = places;
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(Math.max(1, places.length) * 2)));
    let before = -1;
    for (const [n, place] of places.entries()) {
      const share = shareOf(place);
      if (share !== before) this.#slots[this.#slotOf(share)] = n + 1;
      before = share;
    }
  }

  /** Whether `test` is true of one of the sets that have this share, asked in their order. */
  some(share: number, test: (set: number) => boolean): boolean {
    const first = this.#slots[this.#slotOf(share)] ?? 0;
    if (first === 0) return false;
    for (let n = first - 1; n < this.#places.length; n++) {
      const place = this.#places[n] ?? 0;
      if (shareOf(place) !== share) return false;
      if (test(setOf(place))) return true;
    }
    return false;
  }

  /** Shares are hashes already. */
  #slotOf(share: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = share & mask; ; slot = (slot + 1) & mask) {
      const first = this.#slots[slot] ?? 0;
      if (first === 0 || shareOf(this.#places[first - 1] ?? 0) === share) return slot;
    }
  }
}
