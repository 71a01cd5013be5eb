import type { TargetName } from "../graph/names.ts";
import { explain, explainText } from "../report/explain.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode, exitCodeOfOpening } from "./exit-codes.ts";
import { planGoals } from "./planned.ts";

/** `dsgen explain TARGET`: why it is fresh, or what changed. Asks nothing and makes nothing. */
export async function runExplain(context: CommandContext, asked: { readonly target: string }): Promise<ExitCode> {
  const opened = await context.open("graph", "read", { command: "dsgen explain" });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    const goal = session.goal(asked.target);
    if (!goal.ok) {
      context.problems([goal.error]);
      return exitCodeOfOpening([goal.error]);
    }
    const live = session.graph.liveTarget(goal.value);
    // A view has no state of its own: what can be explained is the request files it speaks of.
    const names: readonly TargetName[] = live === undefined ? [goal.value] : live.requests;
    const planned = await planGoals(session, names, context.emit, context.signal);
    if (context.signal.aborted) return EXIT.interrupted;
    if (!planned.ok) {
      context.problems(planned.error);
      return exitCodeOfOpening(planned.error);
    }
    const { lines } = planned.value;
    const explanations = names.flatMap((name) => explain(name, lines) ?? []);
    const { columns } = context.io.stdout;
    context.result(
      () => {
        const view = live === undefined ? "" : `${live.name}: a view of the batch jobs, written anew by every build.\n`;
        return view + explainText(explanations, context.io.now(), columns, context.style);
      },
      () => explanations,
    );
    return EXIT.upToDate;
  } finally {
    await session.close();
  }
}
