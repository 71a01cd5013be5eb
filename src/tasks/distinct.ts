import type { DedupeConfig } from "../config/project-config.ts";
import { unreachable } from "../graph/result.ts";
import { BandedEntries, type BandedLimits } from "./banded.ts";
import { KeySet } from "./key-set.ts";
import { NearSet } from "./near.ts";
import { normaliseText } from "./normalise.ts";

/** Entries no two of which are the same, by a task's own rule. Order-stable: what was added first stays. */
export interface DistinctEntries {
  readonly size: number;
  /** True when the texts are not the same as any added before; they are then added. */
  add(texts: readonly string[]): boolean;
  /** Where there is such a step: takes the texts that will be added next, in their order; stops once `most` of them will be. */
  foresee?(texts: AsyncIterable<readonly string[]>, most: number): Promise<void>;
  /** Gives back what lies outside of memory; nothing is added after. */
  close(): void;
}

/**
 * @param fields the keys of an entry's texts, in their order; the rule may compare only some of them
 * @param limits for tests, of a banded search
 */
export function distinctEntries(
  dedupe: DedupeConfig,
  fields: readonly string[],
  limits?: BandedLimits,
): DistinctEntries {
  const compared = fields.flatMap((field, at) => (dedupe.fields?.includes(field) === false ? [] : [at]));
  const chosen = (texts: readonly string[]) => compared.map((at) => texts[at] ?? "");
  switch (dedupe.by) {
    case "exact":
    case "normalised": {
      const { by } = dedupe;
      const keys = new KeySet();
      return {
        get size() {
          return keys.size;
        },
        add: (texts) => keys.add(dedupeKey(chosen(texts), by)),
        close: () => keys.close(),
      };
    }
    case "near": {
      const threshold = dedupe.threshold ?? 1;
      if (dedupe.search === "banded") {
        const banded = new BandedEntries(threshold, limits);
        return {
          get size() {
            return banded.size;
          },
          add: (texts) => banded.add(chosen(texts)),
          foresee: (texts, most) => banded.foresee(mapped(texts, chosen), most),
          close: () => banded.close(),
        };
      }
      const near = new NearSet(threshold);
      return {
        get size() {
          return near.size;
        },
        add: (texts) => near.add(chosen(texts)),
        close: () => {},
      };
    }
    default:
      return unreachable(dedupe.by);
  }
}

async function* mapped<A, B>(all: AsyncIterable<A>, by: (one: A) => B): AsyncGenerator<B> {
  for await (const one of all) yield by(one);
}

/** How two texts are found to be the same by a key alone. */
export type DedupeBy = "exact" | "normalised";

/**
 * The key under which texts count as the same. Texts of one scenario are kept apart, so that no two different lists share a
 * key.
 */
export function dedupeKey(texts: readonly string[], by: DedupeBy): string {
  return JSON.stringify(by === "exact" ? texts : texts.map(normaliseText));
}
