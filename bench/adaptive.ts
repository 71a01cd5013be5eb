import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buy } from "../src/tasks/buying.ts";
import { type Goal, type Measured, NOTHING_MEASURED } from "../src/tasks/yield.ts";

/*
 * What adaptive buying saves: whole purchases, simulated from a seed, against the fewest batches that would have done and
 * against `strategy: fixed`. Deterministic and pure; writes its table into docs/adaptive.md:
 *   node --import jiti/register bench/adaptive.ts
 */

const YIELDS = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
const RUNS = 200;
const REQUESTS = 50;
const PER_REQUEST = 10;
/** Batches that `strategy: fixed` buys at once: the shipped task's. */
const FIXED = 10;
const PILOT = 1;
export const GOAL: Goal = { target: 1500, confidence: 0.9, maxBatches: 400, maxCostUsd: null };

/** Requests that deliver nothing (refusals, prose, cut off), and how much alike the entries of one request are. */
const SILENT = 0.04;
const ALIKE = 8;
/** Duplicates: a few favourites, and a pool of things to say. */
const FAVOURITES = { share: 0.03, count: 24 };
const POOL = 20_000;

/** One yield's purchases, in batches. */
export interface Row {
  readonly share: number;
  readonly fewest: number;
  readonly adaptive: Bought;
  readonly fixed: Bought;
  /** The most batches that adaptive bought beyond fixed in any run. */
  readonly worst: number;
}

interface Bought {
  /** Mean over the runs. */
  readonly batches: number;
  readonly rounds: number;
  /** Rounds that claimed to be the last with the goal's confidence, and how many of them were. */
  readonly claims: number;
  readonly kept: number;
  /** Runs that reached the target. */
  readonly reached: number;
}

export function simulate(): readonly Row[] {
  return YIELDS.map((share) => {
    const runs = Array.from({ length: RUNS }, (_, run) => {
      const world = new World(share, run);
      return { fewest: world.fewest(), adaptive: purchase(world, PILOT), fixed: purchase(world, FIXED) };
    });
    return {
      share,
      fewest: mean(runs.map(({ fewest }) => fewest)),
      adaptive: joined(runs.map(({ adaptive }) => adaptive)),
      fixed: joined(runs.map(({ fixed }) => fixed)),
      worst: Math.max(...runs.map(({ adaptive, fixed }) => adaptive.batches - fixed.batches)),
    };
  });
}

/** The table in docs/adaptive.md. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map(({ share, fewest, adaptive, fixed, worst }) => [
    `${Math.round(share * 100)} %`,
    requests(fewest),
    `${requests(adaptive.batches)} (${over(adaptive.batches, fewest)})`,
    `${requests(fixed.batches)} (${over(fixed.batches, fewest)})`,
    adaptive.rounds.toFixed(1),
    `${((100 * adaptive.kept) / adaptive.claims).toFixed(0)} %`,
    `${((100 * adaptive.reached) / RUNS).toFixed(0)} %`,
    String(worst),
  ]);
  return [
    "| yield | fewest requests | adaptive | fixed | rounds of adaptive | claims kept | target reached | batches beyond fixed, worst run |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...cells.map((row) => `| ${row.join(" | ")} |`),
  ].join("\n");
}

/** A page with the table between its markers. */
export function pageWith(page: string, rows: readonly Row[]): string {
  return page.replace(
    /(<!-- table: bench\/adaptive\.ts -->\n)[\s\S]*?(\n<!-- end of table -->)/,
    (_, from: string, to: string) => `${from}${table(rows)}${to}`,
  );
}

interface Purchase {
  readonly batches: number;
  readonly rounds: number;
  readonly claims: number;
  readonly kept: number;
  readonly reached: boolean;
}

/** Buys as select-shards does: a round's batches all come, then the next round is decided. */
function purchase(world: World, first: number): Purchase {
  let have = 0;
  let rounds = 0;
  let claims = 0;
  let kept = 0;
  for (;;) {
    const prefixes = world.prefixes(have);
    const complete = (prefixes.at(-1)?.taken ?? 0) >= GOAL.target;
    const claimed = rounds > 0 && world.claimed;
    if (claimed) claims++;
    if (claimed && complete) kept++;
    const decision = buy(prefixes, GOAL, first, complete);
    if (decision.kind !== "want") return { batches: have, rounds, claims, kept, reached: complete };
    world.claimed = /: [\d,]+ more reach /.test(decision.reason);
    have = decision.batches;
    rounds++;
  }
}

/** What a task's batches would hold, made as far as somebody looks. */
class World {
  /** Whether the round under way was said to be the last. */
  claimed = false;
  readonly #share: number;
  readonly #random: () => number;
  readonly #prefixes: Measured[] = [];
  readonly #seen = new Set<number>();

  constructor(share: number, seed: number) {
    this.#share = share;
    this.#random = generator(seed * 1_000_003 + Math.round(share * 1000));
  }

  prefixes(count: number): readonly Measured[] {
    while (this.#prefixes.length < count) this.#prefixes.push(this.#next());
    return this.#prefixes.slice(0, count);
  }

  fewest(): number {
    for (let count = 1; ; count++) {
      if ((this.prefixes(count).at(-1)?.taken ?? 0) >= GOAL.target || count >= GOAL.maxBatches) return count;
    }
  }

  #next(): Measured {
    const before = this.#prefixes.at(-1) ?? NOTHING_MEASURED;
    let { candidates, valid, taken, squares } = before;
    for (let request = 0; request < REQUESTS; request++) {
      if (this.#random() < SILENT) continue;
      const share = beta(this.#share * ALIKE, (1 - this.#share) * ALIKE, this.#random);
      let here = 0;
      for (let entry = 0; entry < PER_REQUEST; entry++) {
        candidates++;
        if (this.#random() >= share) continue;
        here++;
        valid++;
        const favourite = this.#random() < FAVOURITES.share;
        const drawn = Math.floor(this.#random() * (favourite ? FAVOURITES.count : POOL));
        const what = favourite ? -1 - drawn : drawn;
        if (!this.#seen.has(what)) taken++;
        this.#seen.add(what);
      }
      squares += here ** 2;
    }
    return {
      batches: before.batches + 1,
      requests: before.requests + REQUESTS,
      candidates,
      valid,
      taken,
      squares,
      costUsd: null,
    };
  }
}

/** A number in [0, 1) from a seed: mulberry32. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function beta(a: number, b: number, random: () => number): number {
  const x = gamma(a, random);
  return x / (x + gamma(b, random));
}

/** Marsaglia and Tsang's method. */
function gamma(shape: number, random: () => number): number {
  if (shape < 1) return gamma(shape + 1, random) * random() ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

function joined(purchases: readonly Purchase[]): Bought {
  return {
    batches: mean(purchases.map(({ batches }) => batches)),
    rounds: mean(purchases.map(({ rounds }) => rounds)),
    claims: sum(purchases.map(({ claims }) => claims)),
    kept: sum(purchases.map(({ kept }) => kept)),
    reached: purchases.filter(({ reached }) => reached).length,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function requests(batches: number): string {
  return String(Math.round(batches * REQUESTS));
}

function over(batches: number, fewest: number): string {
  return `${(batches / fewest).toFixed(2)} ×`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = join(dirname(dirname(fileURLToPath(import.meta.url))), "docs/adaptive.md");
  writeFileSync(page, pageWith(readFileSync(page, "utf8"), simulate()));
}
