import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import type { Target } from "../graph/target.ts";
import type { Action, Artifact } from "./action.ts";
import type { GateNeed, GateView } from "./gate.ts";
import type { Done } from "./node.ts";
import type { Trace } from "./ports.ts";

/** What is done about a decision: a build does it, a plan mostly does not. */
export interface Effects {
  /** False: this walk leaves the target as it is, and what depends on its bytes stays unknown. */
  makes(target: Target): boolean;
  build(action: Action, edited: readonly TargetName[], need: GateNeed | undefined): Promise<Result<Done, Problem>>;
  restore(action: Action, trace: Trace, edited: readonly TargetName[]): Promise<Result<Done, Problem>>;
  /** What is done about a target that is fresh, where something is. */
  again?(action: Action, artifacts: readonly Artifact[]): Promise<Result<Done, Problem>>;
  /** Undefined: this walk opens no gate. */
  readonly gate: GateEffects | undefined;
}

export interface GateEffects {
  open(needs: readonly GateNeed[]): Promise<ReadonlyMap<TargetName, GateView>>;
  poll(): Promise<boolean>;
  /** Takes in what has come; sends nothing. */
  look(): Promise<void>;
}
