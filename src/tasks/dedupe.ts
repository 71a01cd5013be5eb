import { fingerprintOf } from "../graph/digest.ts";
import { FingerprintTable } from "../graph/fingerprint-table.ts";

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
 * A set of keys that only ever grows: what tells a million scenarios apart fits where a Set of their texts would not. Keys
 * are compared by their fingerprints (128 bits), so that two different ones have no practical chance of being taken for
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
    return this.#keys.add(fingerprintOf(key)) === before;
  }
}
