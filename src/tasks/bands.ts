/*
 * Bands of minimal hashes (Broder, "On the resemblance and containment of documents", 1997; Leskovec, Rajaraman and Ullman, "Mining of
 * Massive Datasets", 3.4): a hash over ROWS minima is the same for two sets with a probability of s ** ROWS, s the share of
 * what they have between them that both have. With enough bands, near sets nearly always have one in common, and others seldom.
 */

/** Of pairs that are just near enough, how many may have no band in common; of nearer ones, far fewer. */
const MISSED = 0.001;
const MOST_BANDS = 32;
const MOST_ROWS = 16;

/** The bands of sets that are near from a threshold on. */
export class Bands {
  /** How many bands a set has. */
  readonly count: number;
  readonly #rows: number;
  /** By hash function, what is mixed in and what is multiplied by. */
  readonly #seeds: Uint32Array;
  readonly #minima: Uint32Array;

  constructor(threshold: number) {
    const { bands, rows } = shapeFor(threshold);
    this.count = bands;
    this.#rows = rows;
    this.#minima = new Uint32Array(bands * rows);
    this.#seeds = Uint32Array.from({ length: bands * rows * 2 }, (_, n) => mixed(n + 1) | (n % 2));
  }

  /** Writes a set's bands, 32 bits each, from `at` on. */
  write(set: Uint32Array, into: Uint32Array, at: number): void {
    const minima = this.#minima.fill(0xffffffff);
    const seeds = this.#seeds;
    for (let k = 0; k < minima.length; k++) {
      const [mask, factor] = [seeds[k * 2] ?? 0, seeds[k * 2 + 1] ?? 1];
      let least = 0xffffffff;
      for (let i = 0; i < set.length; i++) {
        const hash = Math.imul((set[i] ?? 0) ^ mask, factor) >>> 0;
        if (hash < least) least = hash;
      }
      minima[k] = least;
    }
    for (let band = 0; band < this.count; band++) {
      let hash = mixed(band);
      for (let row = band * this.#rows; row < (band + 1) * this.#rows; row++) hash = mixed(hash ^ (minima[row] ?? 0));
      into[at + band] = hash;
    }
  }
}

/** As many minima to a band as MOST_BANDS bands allow, and no more bands than are called for. */
function shapeFor(threshold: number): { readonly bands: number; readonly rows: number } {
  for (let rows = MOST_ROWS; rows > 1; rows--) {
    const bands = Math.max(1, Math.ceil(Math.log(MISSED) / Math.log1p(-(threshold ** rows))));
    if (bands <= MOST_BANDS) return { bands, rows };
  }
  return { bands: MOST_BANDS, rows: 1 };
}

/** A permutation of 32-bit numbers that leaves no pattern (the finaliser of MurmurHash3, of what is not 0). */
function mixed(value: number): number {
  let hash = (value + 0x9e3779b9) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
