import { graphLines, graphText } from "../report/graph.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode, exitCodeOfOpening } from "./exit-codes.ts";
import type { InvocationOf } from "./invocation.ts";
import { goalsOf } from "./planned.ts";

/** `dsgen graph`: what is made from what, as text or for a drawing program. */
export async function runGraph(context: CommandContext, asked: InvocationOf<"graph">): Promise<ExitCode> {
  const opened = await context.open("graph", "read", { command: "dsgen graph" });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    const goals = goalsOf(session, asked.targets);
    if (!goals.ok) {
      context.problems(goals.error);
      return exitCodeOfOpening(goals.error);
    }
    const lines = graphLines(session.graph, asked.targets.length === 0 ? undefined : goals.value);
    const { task } = context.common;
    const shown = task === undefined ? lines : lines.filter((line) => line.task === task);
    context.result(
      () => graphText(shown, asked.format),
      () => shown,
    );
    return EXIT.upToDate;
  } finally {
    await session.close();
  }
}
