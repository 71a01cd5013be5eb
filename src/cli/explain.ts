import type { Graph } from "../graph/graph.ts";
import type { TargetName } from "../graph/names.ts";
import { explainText, explain as explanation } from "../report/explain.ts";
import { command } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { operand } from "./options.ts";
import { planGoals } from "./plan.ts";

/** `dsgen explain TARGET`: why it is fresh, or what changed. Asks nothing and makes nothing. */
export const explain = command({
  name: "explain",
  about: "say why a target is fresh, or which change makes it stale",
  takes: { target: operand("<TARGET>", "a file that dsgen makes") },
  run: (context, { target }) =>
    context.with("graph", "read", async (session) => {
      const goals = session.goals([target]);
      if (!goals.ok) return context.refuse(goals.error);
      const [live] = goals.value.flatMap((goal) => session.graph.liveTarget(goal) ?? []);
      // A view has no state of its own: what can be explained is the request files it speaks of.
      const names = live === undefined ? goals.value : live.requests;
      // A request file itself is free: what it costs is told by what is made of its answers.
      const askedBy = (name: TargetName) => askersOf(name, session.graph);
      const planned = await planGoals(context, session, [...names, ...names.flatMap(askedBy)]);
      if (context.signal.aborted) return EXIT.interrupted;
      if (!planned.ok) return context.refuse(planned.error);
      const explanations = names.flatMap((name) => explanation(name, planned.value, askedBy(name)) ?? []);
      const { columns } = context.io.stdout;
      const view = live === undefined ? "" : `${live.name}: a view of the batch jobs, written anew by every build.\n`;
      context.result(
        () => view + explainText(explanations, context.io.now(), columns, context.style),
        () => explanations,
      );
      return EXIT.upToDate;
    }),
});

/** The targets that are made of the answers to this one's requests. */
function askersOf(requests: TargetName, graph: Graph): readonly TargetName[] {
  return graph.targets.flatMap(({ name, gate }) => (gate?.requests === requests ? [name] : []));
}
