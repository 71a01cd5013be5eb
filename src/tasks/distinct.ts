import type { DedupeConfig } from "../config/project-config.ts";
import { FingerprintTable } from "../graph/fingerprint-table.ts";
import { unreachable } from "../graph/result.ts";
import { NearSet } from "./near.ts";
import { normaliseText } from "./normalise.ts";

/** Entries no two of which are the same, by a task's own rule. Order-stable: what was added first stays. */
export interface DistinctEntries {
  readonly size: number;
  /** True when the texts are not the same as any added before; they are then added. */
  add(texts: readonly string[]): boolean;
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
      };
    }
    case "near": {
      const near = new NearSet(dedupe.threshold ?? 1);
      return {
        get size() {
          return near.size;
        },
        add: (texts) => near.add(chosen(texts)),
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

/**
 * A set of keys that only ever grows: what tells a million scenarios apart fits where a Set of their texts would not. Keys
 * are compared by their hashes (128 bits), so that two different ones have no practical chance of being taken for
 * one.
 */
export class KeySet {
  readonly #keys = new FingerprintTable();

  get size(): number {
    return this.#keys.size;
  }

  /** True when the key was not there yet. */
  add(key: string): boolean {
    const before = this.#keys.size;
    return this.#keys.addText(key) === before;
  }
}
