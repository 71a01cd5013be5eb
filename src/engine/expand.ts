import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Target } from "../graph/target.ts";
import type { Entered } from "./entered.ts";
import type { ExpansionSources } from "./expansion.ts";
import type { Node } from "./node.ts";

/**
 * Takes a node's expansions as far as the built targets allow: what they want is entered, and brings the node back when it is
 * ready. True when all are settled. Problems: a module that breaks its contract.
 */
export async function expand(
  node: Node,
  sources: ExpansionSources,
  entered: Entered,
  enter: (target: Target) => Node,
): Promise<Result<boolean, Problem>> {
  for (const group of node.groups) {
    let again = group.chosen === undefined;
    while (again) {
      const step = await group.ask(sources);
      if (!step.ok) return err({ ...step.error, where: node.target.name });
      if (step.value.state === "final") {
        entered.settle(node, group, group.settle(step.value.targets));
        break;
      }
      again = false;
      for (const target of entered.targetsOf(step.value.want)) {
        const input = enter(target);
        // What is not ready yet brings this node back when it is; ask at once only about what already was.
        const isNew = entered.want(node, group, input);
        if (isNew && input.state.kind === "ready") again = group.add(input.state.artifacts) || again;
      }
    }
  }
  return ok(node.groups.every(({ chosen }) => chosen !== undefined));
}
