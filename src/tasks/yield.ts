/*
 * How many further batches a dataset needs, from what the batches so far gave. Pure arithmetic: docs/adaptive.md says where
 * each formula comes from and bench/adaptive.ts what they save.
 */

/** What a prefix of a task's batches gave, in shard order. Sums only, so that measuring a million lines keeps nothing. */
export interface Measured {
  readonly batches: number;
  /** Requests in these batches, the ones that delivered nothing too. */
  readonly requests: number;
  readonly candidates: number;
  readonly valid: number;
  /** Valid and distinct: what counts towards the target. */
  readonly taken: number;
  /** The sum over requests of the square of how many valid entries each gave: how unequal requests are. */
  readonly squares: number;
  /** The sum over duplicates of their places among the valid entries, counted from 1: whether they become more. */
  readonly duplicatePlaces: number;
  /** US dollars; null while the model's price is not known. */
  readonly costUsd: number | null;
}

export const NOTHING_MEASURED: Measured = {
  batches: 0,
  requests: 0,
  candidates: 0,
  valid: 0,
  taken: 0,
  squares: 0,
  duplicatePlaces: 0,
  costUsd: 0,
};

export interface Goal {
  readonly target: number;
  /** How sure the last batches bought must be to reach it: 0.5 to 0.999. */
  readonly confidence: number;
  readonly maxBatches: number;
  readonly maxCostUsd: number | null;
}

/** A number with the bounds that hold with the goal's confidence, each by itself. */
export interface Interval {
  readonly low: number;
  readonly mid: number;
  readonly high: number;
}

export type Plan =
  /** `certain`: with the goal's confidence these are the last. Else only as many as are surely needed, to measure again. */
  | { readonly kind: "buy"; readonly further: number; readonly certain: boolean; readonly outlook: Outlook }
  | { readonly kind: "stop"; readonly cap: Cap; readonly outlook: Outlook };

export type Cap = "max_batches" | "max_cost";

export interface Outlook {
  /** The share of candidates that are valid. */
  readonly share: Interval;
  /** Further batches until the target: surely needed, expected, enough with the goal's confidence. May be infinite. */
  readonly needed: Interval;
  /** Further batches that the caps allow, and which cap it is that allows no more. */
  readonly allowed: number;
  readonly cap: Cap;
}

/**
 * The fewest further batches that reach the target with the goal's confidence, or, while what is known would have that be
 * more than one batch above what is to be expected, those that are needed even if all goes well.
 * @param measured a prefix short of the target, of at least one batch
 */
export function planBatches(measured: Measured, goal: Goal): Plan {
  const outlook = outlookOf(measured, goal);
  const { needed, allowed, cap } = outlook;
  if (allowed === 0) return { kind: "stop", cap, outlook };
  const certain = needed.high - needed.mid <= 1;
  // Without one valid entry there is nothing to reckon with: look at as much again.
  const wanted = certain ? needed.high : measured.valid === 0 ? measured.batches : needed.low;
  const further = Math.max(1, Math.min(allowed, wanted));
  return { kind: "buy", further, certain: certain && further === needed.high, outlook };
}

/** Standard deviations: what is bought before the yield is well known must not turn out to be too much. */
const SURELY = 3;

export function outlookOf(measured: Measured, goal: Goal): Outlook {
  const z = normalQuantile(goal.confidence);
  const share = shareOf(measured, z);
  const short = goal.target - measured.taken;
  const fewest = (bound: keyof Interval, deviations: number) => {
    const spread = shareOf(measured, deviations);
    return short <= 0 ? 0 : fewestBatches((n) => distinctIn(measured, spread, n, bound, deviations) >= short);
  };
  const byCost = batchesFor(goal.maxCostUsd, measured);
  const byCount = Math.max(0, goal.maxBatches - measured.batches);
  return {
    share,
    needed: { low: fewest("high", Math.max(z, SURELY)), mid: fewest("mid", z), high: fewest("low", z) },
    allowed: Math.min(byCost, byCount),
    cap: byCost < byCount ? "max_cost" : "max_batches",
  };
}

/** How many further batches a limit in US dollars pays for. None where their price is unknown: the limit could not be kept. */
function batchesFor(maxCostUsd: number | null, { costUsd, batches }: Measured): number {
  if (maxCostUsd === null) return Number.POSITIVE_INFINITY;
  if (costUsd === null) return 0;
  const perBatch = costUsd / Math.max(1, batches);
  return perBatch === 0 ? Number.POSITIVE_INFINITY : Math.max(0, Math.floor((maxCostUsd - costUsd) / perBatch + 1e-9));
}

/**
 * The share of valid candidates by Wilson's interval. Entries of one request resemble each other, so that they count for
 * fewer than they are: by the design effect, the variance between requests over what independent entries would have.
 */
