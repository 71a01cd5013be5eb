/** Entries kept; then the table begins anew, which costs time only. */
const MOST = 30_000;
const SLOTS = 1 << 16;
const MOST_TEXT = 1 << 19;
const MOST_IDS = 1 << 18;
/** The longest piece that is kept. */
const LONGEST = 64;

/** The ids of pieces of ASCII text seen before, found without making a string of each. */
export class PieceTable {
  /** An entry's number plus one by hash; 0 for none. */
  readonly #slots = new Int32Array(SLOTS);
  readonly #text = new Uint8Array(MOST_TEXT);
  /** Four numbers an entry: where its text begins and its length, where its ids begin and how many. */
  readonly #entries = new Int32Array(4 * MOST);
  readonly ids = new Int32Array(MOST_IDS);
  #count = 0;
  #textEnd = 0;
  #idsEnd = 0;
  #slot = 0;

  start(entry: number): number {
    return this.#entries[4 * entry + 2] as number;
  }

  count(entry: number): number {
    return this.#entries[4 * entry + 3] as number;
  }

  /** The entry of a piece, or -1. */
  find(text: string, from: number, to: number): number {
    let hash = 0x811c9dc5;
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    hash ^= hash >>> 15;
    const entries = this.#entries;
    const bytes = this.#text;
    let slot = hash & (SLOTS - 1);
    for (;;) {
      const entry = (this.#slots[slot] as number) - 1;
      if (entry < 0) {
        this.#slot = slot;
        return -1;
      }
      if (entries[4 * entry + 1] === to - from) {
        let key = entries[4 * entry] as number;
        let at = from;
        while (at < to && bytes[key] === text.charCodeAt(at)) {
          at++;
          key++;
        }
        if (at === to) return entry;
      }
      slot = (slot + 1) & (SLOTS - 1);
    }
  }

  /** Keeps what `find` has just not found. */
  add(text: string, from: number, to: number, ids: Int32Array, count: number): void {
    const length = to - from;
    if (length > LONGEST) return;
    if (this.#count === MOST || this.#textEnd + length > MOST_TEXT || this.#idsEnd + count > MOST_IDS) {
      this.#slots.fill(0);
      this.#count = this.#textEnd = this.#idsEnd = 0;
      this.find(text, from, to);
    }
    this.#slots[this.#slot] = this.#count + 1;
    const entry = 4 * this.#count++;
    this.#entries[entry] = this.#textEnd;
    this.#entries[entry + 1] = length;
    this.#entries[entry + 2] = this.#idsEnd;
    this.#entries[entry + 3] = count;
    for (let at = from; at < to; at++) this.#text[this.#textEnd++] = text.charCodeAt(at);
    for (let at = 0; at < count; at++) this.ids[this.#idsEnd++] = ids[at] as number;
  }
}
