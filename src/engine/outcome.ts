import type { JsonObject } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import type { StaleReason, TargetState, WaitingOn } from "../graph/state.ts";
import type { Target } from "../graph/target.ts";
import type { Ask } from "./gate.ts";
import type { Node } from "./node.ts";
import type { Walk } from "./walk.ts";

/** How a target stands at the end of a walk, with what a plan or a report wants to know of it. */
export interface Standing {
  readonly target: Target;
  readonly state: TargetState;
  /** What it would ask the provider, when that is what it waits for. */
  readonly ask: Ask | undefined;
  /** Why it is, or was, made again, where that was decided; a plan that made it in a scratch folder knows as well. */
  readonly reasons: readonly StaleReason[];
  /** A plan's conditional: it is made again only if an input that is made again comes out different. */
  readonly conditional: boolean;
  /** What its expansion noted: why it wants what it wants, or why it stopped there. */
  readonly note?: JsonObject;
}

/**
 * The standing of every target the goals still need. What the walk left open follows from what lies upstream: a failure
 * blocks, a wait waits, and what will be made again makes what depends on it stale.
 */
export function standings(walk: Walk, placed: (name: TargetName) => boolean): ReadonlyMap<TargetName, Standing> {
  const causes = collectCauses(walk);
  const result = new Map<TargetName, Standing>();
  for (const node of walk.nodes.values()) {
    if (!walk.demands(node.target)) continue;
    result.set(node.target.name, standingOf(node, causes.get(node.target), placed));
  }
  return result;
}

/** What reaches an undecided target from upstream. */
interface Causes {
  readonly blockedBy: Set<TargetName>;
  readonly waitingOn: Set<WaitingOn>;
  readonly rebuilt: Set<TargetName>;
}

function collectCauses(walk: Walk): Map<Target, Causes> {
  const causes = new Map<Target, Causes>();
  const causesOf = (target: Target): Causes => {
    const known = causes.get(target);
    if (known !== undefined) return known;
    const made: Causes = { blockedBy: new Set(), waitingOn: new Set(), rebuilt: new Set() };
    causes.set(target, made);
    return made;
  };
  for (const source of walk.nodes.values()) {
    if (!walk.demands(source.target)) continue;
    const spread = spreadOf(source);
    if (spread === undefined) continue;
    const seen = new Set<Target>([source.target]);
    const pending = [source.target];
    for (let target = pending.pop(); target !== undefined; target = pending.pop()) {
      for (const dependent of walk.dependentsOf(target)) {
        if (dependent.settled !== undefined || seen.has(dependent.target)) continue;
        seen.add(dependent.target);
        pending.push(dependent.target);
        spread(causesOf(dependent.target), target.name);
      }
    }
  }
  return causes;
}

/** How an undecided or failed node marks what depends on it; undefined when it has nothing to say. */
function spreadOf(node: Node): ((causes: Causes, via: TargetName) => void) | undefined {
  if (node.settled?.kind === "failed") return (causes) => causes.blockedBy.add(node.target.name);
  if (node.settled !== undefined) return undefined;
  const view = node.view;
  if (view?.state === "waiting") {
    return (causes) => {
      for (const on of view.on) causes.waitingOn.add(on);
    };
  }
  if (node.reasons !== undefined) return (causes, via) => causes.rebuilt.add(via);
  return undefined;
}

function standingOf(node: Node, causes: Causes | undefined, placed: (name: TargetName) => boolean): Standing {
  const base = {
    target: node.target,
    ask: askOf(node),
    reasons: node.reasons ?? [],
    conditional: false,
    ...(node.note === undefined ? {} : { note: node.note }),
  };
  if (node.settled !== undefined) {
    const state: TargetState =
      node.settled.kind === "ready" ? node.settled.state : { state: "failed", problem: node.settled.problem };
    return { ...base, state };
  }
  if (node.view?.state === "waiting") return { ...base, state: { state: "waiting", on: node.view.on } };
  if (causes !== undefined && causes.blockedBy.size > 0) {
    return { ...base, state: { state: "blocked", by: [...causes.blockedBy] } };
  }
  if (causes !== undefined && causes.waitingOn.size > 0) {
    return { ...base, state: { state: "waiting", on: [...causes.waitingOn] } };
  }
  if (node.reasons !== undefined) return { ...base, state: { state: "stale", reasons: node.reasons } };
  const reasons: StaleReason[] = [...(causes?.rebuilt ?? [])]
    .filter((name) => [...node.fixed, ...node.wanted].some((target) => target.name === name))
    .map((target) => ({ kind: "input-rebuilt", input: inputNaming(node.target, target), target }));
  const known = placed(node.target.name);
  return {
    ...base,
    state: { state: "stale", reasons: known ? reasons : [{ kind: "never-built" }] },
    conditional: known,
  };
}

function inputNaming(target: Target, name: TargetName): string {
  for (const [input, declared] of Object.entries(target.inputs)) {
    if (declared.kind === "target" && declared.target === name) return input;
    if (declared.kind === "targets" && declared.targets.includes(name)) return input;
    if (declared.kind === "expand" && declared.candidates.includes(name)) return input;
  }
  return "";
}

/** What it asks, or, where it is to be made from answers that are all there, what it reuses. */
function askOf(node: Node): Ask | undefined {
  if (node.view?.state === "needed") return node.view.ask;
  return node.view?.state === "answered" && node.settled === undefined ? node.view.ask : undefined;
}
