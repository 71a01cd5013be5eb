import type { BatchLimits } from "./batch-files.ts";
import type { Fault, MeaningFault } from "./faults.ts";
import type { SimulatorState } from "./state.ts";
import type { Timing } from "./timeline.ts";

/** What a simulator is, apart from the calls it answers. */
export interface Simulation {
  readonly seed: number;
  readonly yieldShare: number;
  readonly state: SimulatorState;
  readonly timing: Timing;
  readonly limits: BatchLimits;
  /** Enqueued tokens allowed over the live batches of a model. */
  readonly enqueuedTokenLimits: Readonly<Record<string, number>>;
  /**
   * Within this time (5 s unless told otherwise) a caller hears how a batch stands, also while its output is being written, which for a million
   * embeddings takes longer than any client waits: until then it has not ended.
   */
  readonly longestLookMs: number;
  readonly now: () => number;
}

/** Who makes a call, and which faults strike it. */
export interface Caller {
  readonly owner: string;
  readonly faults: readonly Fault[];
}

/** The fault of this kind, when it strikes the call. */
export function faultOf(caller: Caller, kind: MeaningFault): Fault | undefined {
  return caller.faults.find((fault) => fault.kind === kind);
}
