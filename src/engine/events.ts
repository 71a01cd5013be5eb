import type { TargetName } from "../graph/names.ts";
import type { StateName, TargetState } from "../graph/state.ts";

/** What the engine tells of a walk. */
export type EngineEvent =
  | {
      readonly type: "target";
      readonly target: TargetName;
      readonly stage: string;
      readonly task: string | null;
      readonly state: TargetState;
      readonly durationMs: number | null;
    }
  /** How many targets of a stage are known by now; grows while expansions settle. */
  | { readonly type: "stage"; readonly stage: string; readonly done: number; readonly total: number }
  /** Nothing is left to do but to wait: the gates are looked at again after so many milliseconds. */
  | { readonly type: "look"; readonly inMs: number }
  | { readonly type: "notice"; readonly level: "info" | "warning"; readonly code: string; readonly message: string }
  | {
      readonly type: "build-finished";
      readonly outcome: BuildOutcome;
      readonly counts: Readonly<Partial<Record<StateName, number>>>;
      readonly durationMs: number;
    };

/** How an invocation ended, worst first: a failure outranks a refusal, which outranks a wait. */
export type BuildOutcome = "interrupted" | "failed" | "refused" | "waiting" | "up-to-date";

export type Emit = (event: EngineEvent) => void;
