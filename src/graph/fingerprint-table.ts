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
    this.#read(fingerprint);
    const number = this.#slots[this.#slotOf(this.#key)] ?? NONE;
    return number === NONE ? undefined : number;
  }

  /** The number of a fingerprint, which is added when it is not there yet. */
  add(fingerprint: Fingerprint): number {
    this.#read(fingerprint);
    return this.addWords(this.#key);
  }

  /** The same for a fingerprint as four 32-bit words, such as `hashText` gives. */
  addWords(key: Uint32Array): number {
    if (this.#size * WORDS === this.#words.length) this.#grow();
    const slot = this.#slotOf(key);
    const known = this.#slots[slot] ?? NONE;
    if (known !== NONE) return known;
    this.#slots[slot] = this.#size;
    this.#words.set(key, this.#size * WORDS);
    this.#size += 1;
    return this.#size - 1;
  }

  /** All fingerprints, four words each, by their numbers; good until the next change. */
  words(): Uint32Array {
    return this.#words.subarray(0, this.#size * WORDS);
  }

  /** Forgets all; the room is kept for as many again. */
  clear(): void {
    this.#slots.fill(NONE);
    this.#size = 0;
  }

  /** The fingerprint of a number. */
  at(number: number): Fingerprint {
    let text = "";
    for (let at = number * WORDS; at < (number + 1) * WORDS; at++) {
      text += (this.#words[at] ?? 0).toString(16).padStart(8, "0");
    }
    return text as Fingerprint;
  }

  #read(fingerprint: Fingerprint): void {
    for (let w = 0; w < WORDS; w++) this.#key[w] = Number.parseInt(fingerprint.slice(w * 8, w * 8 + 8), 16);
  }

  /** The slot that holds the key's number, or the free one where it belongs. */
  #slotOf(key: Uint32Array): number {
    const words = this.#words;
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

/** 128 bits of a text's UTF-16 units (MurmurHash3 x86_128, two units to a word): for what no file keeps. */
export function hashText(text: string, into: Uint32Array): void {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let at = 0; at < text.length; at += 8) {
    a = mixedIn(a, wordAt(text, at), 0x239b961b, 0xab0e9789, 15);
    a = (Math.imul(((a << 19) | (a >>> 13)) + b, 5) + 0x561ccd1b) | 0;
    b = mixedIn(b, wordAt(text, at + 2), 0xab0e9789, 0x38b34ae5, 16);
    b = (Math.imul(((b << 17) | (b >>> 15)) + c, 5) + 0x0bcaa747) | 0;
    c = mixedIn(c, wordAt(text, at + 4), 0x38b34ae5, 0xa1e38b93, 17);
    c = (Math.imul(((c << 15) | (c >>> 17)) + d, 5) + 0x96cd1c35) | 0;
    d = mixedIn(d, wordAt(text, at + 6), 0xa1e38b93, 0x239b961b, 18);
    d = (Math.imul(((d << 13) | (d >>> 19)) + a, 5) + 0x32ac3b17) | 0;
  }
  a ^= text.length;
  a = (a + b + c + d) | 0;
  [b, c, d] = [(b + a) | 0, (c + a) | 0, (d + a) | 0];
  [a, b, c, d] = [finished(a), finished(b), finished(c), finished(d)];
  into[0] = a + b + c + d;
  into[1] = b + (into[0] ?? 0);
  into[2] = c + (into[0] ?? 0);
  into[3] = d + (into[0] ?? 0);
}

/** Units past the end count as 0; the text's length is hashed too. */
function wordAt(text: string, at: number): number {
  return at >= text.length ? 0 : text.charCodeAt(at) | (at + 1 < text.length ? text.charCodeAt(at + 1) << 16 : 0);
}

function mixedIn(lane: number, word: number, first: number, second: number, turn: number): number {
  const product = Math.imul(word, first);
  return lane ^ Math.imul((product << turn) | (product >>> (32 - turn)), second);
}

function finished(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
