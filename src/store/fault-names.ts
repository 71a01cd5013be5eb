import { faultPoint } from "../engine/fault-points.ts";

/** The steps of a file that is replaced as a whole, of one that can be made again, and of one that grows. */
const replaced = <P extends string>(point: P) =>
  [`${point}.write`, `${point}.fsync`, `${point}.rename`, `${point}.after`] as const;
const remade = <P extends string>(point: P) => [`${point}.write`, `${point}.rename`, `${point}.after`] as const;
const appended = <P extends string>(point: P) =>
  [`${point}.before`, `${point}.repair`, `${point}.write`, `${point}.fsync`, `${point}.after`] as const;
const named = <P extends string, W extends string>(point: P, ...steps: readonly W[]) =>
  steps.map((step) => `${point}.${step}` as const);

/**
 * Every instant in this folder at which a test may end the process or make the disk fail, in the order a writer meets
 * them. A crash harness enumerates this list; a test holds it against what a run really passes.
 */
export const STORE_FAULT_POINTS = [
  ...replaced("format.put"),
  ...named("lock", "link.before", "link.after", "claim.after", "takeover.before", "takeover.after", "release.before"),
  ...named("cas", "put.before", "put.write", "adopt.before"),
  ...named("cas.commit", "fsync", "rename", "folder", "after"),
  ...named("cas.restore", "write", "rename", "after"),
  "cas.quarantine.rename",
  ...remade("actions.put"),
  ...remade("expansions.put"),
  ...appended("journal.append"),
  ...replaced("journal.rewrite"),
  ...appended("responses.add"),
  ...replaced("responses.rewrite"),
  ...replaced("workspace.flush"),
  ...named("gc", "blob.unlink", "action.unlink"),
] as const;

export type StoreFaultPoint = (typeof STORE_FAULT_POINTS)[number];

/** `faultPoint`, for the names of this folder only: a misspelt one does not compile. */
export function pass(point: StoreFaultPoint): void {
  faultPoint(point);
}
