import { faultPoint } from "../engine/fault-points.ts";

/**
 * Every instant in this folder at which a test may end the process or make the disk fail, in the order a writer meets
 * them. A crash harness enumerates this list; a test holds it against what a run really passes.
 */
export const STORE_FAULT_POINTS = [
  "format.put.write",
  "format.put.fsync",
  "format.put.rename",
  "format.put.after",
  "lock.link.before",
  "lock.link.after",
  "lock.claim.after",
  "lock.takeover.before",
  "lock.takeover.after",
  "lock.release.before",
  "cas.put.before",
  "cas.put.write",
  "cas.adopt.before",
  "cas.commit.fsync",
  "cas.commit.rename",
  "cas.commit.folder",
  "cas.commit.after",
  "cas.restore.write",
  "cas.restore.rename",
  "cas.restore.after",
  "cas.quarantine.rename",
  "actions.put.write",
  "actions.put.rename",
  "actions.put.after",
  "expansions.put.write",
  "expansions.put.rename",
  "expansions.put.after",
  "journal.append.before",
  "journal.append.repair",
  "journal.append.write",
  "journal.append.fsync",
  "journal.append.after",
  "journal.rewrite.write",
  "journal.rewrite.fsync",
  "journal.rewrite.rename",
  "journal.rewrite.after",
  "responses.add.before",
  "responses.add.repair",
  "responses.add.write",
  "responses.add.fsync",
  "responses.add.after",
  "responses.rewrite.write",
  "responses.rewrite.fsync",
  "responses.rewrite.rename",
  "responses.rewrite.after",
  "workspace.flush.write",
  "workspace.flush.fsync",
  "workspace.flush.rename",
  "workspace.flush.after",
  "gc.blob.unlink",
  "gc.action.unlink",
] as const;

export type StoreFaultPoint = (typeof STORE_FAULT_POINTS)[number];

/** `faultPoint`, for the names of this folder only: a misspelt one does not compile. */
export function pass(point: StoreFaultPoint): void {
  faultPoint(point);
}
