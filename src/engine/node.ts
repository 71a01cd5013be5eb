import type { JsonObject } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import type { StaleReason, TargetState, WaitingElsewhere } from "../graph/state.ts";
import type { Target } from "../graph/target.ts";
import type { Action, Artifact } from "./action.ts";
import type { Verdict } from "./decide.ts";
import type { Group } from "./expansion.ts";
import type { Ask, GateNeed, GateView } from "./gate.ts";

/*
 * A target's way through a walk, after n2's BuildState:
 *
 *   wanted ──▶ gated ──▶ queued ──▶ running ──▶ ready | failed
 *                    └─▶ elsewhere ───────────▶ ready | failed
 *
 * From `wanted` it goes on once all it is made from is ready and its expansions are settled; what is fresh is `ready` at
 * once, and what this walk does not make is `left`.
 */

/** What is known of a target, and only that. */
export type NodeState =
  | { readonly kind: "wanted" }
  /** To be made, of what its gate has not let through yet. */
  | { readonly kind: "gated"; readonly job: Job; readonly need: GateNeed; readonly view: ClosedGate }
  /** To be made, and this walk makes no such thing. `ask` is there when all that was asked is answered. */
  | { readonly kind: "left"; readonly job: Job; readonly ask: Ask | undefined }
  | { readonly kind: "queued"; readonly job: Job }
  | { readonly kind: "running"; readonly job: Job }
  /**
   * Handed over, or about to be, to who makes it elsewhere. `on` is there once it is known what it waits for: an object of this
   * node's own, by which a report tells what waits from what waits for that.
   */
  | { readonly kind: "elsewhere"; readonly job: Job; readonly on: WaitingElsewhere | undefined }
  | {
      readonly kind: "ready";
      readonly shown: TargetState;
      readonly artifacts: readonly Artifact[];
      /** Why it was made, where it was. */
      readonly reasons: readonly StaleReason[];
    }
  | {
      readonly kind: "failed";
      readonly problem: Problem;
      /** Not broken: what is behind the gate would not be asked. */
      readonly refused: boolean;
      readonly reasons: readonly StaleReason[];
    };

export type ClosedGate = Extract<GateView, { state: "waiting" | "needed" }>;

/** What was decided about a target, and all that carrying it out needs. */
export interface Job {
  readonly action: Action;
  readonly verdict: Verdict;
  /** What its gate let through, if it has one. */
  readonly need: GateNeed | undefined;
}

/** Who is made from a node. */
export interface Dependent {
  readonly node: Node;
  readonly group: Group<Node> | undefined;
}

/** One target in the walk. */
export interface Node {
  readonly target: Target;
  /** In the order in which the walk came to know of targets. */
  readonly index: number;
  /** What it is made from whatever its expansions say. */
  readonly fixed: readonly Node[];
  /** What it is made from as its expansions say: one group for each input of that kind. */
  readonly groups: readonly Group<Node>[];
  /** Who is made from it: by a fixed input, or by a group. */
  readonly dependents: Dependent[];
  /** How many of `fixed` are not ready. */
  missing: number;
  /** How many goals and needed targets need it. At 0 nothing is started for it, and nothing asked. */
  claims: number;
  state: NodeState;
}

/** All that it is made from, as far as that is known. */
export function inputsOf({ fixed, groups }: Node): readonly Node[] {
  return groups.length === 0 ? fixed : [...fixed, ...groups.flatMap(({ wanted }) => [...wanted])];
}

export function isSettled(node: Node): boolean {
  return node.state.kind === "ready" || node.state.kind === "failed";
}

/**
 * Whether a blob of what was to be put in place turned out to be damaged. It is in quarantine by then: the same decision, taken
 * again, finds it gone and makes it anew.
 */
export function isLostBlob({ state }: Node, { kind }: Problem): boolean {
  const stored = state.kind === "elsewhere" || (state.kind === "running" && state.job.verdict.kind === "restore");
  return stored && (kind === "corrupt" || kind === "missing-input");
}

/** Why it is, or was, to be made anew; undefined where that is not what was decided. */
export function reasonsOf({ state }: Node): readonly StaleReason[] | undefined {
  switch (state.kind) {
    case "wanted":
      return undefined;
    case "gated":
    case "left":
    case "queued":
    case "running":
    case "elsewhere":
      return state.job.verdict.kind === "build" ? state.job.verdict.reasons : undefined;
    case "ready":
    case "failed":
      return state.reasons;
  }
}

/** What a walk does about a decision came to. */
export interface Done {
  readonly artifacts: readonly Artifact[];
  readonly notes: JsonObject;
  /** True when the bytes differ from what was there. */
  readonly changed: boolean;
  readonly durationMs: number;
}

/** The target's request file as something that answers are needed for. */
export function needOf(target: TargetName, requests: Artifact, task: string | undefined): GateNeed {
  return { target, task, requestFile: requests.name, requestsDigest: requests.digest, requestsPath: requests.path };
}

/** One for all. */
const FRESH: TargetState = { state: "fresh" };

/** The state a target is in once what was decided about it is done. */
export function endOf(verdict: Verdict, changed: boolean): TargetState {
  switch (verdict.kind) {
    case "fresh":
      return FRESH;
    case "restore":
      return { state: "restored", reason: verdict.reason };
    case "build":
      return { state: "built", changed };
  }
}
