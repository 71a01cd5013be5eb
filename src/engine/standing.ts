import { referencedTargets } from "../graph/graph.ts";
import type { JsonObject } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import type { StaleReason, TargetState, WaitingElsewhere, WaitingOn } from "../graph/state.ts";
import type { Target } from "../graph/target.ts";
import type { Ask } from "./gate.ts";
import { inputsOf, isSettled, type Node, reasonsOf } from "./node.ts";

/** How a target stands at the end of a walk, with what a plan or a report wants to know of it. */
export interface Standing {
  readonly target: Target;
  readonly state: TargetState;
  /** What it would ask, when that is what it waits for; or, where all that was asked is answered, what it reuses. */
  readonly ask: Ask | undefined;
  /** Why it is, or was, made again, where that was decided; a plan that made it in a scratch folder knows as well. */
  readonly reasons: readonly StaleReason[];
  /** A plan's conditional: it is made again only if an input that is made again comes out different. */
  readonly conditional: boolean;
  /** What its expansion noted: why it wants what it wants, or why it stopped there. Several by the name of their input. */
  readonly note?: JsonObject;
}

/**
 * The standing of each of these targets, with which come all that they are made from. What the walk left open follows from what lies upstream: a failure
 * blocks, a wait waits, and what will be made again makes what depends on it stale.
 */
export function standings(
  nodes: readonly Node[],
  placed: (name: TargetName) => boolean,
): ReadonlyMap<TargetName, Standing> {
  const upstream = new Map<Node, Upstream>();
  for (const node of inputsFirst(nodes.filter((one) => !isSettled(one))))
    upstream.set(node, upstreamOf(node, upstream));
  const result = new Map<TargetName, Standing>();
  for (const node of nodes) {
    const { target, state, groups } = node;
    // As most are, of thousands.
    if (state.kind === "ready" && groups.length === 0) {
      result.set(target.name, {
        target,
        ask: undefined,
        reasons: state.reasons,
        state: state.shown,
        conditional: false,
      });
      continue;
    }
    const note = noteOf(node);
    result.set(node.target.name, {
      target: node.target,
      ask: askOf(node),
      reasons: reasonsOf(node) ?? [],
      ...stateOf(node, upstream.get(node) ?? NOTHING, placed),
      ...(note === undefined ? {} : { note }),
    });
  }
  return result;
}

/** What reaches a target from those it is made from, and through it those made from it. */
interface Upstream {
  /** Targets that failed. One list may stand with many targets: who has one cause shares its list. */
  readonly failed: readonly Node[];
  readonly waiting: readonly Node[];
  /** It will, or may, be made again. */
  readonly moves: boolean;
  /** The inputs for which it may be made again. */
  readonly rebuilt: readonly Node[];
}

const NOTHING: Upstream = { failed: [], waiting: [], moves: false, rebuilt: [] };

/** @param node one that is not settled; of one that is, nothing reaches what is made from it but its failure. */
function upstreamOf(node: Node, known: ReadonlyMap<Node, Upstream>): Upstream {
  const failed = new Set<readonly Node[]>();
  const waiting = new Set<readonly Node[]>();
  const certain: Node[] = [];
  const possible: Node[] = [];
  for (const input of inputsOf(node)) {
    const of = known.get(input) ?? NOTHING;
    if (input.state.kind === "failed") failed.add([input]);
    if (of.failed.length > 0) failed.add(of.failed);
    if (of.waiting.length > 0) waiting.add(of.waiting);
    if (isToBeMade(input)) certain.push(input);
    else if (of.moves) possible.push(input);
  }
  if (isWaiting(node)) waiting.add([node]);
  const rebuilt = certain.length > 0 ? certain : possible;
  const moves = isToBeMade(node) || rebuilt.length > 0;
  return { failed: joined(failed), waiting: joined(waiting), moves, rebuilt };
}