function shareOf({ candidates, valid, requests, squares }: Measured, z: number): Interval {
  if (candidates === 0) return { low: 0, mid: 0, high: 1 };
  const mid = valid / candidates;
  const n = candidates / designEffect({ candidates, valid, requests, squares });
  const centre = (mid + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((mid * (1 - mid)) / n + (z * z) / (4 * n * n));
  return { low: Math.max(0, centre - half), mid, high: Math.min(1, centre + half) };
}

type Spread = Pick<Measured, "candidates" | "valid" | "requests" | "squares">;

function designEffect(spread: Spread): number {
  const { candidates, valid, requests } = spread;
  const share = valid / candidates;
  const independent = (candidates / requests) * share * (1 - share);
  return requests < 2 || independent === 0 ? 1 : Math.max(1, varianceOfRequests(spread) / independent);
}

function varianceOfRequests({ valid, requests, squares }: Spread): number {
  return requests < 2 ? 0 : Math.max(0, (squares - (valid * valid) / requests) / (requests - 1));
}

/** How many distinct entries further batches give, at one end of what the measurements allow. */
function distinctIn(m: Measured, share: Interval, batches: number, bound: keyof Interval, z: number): number {
  if (m.batches === 0) return 0;
  const perBatch = m.candidates / m.batches;
  const expected = batches * perBatch * share.mid;
  const spread = Math.max(varianceOfRequests(m), (m.valid / Math.max(1, m.requests)) * (1 - share.mid));
  const noise = z * Math.sqrt((batches * m.requests * spread) / m.batches);
  const margin = (side: number) => Math.hypot(batches * perBatch * (side - share.mid), noise);
  switch (bound) {
    case "low":
      return distinctOf(Math.max(0, expected - margin(share.low)), m, repetition(m, "low", z));
    case "mid":
      return distinctOf(expected, m, repetition(m, "mid", z));
    case "high":
      return distinctOf(expected + margin(share.high), m, repetition(m, "high", z));
  }
}

/**
 * How likely the t-th valid entry is to be one that was there before: 1 - (1 - steady) e^(-growing t). Favourites that come
 * again and again make the steady part; entries drawn from a pool of 1/growing equally likely ones, the growing part.
 */
interface Repetition {
  readonly steady: number;
  readonly growing: number;
}

function repetition(m: Measured, bound: keyof Interval, z: number): Repetition {
  const duplicates = m.valid - m.taken;
  if (m.valid === 0) return { steady: 0, growing: 0 };
  const steadily = (share: number): Repetition => {
    const steady = (share * duplicates) / m.valid;
    return { steady, growing: poolDraws(m.taken / (m.valid * (1 - steady))) / m.valid };
  };
  switch (bound) {
    // All of it is the pool's, and there is somewhat more of it than was seen.
    case "low": {
      const more = Math.min(m.valid - 1, duplicates + z * Math.sqrt(duplicates + 1));
      return { steady: 0, growing: poolDraws(1 - Math.max(duplicates, more) / m.valid) / m.valid };
    }
    // Duplicates of favourites lie in the middle on average, those of a pool further on: where, hangs on how far it is drawn.
    case "mid": {
      if (duplicates === 0) return { steady: 0, growing: 0 };
      const place = m.duplicatePlaces / duplicates / m.valid;
      const ofPool = poolPlace(poolDraws(m.taken / m.valid));
      return steadily(1 - Math.min(1, Math.max(0, (place - 0.5) / Math.max(1e-3, ofPool - 0.5))));
    }
    case "high":
      return steadily(1);
  }
}

/** How often a pool was drawn from, in its own sizes, when this share of the draws was new: (1 - e^-x) / x = share. */
function poolDraws(share: number): number {
  if (share >= 1) return 0;
  let [low, high] = [0, 2 / Math.max(share, 1e-9)];
  for (let i = 0; i < 60; i++) {
    const x = (low + high) / 2;
    if (-Math.expm1(-x) / x > share) low = x;
    else high = x;
  }
  return (low + high) / 2;
}

/** Where a pool's duplicates lie on average, as a share of the draws: 2/3 at first, 1/2 once it is exhausted. */
function poolPlace(x: number): number {
  if (x < 1e-3) return 2 / 3;
  return (0.5 - (1 - Math.exp(-x) * (1 + x)) / (x * x)) / (1 - -Math.expm1(-x) / x);
}

/** The distinct ones among the next `valid` entries: the integral of the chance to be new. */
function distinctOf(valid: number, m: Measured, { steady, growing }: Repetition): number {
  const fresh = 1 - steady;
  if (growing * valid < 1e-9) return fresh * valid * Math.exp(-growing * m.valid);
  return (fresh / growing) * Math.exp(-growing * m.valid) * -Math.expm1(-growing * valid);
}

/** Batches beyond which a target counts as out of reach. */
const OUT_OF_REACH = 1e9;

/** The least number of batches that is enough; infinite when none is. `enough` must not turn false again. */
function fewestBatches(enough: (batches: number) => boolean): number {
  let high = 1;
  while (!enough(high)) {
    high *= 2;
    if (high > OUT_OF_REACH) return Number.POSITIVE_INFINITY;
  }
  let low = Math.floor(high / 2);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (enough(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** The z below which a standard normal value lies with this probability (Acklam's approximation, to 1e-9; 0.5 to 1). */
export function normalQuantile(probability: number): number {
  const q = Math.sqrt(-2 * Math.log(1 - probability));
  if (probability > 0.97575) {
    return (
      -(
        (((-0.007784894002430293 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) * q * q +
        4.374664141464968 * q +
        2.938163982698783
      ) /
      ((((0.007784695709041462 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1)
    );
  }
  const x = probability - 0.5;
  const r = x * x;
  const above =
    ((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r -
      30.66479806614716) *
      r +
    2.506628277459239;
  const below =
    ((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r -
      13.28068155288572) *
      r +
    1;
  return (above * x) / below;
}
