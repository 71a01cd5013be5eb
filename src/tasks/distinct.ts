import type { DedupeConfig } from "../config/project-config.ts";
import { unreachable } from "../graph/result.ts";
import { KeySet } from "./key-set.ts";
import { NearSet } from "./near.ts";
import { normaliseText } from "./normalise.ts";

/** Entries no two of which are the same, by a task's own rule. Order-stable: what was added first stays. */
export interface DistinctEntries {
  readonly size: number;
  /** True when the texts are not the same as any added before; they are then added. */
  add(texts: readonly string[]): boolean;
  /** Gives back what lies outside of memory; nothing is added after. */
  close(): void;
}

/** @param fields the keys of an entry's texts, in their order; the rule may compare only some of them */
export function distinctEntries(dedupe: DedupeConfig, fields: readonly string[]): DistinctEntries {
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
      const near = new NearSet(dedupe.threshold ?? 1);
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

/** How two texts are found to be the same by a key alone. */
export type DedupeBy = "exact" | "normalised";

/**
 * The key under which texts count as the same. Texts of one scenario are kept apart, so that no two different lists share a
 * key.
 */
export function dedupeKey(texts: readonly string[], by: DedupeBy): string {
  return JSON.stringify(by === "exact" ? texts : texts.map(normaliseText));
}
