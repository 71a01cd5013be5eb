import { fingerprintOf } from "../graph/digest.ts";

/** How two texts are found to be the same by a key alone. */
export type DedupeBy = "exact" | "normalised";

/**
 * The key under which texts count as the same. Texts of one scenario are kept apart, so that no two different lists share a
 * key.
 */
export function dedupeKey(texts: readonly string[], by: DedupeBy): string {
  return JSON.stringify(by === "exact" ? texts : texts.map(normaliseText));
}

/**
 * A text without what should not tell two scenarios apart: compatibility forms (NFKC), case, punctuation, and how much white
 * space there is. Case is folded by upper-casing, which also joins ß with ss and ς with σ. A text of nothing but punctuation
 * is only compared as it stands, so that "?!" and "..." do not become one.
 */
export function normaliseText(text: string): string {
  const folded = text.normalize("NFKC").toUpperCase().normalize("NFKC");
  const words = folded
    .replace(/\p{P}+/gu, "")
    .replace(/\s+/gu, " ")
    .trim();
  return words === "" ? folded : words;
}

/**
 * A set of keys that only ever grows, 16 bytes a key: what tells a million scenarios apart fits where a Set of their texts
 * would not. Keys are compared by their fingerprints (128 bits), so that two different ones have no practical chance of
 * being taken for one.
 */
export class KeySet {
  #slots = new Uint32Array(1024 * WORDS);
  #size = 0;
  /** The key being added; one for all, since adding is done a million times. */
  readonly #key = new Uint32Array(WORDS);

  get size(): number {
    return this.#size;
  }

  /** True when the key was not there yet. */
  add(key: string): boolean {
    const hex = fingerprintOf(key);
    const words = this.#key;
    for (let w = 0; w < WORDS; w++) words[w] = Number.parseInt(hex.slice(w * 8, w * 8 + 8), 16);
    // All zeros marks a free slot; one fingerprint in 2^128 gives way.
    if (isFree(words, 0)) words[0] = 1;
    if (!insert(this.#slots, words)) return false;
    this.#size++;
    if (this.#size * WORDS * 2 > this.#slots.length) this.#grow();
    return true;
  }

  #grow(): void {
    const bigger = new Uint32Array(this.#slots.length * 2);
    for (let at = 0; at < this.#slots.length; at += WORDS) {
      const words = this.#slots.subarray(at, at + WORDS);
      if (!isFree(this.#slots, at)) insert(bigger, words);
    }
    this.#slots = bigger;
  }
}

const WORDS = 4;

/** Open addressing; at most half of the slots are ever taken, so that a free one is near. False when the key is there. */
function insert(slots: Uint32Array, words: Uint32Array): boolean {
  const count = slots.length / WORDS;
  let slot = (words[0] ?? 0) % count;
  for (let at = slot * WORDS; !isFree(slots, at); at = slot * WORDS) {
    const same =
      slots[at] === words[0] && slots[at + 1] === words[1] && slots[at + 2] === words[2] && slots[at + 3] === words[3];
    if (same) return false;
    slot = (slot + 1) % count;
  }
  slots.set(words, slot * WORDS);
  return true;
}

function isFree(slots: Uint32Array, at: number): boolean {
  return slots[at] === 0 && slots[at + 1] === 0 && slots[at + 2] === 0 && slots[at + 3] === 0;
}
