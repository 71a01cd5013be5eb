import { isJsonList, isJsonObject, type JsonObject } from "../graph/json.ts";
import type { FailedCheck } from "../tasks/candidate.ts";
import { failureName } from "../tasks/check-verdict.ts";

/** How many candidates failed a check, and for checks of tokens under which tokenizer, in which variant. */
export interface FailureCount {
  readonly check: string;
  readonly reason: string;
  readonly tokenizer: string | null;
  readonly variant: string | null;
  readonly count: number;
}

/** Failures by check, reason, tokenizer and variant, counted once a candidate each. */
export class Failures {
  readonly #counts = new Map<string, number>();

  add(failed: readonly FailedCheck[]): void {
    const keys = failed.flatMap(({ check, reason, detail }) => {
      const name = failureName({ check, reason });
      const places = placesIn(detail);
      if (places.length === 0) return [JSON.stringify([check, name, null, null])];
      return places.map(({ tokenizer, variant }) => JSON.stringify([check, name, tokenizer, variant]));
    });
    for (const key of new Set(keys)) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** The most first. */
  counts(): readonly FailureCount[] {
    return [...this.#counts]
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .map(([key, count]) => {
        const [check, reason, tokenizer, variant]: [string, string, string | null, string | null] = JSON.parse(key);
        return { check, reason, tokenizer, variant, count };
      });
  }
}

/** Where a check of tokens says that it failed. */
function placesIn({ at }: JsonObject): readonly { readonly tokenizer: string; readonly variant: string }[] {
  if (!isJsonList(at)) return [];
  return at.flatMap((place) => {
    if (!isJsonObject(place)) return [];
    const { tokenizer, variant } = place;
    return typeof tokenizer === "string" && typeof variant === "string" ? [{ tokenizer, variant }] : [];
  });
}

/** How often each number came, in the order of the numbers. */
export interface Series {
  /** The variant; empty where there are none. */
  readonly variant: string;
  /** The tokenizer or the field. */
  readonly of: string;
  readonly counts: readonly (readonly [value: number, count: number])[];
}

/** Counts of whole numbers, a series for each variant and tokenizer. */
export class Histograms {
  readonly #series = new Map<string, Map<number, number>>();

  get isEmpty(): boolean {
    return this.#series.size === 0;
  }

  add(variant: string, of: string, value: number): void {
    const key = JSON.stringify([variant, of]);
    const counts = this.#series.get(key) ?? new Map<number, number>();
    counts.set(value, (counts.get(value) ?? 0) + 1);
    this.#series.set(key, counts);
  }

  series(): readonly Series[] {
    return [...this.#series].map(([key, counts]) => {
      const [variant, of]: [string, string] = JSON.parse(key);
      return { variant, of, counts: [...counts].sort(([a], [b]) => a - b) };
    });
  }
}

/** The same in at most `most` bins of equal, whole width: where each begins, and how many are in it. */
export function binned(
  counts: Series["counts"],
  most: number,
): { readonly width: number; readonly bins: Series["counts"] } {
  const values = counts.map(([value]) => value);
  const [low, high] = [values[0] ?? 0, values.at(-1) ?? 0];
  const width = Math.max(1, Math.ceil((high - low + 1) / most));
  const bins = new Map<number, number>();
  for (let at = low; at <= high; at += width) bins.set(at, 0);
  for (const [value, count] of counts) {
    const start = low + Math.floor((value - low) / width) * width;
    bins.set(start, (bins.get(start) ?? 0) + count);
  }
  return { width, bins: [...bins] };
}

/** The number below which so much of all lies: 0.5 is the median. */
export function quantile(counts: Series["counts"], share: number): number {
  const all = counts.reduce((sum, [, count]) => sum + count, 0);
  let passed = 0;
  for (const [value, count] of counts) {
    passed += count;
    if (passed >= all * share) return value;
  }
  return 0;
}
