import type { Node, NodeState } from "./node.ts";

type Gated = Extract<NodeState, { kind: "gated" }>;

/** The nodes that stand before their gates. */
export class ClosedGates {
  readonly #nodes = new Set<Node>();

  stop(node: Node): void {
    this.#nodes.add(node);
  }

  leave(node: Node): void {
    this.#nodes.delete(node);
  }

  /** The needed ones, in the order in which they were entered. */
  closed(as: Gated["view"]["state"]): readonly { readonly node: Node; readonly state: Gated }[] {
    return [...this.#nodes]
      .flatMap((node) => {
        const { state } = node;
        return node.claims > 0 && state.kind === "gated" && state.view.state === as ? [{ node, state }] : [];
      })
      .sort((a, b) => a.node.index - b.node.index);
  }

  /** Whether any needed one waits. */
  waits(): boolean {
    for (const { claims, state } of this.#nodes) {
      if (claims > 0 && state.kind === "gated" && state.view.state === "waiting") return true;
    }
    return false;
  }
}
