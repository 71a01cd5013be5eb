import { createHash } from "node:crypto";

/** A stream of pseudo-random choices that depends on nothing but what it was made from. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** An integer in [0, n). */
  below(n: number): number;
  pick<T>(items: readonly T[]): T;
  chance(probability: number): boolean;
  /** One of these by its weight out of `all`; undefined for what they leave of it. */
  draw<K extends string>(weights: Readonly<Partial<Record<K, number>>>, all: number): K | undefined;
}

/** The same parts give the same choices on every machine, in any process. */
export function randomFrom(...parts: readonly (string | number)[]): Random {
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest();
  let a = hash.readUInt32LE(0);
  let b = hash.readUInt32LE(4);
  let c = hash.readUInt32LE(8);
  let d = hash.readUInt32LE(12);
  // sfc32: small, fast, passes PractRand; the hash above does the seeding.
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return (t >>> 0) / 4_294_967_296;
  };
  const below = (n: number) => Math.floor(next() * n);
  return {
    next,
    below,
    pick(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("nothing to pick from");
      return item;
    },
    chance: (probability) => next() < probability,
    draw<K extends string>(weights: Readonly<Partial<Record<K, number>>>, all: number) {
      let ticket = next() * all;
      for (const name in weights) {
        ticket -= weights[name] ?? 0;
        if (ticket < 0) return name;
      }
      return undefined;
    },
  };
}

/** 0 … n-1 in an order that the random stream decides (Fisher and Yates). */
export function shuffled(n: number, random: Random): readonly number[] {
  const order = Array.from({ length: n }, (_, index) => index);
  for (let last = n - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const moved = order[other] ?? 0;
    order[other] = order[last] ?? 0;
    order[last] = moved;
  }
  return order;
}

/** An id that carries the simulator's mark, from what it names. */
export function simId(prefix: string, ...parts: readonly (string | number)[]): string {
  return `${prefix}sim${createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 24)}`;
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
