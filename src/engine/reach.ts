import { type Graph, referencedTargets } from "../graph/graph.ts";
import type { TargetName } from "../graph/names.ts";
import type { Target } from "../graph/target.ts";
import { type Node, newNode } from "./node.ts";

/** The part of the graph a walk has entered, and what of it its goals still need. */
export class Reach {
  readonly nodes = new Map<Target, Node>();
  readonly #graph: Graph;
  readonly #goals = new Set<Node>();
  readonly #dependents = new Map<Target, Node[]>();
  #demanded: ReadonlySet<Target> | undefined;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  addGoal(node: Node): void {
    this.#goals.add(node);
    this.#demanded = undefined;
  }

  /** Enters a target and all it is made from; answers the new nodes, what is needed first. Iterative: chains are long. */
  enter(root: Target): readonly Node[] {
    const entered: Node[] = [];
    const pending = [root];
    for (let target = pending.pop(); target !== undefined; target = pending.pop()) {
      if (this.nodes.has(target)) continue;
      const fixed = this.#fixedInputs(target);
      const node = newNode(target, fixed);
      this.nodes.set(target, node);
      entered.push(node);
      for (const dependency of fixed) {
        this.link(dependency, node);
        pending.push(dependency);
      }
    }
    if (entered.length > 0) this.#demanded = undefined;
    // Inputs were entered after what needs them: deciding in reverse decides most targets at the first attempt.
    return entered.reverse();
  }

  node(target: Target): Node {
    const node = this.nodes.get(target);
    if (node === undefined) throw new Error(`${target.name} was not entered`);
    return node;
  }

  link(dependency: Target, dependent: Node): void {
    const list = this.#dependents.get(dependency);
    if (list === undefined) this.#dependents.set(dependency, [dependent]);
    else list.push(dependent);
  }

  dependentsOf(target: Target): readonly Node[] {
    return this.#dependents.get(target) ?? [];
  }

  /** To be called when what a node wants or chose has changed. */
  changed(): void {
    this.#demanded = undefined;
  }

  /** What the goals still reach: an expansion that is final no longer reaches what it did not choose. */
  demanded(): ReadonlySet<Target> {
    if (this.#demanded !== undefined) return this.#demanded;
    const reached = new Set<Target>();
    const pending = [...this.#goals].map((goal) => goal.target);
    for (let target = pending.pop(); target !== undefined; target = pending.pop()) {
      if (reached.has(target)) continue;
      reached.add(target);
      const node = this.nodes.get(target);
      if (node !== undefined) pending.push(...node.fixed, ...node.wanted);
    }
    this.#demanded = reached;
    return reached;
  }

  targetsOf(names: readonly TargetName[]): Target[] {
    return [...new Set(names.map((name) => this.#graph.mustTarget(name)))];
  }

  /** What it is made from whatever its expansion says. */
  #fixedInputs(target: Target): Target[] {
    const inputs = Object.values(target.inputs);
    return this.targetsOf(inputs.flatMap((input) => (input.kind === "expand" ? [] : referencedTargets(input))));
  }
}