function joined(lists: ReadonlySet<readonly Node[]>): readonly Node[] {
  const [first, ...others] = lists;
  if (first === undefined || others.length === 0) return first ?? [];
  return [...new Set([...lists].flat())].sort((a, b) => a.index - b.index);
}

function isWaiting({ state }: Node): boolean {
  return (state.kind === "gated" && state.view.state === "waiting") || elsewhereOf(state) !== undefined;
}

function elsewhereOf(state: Node["state"]): WaitingElsewhere | undefined {
  return state.kind === "elsewhere" ? state.on : undefined;
}

function isToBeMade(node: Node): boolean {
  return !isSettled(node) && !isWaiting(node) && reasonsOf(node) !== undefined;
}

/** Those that are not settled, each after all such that it is made from. */
function inputsFirst(nodes: readonly Node[]): readonly Node[] {
  const open = (node: Node) => [...inputsOf(node)].filter((input) => !isSettled(input));
  const left = new Map(nodes.map((node) => [node, open(node).length]));
  const ordered = nodes.filter((node) => left.get(node) === 0);
  const dependents = new Map<Node, Node[]>();
  for (const node of nodes) {
    for (const input of open(node)) {
      const list = dependents.get(input);
      if (list === undefined) dependents.set(input, [node]);
      else list.push(node);
    }
  }
  for (const node of ordered) {
    for (const dependent of dependents.get(node) ?? []) {
      const count = (left.get(dependent) ?? 0) - 1;
      left.set(dependent, count);
      if (count === 0) ordered.push(dependent);
    }
  }
  return ordered;
}

function stateOf(
  node: Node,
  upstream: Upstream,
  placed: (name: TargetName) => boolean,
): Pick<Standing, "state" | "conditional"> {
  const { state } = node;
  const certain = (of: TargetState) => ({ state: of, conditional: false });
  if (state.kind === "ready") return certain(state.shown);
  if (state.kind === "failed") return certain({ state: "failed", problem: state.problem });
  const { failed, waiting, rebuilt } = upstream;
  if (failed.length > 0) return certain({ state: "blocked", by: failed.map((one) => one.target.name) });
  if (waiting.length > 0) {
    const by = isWaiting(node) ? [node] : waiting;
    const elsewhere = by.flatMap(({ state }) => elsewhereOf(state) ?? []);
    return certain({ state: "waiting", on: by.flatMap(waitsOn), ...(elsewhere.length > 0 ? { elsewhere } : {}) });
  }
  const reasons = reasonsOf(node);
  if (reasons !== undefined) return certain({ state: "stale", reasons });
  if (!placed(node.target.name)) return certain({ state: "stale", reasons: [{ kind: "never-built" }] });
  return { state: { state: "stale", reasons: inputReasons(node.target, rebuilt) }, conditional: true };
}

function waitsOn({ state }: Node): readonly WaitingOn[] {
  return state.kind === "gated" && state.view.state === "waiting" ? state.view.on : [];
}

/** Under which input each of these is read; the first that names it. */
function inputReasons(target: Target, rebuilt: readonly Node[]): readonly StaleReason[] {
  const inputs = new Map<TargetName, string>();
  for (const [input, declared] of Object.entries(target.inputs)) {
    for (const name of referencedTargets(declared)) if (!inputs.has(name)) inputs.set(name, input);
  }
  return rebuilt.map(({ target: { name, outputs } }) => {
    const read = outputs.find((output) => inputs.has(output)) ?? name;
    return { kind: "input-rebuilt", input: inputs.get(read) ?? "", target: name };
  });
}

function noteOf(node: Node): JsonObject | undefined {
  const noted = node.groups.flatMap(({ name, note }) => (note === undefined ? [] : [[name, note] as const]));
  return node.groups.length > 1 && noted.length > 0 ? Object.fromEntries(noted) : noted[0]?.[1];
}

function askOf({ state }: Node): Ask | undefined {
  if (state.kind === "gated") return state.view.state === "needed" ? state.view.ask : undefined;
  return state.kind === "left" ? state.ask : undefined;
}
