import { FingerprintTable, hashText } from "../graph/fingerprint-table.ts";
import { SpilledKeys } from "./spilled-keys.ts";

/** What a set of keys may take of memory; for tests, which could not fill it. */
export interface KeySetLimits {
  /** Keys in memory: with these, 270 MB at most, while the table grows. */
  readonly inMemory: number;
  /** Bits of the filter before those that are not: 128 MB, once there are such. */
  readonly filterBits: number;
}

const LIMITS: KeySetLimits = { inMemory: 1 << 23, filterBits: 2 ** 30 };

/**
 * A set of keys that only ever grows: what tells a million scenarios apart fits where a Set of their texts would not, and above
 * some million they go to a file. Keys are compared by their hashes (128 bits), so that two different ones have no practical
 * chance of being taken for one. Where a key is kept has no part in what `add` answers.
 */
export class KeySet {
  readonly #limits: KeySetLimits;
  readonly #recent = new FingerprintTable();
  readonly #key = new Uint32Array(4);
  #spilled: SpilledKeys | undefined;
  #size = 0;

  constructor(limits: KeySetLimits = LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** True when the key was not there yet. */
  add(key: string): boolean {
    hashText(key, this.#key);
    if (this.#spilled?.has(this.#key) === true) return false;
    const before = this.#recent.size;
    if (this.#recent.addWords(this.#key) !== before) return false;
    this.#size++;
    if (this.#recent.size === this.#limits.inMemory) {
      this.#spilled ??= new SpilledKeys(this.#limits.filterBits);
      this.#spilled.add(this.#recent.words());
      this.#recent.clear();
    }
    return true;
  }

  /** Gives back the file; nothing can be added after. */
  close(): void {
    this.#spilled?.close();
  }
}
