import type { DedupeConfig } from "../config/project-config.ts";
import { FingerprintTable } from "../graph/fingerprint-table.ts";
import { unreachable } from "../graph/result.ts";

/** Entries no two of which are the same, by a task's own rule. Order-stable: what was added first stays. */
export interface DistinctEntries {
  readonly size: number;
  /** True when the texts are not the same as any added before; they are then added. */
  add(texts: readonly string[]): boolean;
}

/** @param fields the keys of an entry's texts, in their order; the rule may compare only some of them */
export function distinctEntries(dedupe: DedupeConfig, fields: readonly string[]): DistinctEntries {
  const compared = fields.flatMap((field, at) => (dedupe.fields?.includes(field) === false ? [] : [at]));
  const chosen = (texts: readonly string[]) => compared.map((at) => texts[at] ?? "");
  switch (dedupe.by) {
    case "exact":
    case "normalised": {
      const { by } = dedupe;
      const keys = new KeySet();
      return {
        get size() {
          return keys.size;
        },
        add: (texts) => keys.add(dedupeKey(chosen(texts), by)),
      };
    }
    case "near": {
      const near = new NearSet(dedupe.threshold ?? 1);
      return {
        get size() {
          return near.size;
        },
        add: (texts) => near.add(chosen(texts)),
      };
    }
    default:
      return unreachable(dedupe.by);
  }
}

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
  if (ASCII.test(text)) return withoutMarks(text.toUpperCase(), ASCII_MARKS);
  const folded = text.normalize("NFKC").toUpperCase().normalize("NFKC");
  return withoutMarks(folded, MARKS);
}

function withoutMarks(folded: string, marks: RegExp): string {
  const words = folded.replace(marks, "").replace(/\s+/gu, " ").trim();
  return words === "" ? folded : words;
}

const ASCII = /^[\0-\x7f]*$/;
const MARKS = /\p{P}+/gu;
/** What \p{P} has of ASCII: nearly all texts are, and need no tables of Unicode. */
const ASCII_MARKS = /[!-#%-*,-/:;?@[-\]_{}]+/g;

/**
 * A set of keys that only ever grows: what tells a million scenarios apart fits where a Set of their texts would not. Keys
 * are compared by their hashes (128 bits), so that two different ones have no practical chance of being taken for
 * one.
 */
export class KeySet {
  readonly #keys = new FingerprintTable();

  get size(): number {
    return this.#keys.size;
  }

  /** True when the key was not there yet. */
  add(key: string): boolean {
    const before = this.#keys.size;
    return this.#keys.addText(key) === before;
  }
}

/*
 * Near-duplicates: entries whose sets of character sequences overlap by a Jaccard index of at least a threshold. MinHash
 * with banding (Broder 1997; Leskovec et al., "Mining of Massive Datasets", ch. 3) finds who is worth comparing; the
 * comparison itself is exact over the hashed sets. So nothing below the threshold is ever dropped, and what is above it
 * slips through with a chance of at most one in a thousand.
 */

/** Characters in a sequence: short enough that one changed word leaves most of a sentence's sequences alone. */
const SEQUENCE = 4;
const MOST_HASHES = 128;
const MOST_MISSED = 1e-3;

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

/** How many hashes make a band, and how many bands there are, so that the chance to miss a pair at the threshold is small. */
export function banding(threshold: number): { readonly rows: number; readonly bands: number } {
  for (let rows = 16; rows > 1; rows--) {
    const bands = Math.floor(MOST_HASHES / rows);
    if ((1 - threshold ** rows) ** bands <= MOST_MISSED) return { rows, bands };
  }
  return { rows: 1, bands: MOST_HASHES };
}

/**
 * A set of entries none of which is near another, that only ever grows: the first in the order of adding stays. About half
 * a kilobyte an entry.
 */
export class NearSet {
  readonly #threshold: number;
  readonly #rows: number;
  readonly #bands: number;
  readonly #entries: Uint32Array[] = [];
  /** By band hash: the last entry that had it; by entry and band: the one before. -1 ends a chain. */
  #heads = new Int32Array(1024).fill(-1);
  #before = new Int32Array(1024);
  #keys = new Uint32Array(1024);
  /** The entry that each one was last compared with: chains of several bands meet the same ones. */
  #compared = new Int32Array(256).fill(-1);
  #attempts = 0;

  constructor(threshold: number) {
    this.#threshold = threshold;
    ({ rows: this.#rows, bands: this.#bands } = banding(threshold));
  }

  get size(): number {
    return this.#entries.length;
  }

  /** True when no entry added before is near this one; it is then added itself. */
  add(texts: readonly string[]): boolean {
    const sequences = sequencesOf(texts);
    const keys = this.#bandKeys(sequences);
    const attempt = this.#attempts++;
    for (const key of keys) {
      const slot = key & (this.#heads.length - 1);
      for (let at = this.#heads[slot] ?? -1; at !== -1; at = this.#before[at] ?? -1) {
        if (this.#keys[at] !== key) continue;
        const entry = Math.floor(at / this.#bands);
        if (this.#compared[entry] === attempt) continue;
        this.#compared[entry] = attempt;
        const other = this.#entries[entry];
        if (other !== undefined && jaccard(sequences, other) >= this.#threshold) return false;
      }
    }
    this.#insert(sequences, keys);
    return true;
  }

  #insert(sequences: Uint32Array, keys: Uint32Array): void {
    const entry = this.#entries.push(sequences) - 1;
    if ((entry + 1) * this.#bands > this.#keys.length || entry >= this.#compared.length) this.#grow();
    keys.forEach((key, band) => {
      this.#keys[entry * this.#bands + band] = key;
      this.#link(entry * this.#bands + band, key);
    });
  }

  #link(at: number, key: number): void {
    const slot = key & (this.#heads.length - 1);
    this.#before[at] = this.#heads[slot] ?? -1;
    this.#heads[slot] = at;
  }

  #grow(): void {
    const used = (this.#entries.length - 1) * this.#bands;
    const room = Math.max(this.#keys.length * 2, this.#entries.length * this.#bands * 2);
    const keys = new Uint32Array(room);
    keys.set(this.#keys.subarray(0, used));
    this.#keys = keys;
    this.#before = new Int32Array(room);
    const compared = new Int32Array(this.#entries.length * 2 + 256).fill(-1);
    compared.set(this.#compared.subarray(0, this.#entries.length));
    this.#compared = compared;
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(room))).fill(-1);
    for (let at = 0; at < used; at++) this.#link(at, keys[at] ?? 0);
  }

  /** One hash a band: of the smallest of the set under each of the band's hash functions. */
  #bandKeys(sequences: Uint32Array): Uint32Array {
    const keys = new Uint32Array(this.#bands);
    for (let band = 0; band < this.#bands; band++) {
      let key = mixed(band);
      for (let row = 0; row < this.#rows; row++) {
        const seed = Math.imul(band * this.#rows + row + 1, 0x9e3779b1);
        let least = 0xffffffff;
        for (let i = 0; i < sequences.length; i++) {
          const hash = mixed((sequences[i] ?? 0) ^ seed);
          if (hash < least) least = hash;
        }
        key = mixed(key ^ least);
      }
      keys[band] = key;
    }
    return keys;
  }
}

/** A permutation of 32-bit numbers that leaves no pattern (the finaliser of MurmurHash3). */
function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
