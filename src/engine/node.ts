import type { JsonObject } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import type { StaleReason, TargetState } from "../graph/state.ts";
import type { Target } from "../graph/target.ts";
import type { Action, Artifact } from "./action.ts";
import type { GateNeed, GateView } from "./gate.ts";

/** How a target stands once nothing more can happen to it in this walk. */
export type Settled =
  | { readonly kind: "ready"; readonly state: TargetState; readonly artifacts: readonly Artifact[] }
  | { readonly kind: "failed"; readonly problem: Problem; readonly refused: boolean };

export interface Done {
  readonly artifacts: readonly Artifact[];
  readonly notes: JsonObject;
  readonly changed: boolean;
  readonly durationMs: number;
}

/** One target in the walk. */
export interface Node {
  readonly target: Target;
  /** Targets it is made from, as far as known: static inputs, then what its expansion wants or chose. */
  readonly fixed: readonly Target[];
  wanted: readonly Target[];
  /** What its expansion settled on; undefined until then. */
  chosen: readonly TargetName[] | undefined;
  /** What its expansion noted when it was last asked. */
  note: JsonObject | undefined;
  settled: Settled | undefined;
  /** Why it is to be made, once that was decided. */
  reasons: readonly StaleReason[] | undefined;
  restoring: boolean;
  need: GateNeed | undefined;
  view: GateView | undefined;
  action: Action | undefined;
  phase: "idle" | "queued" | "running";
}

/** The state a settled target is shown in. */
export function stateOf(settled: Settled): TargetState {
  return settled.kind === "ready" ? settled.state : { state: "failed", problem: settled.problem };
}

/** A request file as something that answers are needed for. */
export function needOf(requests: TargetName, task: string | undefined, artifact: Artifact): GateNeed {
  return {
    target: requests,
    task,
    requestFile: requests,
    requestsDigest: artifact.digest,
    requestsPath: artifact.path,
  };
}

export function newNode(target: Target, fixed: readonly Target[]): Node {
  return {
    target,
    fixed,
    wanted: [],
    chosen: undefined,
    note: undefined,
    settled: undefined,
    reasons: undefined,
    restoring: false,
    need: undefined,
    view: undefined,
    action: undefined,
    phase: "idle",
  };
}
