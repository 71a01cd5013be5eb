import type { TargetName } from "./names.ts";
import type { Problem } from "./problem.ts";

/** Why a target must be made again. Closed: `plan`, `explain` and the events all speak in these. */
export type StaleReason =
  | { readonly kind: "never-built" }
  | { readonly kind: "recipe-changed"; readonly recipe: string; readonly modules: readonly string[] }
  | {
      readonly kind: "input-changed";
      readonly input: string;
      readonly what: string;
      readonly from: string;
      readonly to: string;
    }
  | { readonly kind: "input-added"; readonly input: string; readonly what: string }
  | { readonly kind: "input-removed"; readonly input: string; readonly what: string }
  /** An input is itself about to be made; whether this one follows depends on the bytes that come out. */
  | { readonly kind: "input-rebuilt"; readonly input: string; readonly target: TargetName }
  /** The cache knew the result once, but a blob is gone or damaged. */
  | { readonly kind: "blob-lost"; readonly output: TargetName };

/** Why a restored target was not simply there. */
export type RestoreReason = "missing" | "edited" | "reverted";

export interface Progress {
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
}

/** What a waiting target waits for: one remote job. */
export interface WaitingOn {
  readonly requestFile: TargetName;
  readonly jobId: string;
  readonly batchId: string | null;
  /** The job's state in the words of whoever runs it, or ours before it has one (`queued`). */
  readonly status: string;
  readonly progress: Progress;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** The states of a target, and the only ones. */
export type TargetState =
  | { readonly state: "fresh" }
  | { readonly state: "stale"; readonly reasons: readonly StaleReason[] }
  | { readonly state: "building" }
  | { readonly state: "built"; readonly changed: boolean }
  | { readonly state: "restored"; readonly reason: RestoreReason }
  | { readonly state: "waiting"; readonly on: readonly WaitingOn[] }
  | { readonly state: "blocked"; readonly by: readonly TargetName[] }
  | { readonly state: "failed"; readonly problem: Problem };

export type StateName = TargetState["state"];
