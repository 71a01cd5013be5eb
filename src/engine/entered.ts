import { type Graph, referencedTargets } from "../graph/graph.ts";
import type { TargetName } from "../graph/names.ts";
import type { Target } from "../graph/target.ts";
import { Group } from "./expansion.ts";
import { type Dependent, inputsOf, type Node } from "./node.ts";

/** While its inputs are being entered. */
interface EnteredNode extends Node {
  index: number;
  fixed: readonly EnteredNode[];
  dependents: Dependent[];
}

/**
 * The part of the graph that a walk has entered, and what of it the goals still need. Nothing here recurses: chains are long;
 * lists are gone through by number: most have one member.
 */
export class Entered {
  /** In the order in which they were entered. */
  readonly nodes: Node[] = [];
  /** How often a target came to be needed that was not: what waits for that need not be looked at before it changes. */
  grown = 0;
  readonly #graph: Graph;
  readonly #byTarget = new Map<Target, EnteredNode>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** Every node that the goals still need, in the order in which they were entered. */
  get needed(): readonly Node[] {
    return this.nodes.filter(({ claims }) => claims > 0);
  }

  get(target: Target): Node | undefined {
    return this.#byTarget.get(target);
  }

  /** Enters a target and all it is made from. Answers it, and the new nodes, what is needed first. */
  enter(root: Target): { readonly node: Node; readonly entered: readonly Node[] } {
    const first = this.nodes.length;
    const node = this.#node(root);
    const pending = [node];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (this.nodes[next.index] === next) continue;
      next.index = this.nodes.length;
      this.nodes.push(next);
      next.fixed = this.#fixedInputs(next).map((target) => this.#node(target));
      for (let at = 0; at < next.fixed.length; at++) {
        const input = next.fixed[at];
        if (input === undefined) continue;
        const dependent = { node: next, group: undefined };
        // A list that begins with one has no room for others: most stay so.
        if (input.dependents.length === 0) input.dependents = [dependent];
        else input.dependents.push(dependent);
        if (input.state.kind !== "ready") next.missing++;
        pending.push(input);
      }
    }
    // Inputs were entered after what needs them.
    return { node, entered: this.nodes.slice(first).reverse() };
  }

  #node(target: Target): EnteredNode {
    const known = this.#byTarget.get(target);
    if (known !== undefined) return known;
    const groups = Group.of<Node>(target.inputs);
    const state = { kind: "wanted" } as const;
    const node: EnteredNode = { target, index: -1, fixed: [], groups, dependents: [], missing: 0, claims: 0, state };
    this.#byTarget.set(target, node);
    return node;
  }

  /** A goal, or a node that is needed, needs it, and so all that it is made from. */
  claim(root: Node): void {
    const pending = [root];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      node.claims++;
      if (node.claims > 1) continue;
      this.grown++;
      const inputs = inputsOf(node);
      for (let at = 0; at < inputs.length; at++) {
        const input = inputs[at];
        if (input !== undefined) pending.push(input);
      }
    }
  }

  /** Takes a claim back. */
  release(root: Node): void {
    const pending = [root];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      node.claims--;
      if (node.claims > 0) continue;
      for (const input of inputsOf(node)) pending.push(input);
    }
  }

  /** A group of the node's wants this target too. False when it did already. */
  want(node: Node, group: Group<Node>, input: Node): boolean {
    if (group.wanted.has(input)) return false;
    group.wanted.add(input);
    input.dependents.push({ node, group });
    if (node.claims > 0) this.claim(input);
    return true;
  }

  /** A group of the node's is settled on these, all of which it wanted; the others are no longer needed for it. */
  settle(node: Node, group: Group<Node>, names: readonly TargetName[]): void {
    const targets = this.targetsOf(names);
    for (const input of [...group.wanted]) {
      if (targets.has(input.target)) continue;
      group.wanted.delete(input);
      if (node.claims > 0) this.release(input);
    }
  }

  targetsOf(names: readonly TargetName[]): ReadonlySet<Target> {
    return new Set(names.map((name) => this.#graph.mustTarget(name)));
  }

  #fixedInputs({ target, groups }: Node): readonly Target[] {
    if (groups.length === 0) return this.#graph.madeFrom(target);
    const inputs = Object.values(target.inputs);
    return [...this.targetsOf(inputs.flatMap((input) => (input.kind === "expand" ? [] : referencedTargets(input))))];
  }
}
