/* Tables of a million rows: columns of numbers take a tenth of what objects do. */

const FIRST_CAPACITY = 1024;

type Numbers = Uint8Array | Uint32Array | Float64Array;

/** Numbers by row, as many as are set. */
export class Column {
  readonly #make: (length: number) => Numbers;
  #values: Numbers;

  constructor(make: (length: number) => Numbers) {
    this.#make = make;
    this.#values = make(FIRST_CAPACITY);
  }

  get(row: number): number {
    return this.#values[row] ?? 0;
  }

  set(row: number, value: number): void {
    if (row >= this.#values.length) {
      const larger = this.#make(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[row] = value;
  }
}

export function numbers(): Column {
  return new Column((length) => new Uint32Array(length));
}

/** Few different texts in many rows: each kept once. */
export class Texts {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];

  number(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#texts.length);
    return this.#texts.push(text) - 1;
  }

  text(number: number): string {
    return this.#texts[number] ?? "";
  }
}
