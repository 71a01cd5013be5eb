import { ScratchFile } from "./scratch-file.ts";

/** Numbers in memory at most, beside as many that were read last: a megabyte each. */
const BLOCK = 1 << 18;
const FIRST_CAPACITY = 1024;

/**
 * Whole numbers below 2 ** 32 in the order of their coming. All but the last block lies in a file, so that a list of any length takes
 * two megabytes; they are best read in that order too.
 */
export class NumberList {
  readonly #block: number;
  #file: ScratchFile | undefined;
  /** Those that are in no file yet. */
  #last: Uint32Array;
  #filed = 0;
  #size = 0;
  #read: Uint32Array | undefined;
  #readFrom = -1;

  /** @param block for tests, how many are kept in memory */
  constructor(block: number = BLOCK) {
    this.#block = block;
    this.#last = new Uint32Array(Math.min(FIRST_CAPACITY, block));
  }

  push(value: number): void {
    const at = this.#size - this.#filed;
    if (at === this.#block) {
      this.#file ??= new ScratchFile();
      this.#file.append(this.#last);
      this.#filed = this.#size;
    } else if (at === this.#last.length) {
      const larger = new Uint32Array(Math.min(at * 2, this.#block));
      larger.set(this.#last);
      this.#last = larger;
    }
    this.#last[this.#size - this.#filed] = value;
    this.#size++;
  }

  /** The n-th number; 0 past the end. */
  get(nth: number): number {
    if (nth >= this.#size) return 0;
    if (nth >= this.#filed) return this.#last[nth - this.#filed] ?? 0;
    const from = nth - (nth % this.#block);
    if (from !== this.#readFrom) {
      this.#read ??= new Uint32Array(this.#block);
      this.#file?.read(this.#read, from * Uint32Array.BYTES_PER_ELEMENT);
      this.#readFrom = from;
    }
    return this.#read?.[nth - from] ?? 0;
  }

  /** Gives back the file; nothing can be read after. */
  close(): void {
    this.#file?.close();
  }
}
