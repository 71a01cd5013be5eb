import type { Fingerprint } from "./digest.ts";

const WORDS = 4;
const NONE = 0xffffffff;

/**
 * Fingerprints, numbered from 0 in the order of their first coming: about 30 bytes each, where a Map takes five times
 * that. They are hashes already, so their first 32 bits serve as the table's. Open addressing; at most half of the slots
 * are ever taken, so that a free one is near.
 */
export class FingerprintTable {
  #words = new Uint32Array(1024 * WORDS);
  #slots = new Uint32Array(2048).fill(NONE);
  #size = 0;
  /** The one being looked for; one for all, since that is done a million times. */
  readonly #key = new Uint32Array(WORDS);

  get size(): number {
    return this.#size;
  }

  /** The number of a fingerprint that was added, or undefined. */
  find(fingerprint: Fingerprint): number | undefined {
    const number = this.#slots[this.#slotOf(fingerprint)] ?? NONE;
    return number === NONE ? undefined : number;
  }

  /** The number of a fingerprint, which is added when it is not there yet. */
  add(fingerprint: Fingerprint): number {
    if (this.#size * WORDS === this.#words.length) this.#grow();
    const slot = this.#slotOf(fingerprint);
    const known = this.#slots[slot] ?? NONE;
    if (known !== NONE) return known;
    this.#slots[slot] = this.#size;
    this.#words.set(this.#key, this.#size * WORDS);
    this.#size += 1;
    return this.#size - 1;
  }

  /** The fingerprint of a number. */
  at(number: number): Fingerprint {
    let text = "";
    for (let at = number * WORDS; at < (number + 1) * WORDS; at++) {
      text += (this.#words[at] ?? 0).toString(16).padStart(8, "0");
    }
    return text as Fingerprint;
  }

  /** The slot that holds its number, or the free one where it belongs. */
  #slotOf(fingerprint: Fingerprint): number {
    const key = this.#key;
    const words = this.#words;
    for (let w = 0; w < WORDS; w++) key[w] = Number.parseInt(fingerprint.slice(w * 8, w * 8 + 8), 16);
    const mask = this.#slots.length - 1;
    for (let slot = (key[0] ?? 0) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] ?? NONE;
      if (number === NONE) return slot;
      const at = number * WORDS;
      const same =
        words[at] === key[0] && words[at + 1] === key[1] && words[at + 2] === key[2] && words[at + 3] === key[3];
      if (same) return slot;
    }
  }

  #grow(): void {
    const words = new Uint32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    this.#slots = new Uint32Array(this.#slots.length * 2).fill(NONE);
    const mask = this.#slots.length - 1;
    for (let number = 0; number < this.#size; number++) {
      let slot = (words[number * WORDS] ?? 0) & mask;
      while (this.#slots[slot] !== NONE) slot = (slot + 1) & mask;
      this.#slots[slot] = number;
    }
  }
}
