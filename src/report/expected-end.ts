import { age, count } from "./format.ts";
import type { WaitingOn } from "./result-schema.ts";

/** Valid scenarios of the shards so far; `of` is how many shards there would be if all batches that are bought were read. */
export interface YieldSoFar {
  readonly valid: number;
  readonly wanted: number;
  readonly shards: number;
  readonly of: number;
}

/** Of fewer batches nothing is concluded. */
const FEWEST = 3;

/**
 * When the last of these batches may be over, as a range from how long this project's earlier ones took: of those that took
 * longer than it has lasted already, all but the quickest and the slowest tenth.
 * @param history how long batches took that are over, in milliseconds
 * @returns nothing where nothing is waited for or too little is known
 */
export function expectedEnd(
  waiting: readonly WaitingOn[],
  history: readonly number[],
  now: number,
): string | undefined {
  if (waiting.length === 0 || history.length < FEWEST) return undefined;
  const sorted = [...history].sort((a, b) => a - b);
  let [from, to] = [0, 0];
  for (const { since } of waiting) {
    const lasted = Math.max(0, now - since);
    const longer = sorted.filter((took) => took > lasted);
    if (longer.length === 0) return `longer than any of ${count(history.length)} batches before`;
    from = Math.max(from, at(longer, 0.1) - lasted);
    to = Math.max(to, at(longer, 0.9) - lasted);
  }
  const [low, high] = [age(from), age(to)];
  const basis = `as ${count(history.length)} batches before took`;
  return low === high ? `in about ${high}, ${basis}` : `in ${low} to ${high}, ${basis}`;
}

/** `620/1,500 in 4 of 10 shards; about 1,550 expected`: before those that are alike are left out. */
export function yieldText({ valid, wanted, shards, of }: YieldSoFar): string {
  const expected = shards >= of ? "" : `; about ${count(Math.round((valid / shards) * of))} expected`;
  return `${count(valid)}/${count(wanted)} in ${count(shards)} of ${count(of)} shards${expected}`;
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.round((sorted.length - 1) * share)] ?? 0;
}
