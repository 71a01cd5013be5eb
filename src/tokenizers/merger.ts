/** No rank: the two symbols do not merge. */
const NONE = 0x7fffffff;
/** Symbols beyond which a heap finds the next merge sooner than a look at each. */
const LONG = 64;

/** The slot of a pair of ids; the table's size is a power of two. */
export function slotOf(left: number, right: number, mask: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) & mask;
}

/** Which symbols a piece begins with, and which of them merge. */
export interface MergeTables {
  /** The id of each byte: of its letter in the byte alphabet, or of `<0x00>`. */
  readonly bytes: Int32Array;
  /** An open-addressed table of merges, three numbers a slot: left id, right id, rank; -1 for an empty slot. */
  readonly merges: Int32Array;
  /** What a merge makes, by rank. */
  readonly merged: Int32Array;
}

/** Merges symbols as BPE does: always the pair of the lowest rank, of equal ones the leftmost. */
export class Merger {
  readonly #bytes: Int32Array;
  readonly #merges: Int32Array;
  readonly #merged: Int32Array;
  readonly #mask: number;
  /** The symbols of the last piece; as many as the merge answered are meant. */
  symbols = new Int32Array(256);
  #ranks = new Int32Array(256);

  constructor({ bytes, merges, merged }: MergeTables) {
    this.#bytes = bytes;
    this.#merges = merges;
    this.#merged = merged;
    this.#mask = merges.length / 3 - 1;
  }

  /** Makes room for a piece of so many symbols. */
  reserve(count: number): void {
    if (count <= this.symbols.length) return;
    this.symbols = new Int32Array(2 * count);
    this.#ranks = new Int32Array(2 * count);
  }

  mergeBytes(bytes: Uint8Array): number {
    this.reserve(bytes.length);
    for (let at = 0; at < bytes.length; at++) this.symbols[at] = this.#bytes[bytes[at] ?? 0] ?? 0;
    return this.merge(bytes.length);
  }

  /** Merges the first `count` of `symbols` in place; answers how many are left. */
  merge(count: number): number {
    return count > LONG ? this.#mergeLong(count) : this.#mergeShort(count);
  }

  #rank(left: number, right: number): number {
    const merges = this.#merges;
    const mask = this.#mask;
    let slot = slotOf(left, right, mask);
    for (;;) {
      const at = 3 * slot;
      const found = merges[at];
      if (found === -1) return NONE;
      if (found === left && merges[at + 1] === right) return merges[at + 2] as number;
      slot = (slot + 1) & mask;
    }
  }

  #mergeShort(count: number): number {
    const symbols = this.symbols;
    const ranks = this.#ranks;
    for (let at = 0; at + 1 < count; at++) ranks[at] = this.#rank(symbols[at] as number, symbols[at + 1] as number);
    let left = count;
    while (left > 1) {
      let best = 0;
      let rank = ranks[0] as number;
      for (let at = 1; at < left - 1; at++) {
        const other = ranks[at] as number;
        if (other < rank) {
          rank = other;
          best = at;
        }
      }
      if (rank === NONE) break;
      symbols[best] = this.#merged[rank] as number;
      symbols.copyWithin(best + 1, best + 2, left);
      ranks.copyWithin(best + 1, best + 2, left - 1);
      left--;
      if (best > 0) ranks[best - 1] = this.#rank(symbols[best - 1] as number, symbols[best] as number);
      if (best + 1 < left) ranks[best] = this.#rank(symbols[best] as number, symbols[best + 1] as number);
      else ranks[best] = NONE;
    }
    return left;
  }

  /** The same by a heap, for pieces in which looking for the lowest rank each time would take a square of their length. */
  #mergeLong(count: number): number {
    const symbols = this.symbols;
    const ranks = this.#ranks;
    const next = new Int32Array(count);
    const previous = new Int32Array(count);
    const heap = new Heap();
    for (let at = 0; at < count; at++) {
      next[at] = at + 1;
      previous[at] = at - 1;
    }
    const look = (at: number): void => {
      const after = next[at] as number;
      ranks[at] = after < count ? this.#rank(symbols[at] as number, symbols[after] as number) : NONE;
      if (ranks[at] !== NONE) heap.push((ranks[at] as number) * count + at);
    };
    for (let at = 0; at < count; at++) look(at);
    for (;;) {
      const least = heap.pop();
      if (least === undefined) break;
      const at = least % count;
      // What has been merged away, or has another right neighbour by now, is out of date.
      if (ranks[at] !== (least - at) / count) continue;
      symbols[at] = this.#merged[ranks[at] as number] as number;
      const gone = next[at] as number;
      ranks[gone] = NONE;
      next[at] = next[gone] as number;
      if ((next[at] as number) < count) previous[next[at] as number] = at;
      look(at);
      if ((previous[at] as number) >= 0) look(previous[at] as number);
    }
    let left = 0;
    for (let at = 0; at < count; at = next[at] as number) symbols[left++] = symbols[at] as number;
    return left;
  }
}

/** A binary heap of numbers, the least first. */
class Heap {
  readonly #items: number[] = [];

  push(item: number): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent] as number;
      if (above <= item) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  pop(): number | undefined {
    const items = this.#items;
    const least = items[0];
    const last = items.pop();
    if (least === undefined || last === undefined || items.length === 0) return least;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && (items[child + 1] as number) < (items[child] as number)) child++;
      if ((items[child] as number) >= last) break;
      items[at] = items[child] as number;
      at = child;
    }
    items[at] = last;
    return least;
  }
}
