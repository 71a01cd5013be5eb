import { createHash } from "node:crypto";

/*
 * Which part of a dataset a scenario is in: by a hash of the scenario and a seed, and of nothing else. So no scenario is cut
 * in two, and none moves when the dataset grows.
 */

export const PARTS = ["train", "validation", "test"] as const;

export type Part = (typeof PARTS)[number];

/** Shares of the whole, from 0 to 1; what is left is for training. */
export type SplitConfig = {
  readonly seed: number;
  readonly validation: number;
  readonly test: number;
};

/** @param scenario what it came from: the request, and where in its answer */
export function partOf(scenario: string, { seed, validation, test }: SplitConfig): Part {
  const hash = createHash("sha256").update(`${seed}\n${scenario}`).digest();
  const at = hash.readUIntBE(0, 6) / 2 ** 48;
  if (at < test) return "test";
  return at < test + validation ? "validation" : "train";
}
