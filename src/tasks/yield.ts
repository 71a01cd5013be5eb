/*
 * What the measured yield says of how many further batches a target takes: pure numbers. docs/adaptive.md says how,
 * bench/adaptive.ts what it saves.
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
  const byCost = batchesFor(goal.maxCostUsd, measured);
  const byCount = Math.max(0, goal.maxBatches - measured.batches);
  return {
    share,
    needed: {
      low: batchesUntil(goal.target, measured, "low", Math.max(z, SURELY)),
      mid: batchesUntil(goal.target, measured, "mid", z),
      high: batchesUntil(goal.target, measured, "high", z),
    },
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

/**
 * How many further batches reach the target: as expected, if all goes well (`low`), or with confidence (`high`). The n at which
 * the valid entries of n batches, less a margin, are as many as are needed. The margin has two parts, independent of one
 * another: how well the yield is known, which grows with n, and how much requests differ, which grows with √n.
 */
function batchesUntil(target: number, measured: Measured, bound: keyof Interval, z: number): number {
  const { batches, requests, candidates, valid, taken } = measured;
  if (target <= taken) return 0;
  const share = shareOf(measured, z);
  const expected = ((target - taken) * valid) / taken;
  const needed = bound === "high" ? ofPool(target, measured, z) : expected;
  const perBatch = candidates / Math.max(1, batches);
  const each = perBatch * share.mid;
  if (each === 0 || !Number.isFinite(needed)) return Number.POSITIVE_INFINITY;
  if (bound === "mid") return Math.ceil(needed / each);
  const unknown = perBatch * (bound === "low" ? share.high - share.mid : share.mid - share.low);
  const ofRequest = Math.max(varianceOfRequests(measured), (valid / requests) * (1 - share.mid));
  const noise = (z * z * ofRequest * requests) / batches;
  // (each n - needed)² = (unknown n)² + noise n has two solutions: the smaller is the lucky one.
  const square = each * each - unknown * unknown;
  const middle = 2 * each * needed + noise;
  const root = Math.sqrt(Math.max(0, middle * middle - 4 * square * needed * needed));
  if (bound === "low") return Math.ceil((2 * needed * needed) / (middle + root));
  return square > 0 ? Math.ceil((middle + root) / (2 * square)) : Number.POSITIVE_INFINITY;
}

/**
 * Valid entries that reach the target even if all repeats are those of a limited pool, and somewhat more come than did: of x
 * pools' worth of draws (1 - e^-x) / x are new, and p e^-x things of the pool are left.
 */
function ofPool(target: number, { valid, taken }: Measured, z: number): number {
  const repeats = valid - taken;
  const more = Math.max(repeats, Math.min(valid - 1, repeats + z * Math.sqrt(repeats + 1)));
  const x = poolsDrawn(1 - more / valid);
  const share = ((target - taken) * Math.exp(x) * x) / valid;
  return share < 1 ? (-Math.log1p(-share) * valid) / x : Number.POSITIVE_INFINITY;
}

function poolsDrawn(share: number): number {
  let [low, high] = [0, 2 / Math.max(share, 1e-9)];
  for (let i = 0; i < 60; i++) {
    const x = (low + high) / 2;
    if (-Math.expm1(-x) / x > share) low = x;
    else high = x;
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
