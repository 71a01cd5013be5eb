import type { Problem } from "../graph/problem.ts";
import { planText, planTotal } from "../report/plan.ts";
import type { PlanLine } from "../report/result-line.ts";
import type { CommandContext } from "./context.ts";
import { warnOfExamples } from "./examples.ts";
import { EXIT, type ExitCode, exitCodeOfOpening } from "./exit-codes.ts";
import { goalsOf, planGoals } from "./planned.ts";
import { unaskedInCi } from "./provider-choice.ts";
import type { GraphSession } from "./session.ts";

/**
 * `dsgen plan` and `build --dry-run`: says what a build would do; sends, makes and changes nothing.
 * Ends with 0 whatever there is to do, 1 when the build would fail, 3 when it would be refused.
 */
export async function runPlan(
  context: CommandContext,
  asked: {
    readonly targets: readonly string[];
    readonly retryRefused: boolean;
    readonly maxCostUsd?: number;
    readonly realtime: boolean;
    readonly limit?: number;
  },
): Promise<ExitCode> {
  const misuse = misuseOfLimit(asked);
  if (misuse !== undefined) {
    context.problems([misuse]);
    return EXIT.usage;
  }
  const { maxCostUsd, realtime, retryRefused, limit } = asked;
  const opened = await context.open("graph", "read", {
    command: "dsgen plan",
    retryRefused,
    ...(maxCostUsd === undefined ? {} : { maxCostUsd }),
    realtime,
    ...(limit === undefined ? {} : { limit }),
  });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    const unasked = unaskedInCi(session.whySimulated, context.io.env);
    if (unasked !== undefined) {
      context.problems([unasked]);
      return EXIT.usage;
    }
    const goals = goalsOf(session, asked.targets);
    if (!goals.ok) {
      context.problems(goals.error);
      return exitCodeOfOpening(goals.error);
    }
    const planned = await planGoals(session, goals.value, context.emit, context.signal);
    if (context.signal.aborted) return EXIT.interrupted;
    if (!planned.ok) {
      context.problems(planned.error);
      return exitCodeOfOpening(planned.error);
    }
    const { lines } = planned.value;
    const about = { goals: goals.value, provider: session.providerLabel, simulated: session.simulated };
    const total = planTotal(lines, about);
    context.result(
      () => planText(lines, total, context.io.now(), context.io.stdout.columns, context.style),
      () => [...lines, total],
    );
    const unguarded = context.verbosity === "verbose" ? session.answers.unguarded() : undefined;
    if (unguarded !== undefined) {
      const message = `the provider's list of batches cannot be relied on (${unguarded}): only this cache's own journal guards against buying what an older copy of it, or another clone, has under way`;
      context.emit({ type: "notice", level: "info", code: "unguarded", message });
    }
    if (total.requests > 0) await warnOfExamples(goals.value, session, context.io.env, context.emit);
    for (const message of session.answers.others.tell())
      context.emit({ type: "notice", level: "warning", code: "other-namespace", message });
    const refusals = refusalsOf(session, lines);
    context.problems(refusals);
    return lines.some(failing) ? EXIT.failed : refusals.length === 0 ? EXIT.upToDate : EXIT.refused;
  } finally {
    await session.close();
  }
}

export function misuseOfLimit(asked: { readonly realtime: boolean; readonly limit?: number }): Problem | undefined {
  if (asked.limit === undefined || asked.realtime) return undefined;
  return {
    kind: "usage",
    where: `--limit ${asked.limit}`,
    message: "it bounds what --realtime asks, and batch jobs have no such bound.",
    fix: "Add --realtime, or build fewer batches: --set <task>.batches=1.",
  };
}

function failing(line: PlanLine): boolean {
  return line.action === "fail" || line.action === "blocked";
}

/** What a build would be refused for: the same rule, over the same sums, as when it asks. */
function refusalsOf(session: GraphSession, lines: readonly PlanLine[]): readonly Problem[] {
  const asking = lines.flatMap(({ task, ask }) => (ask === null ? [] : [{ task: task ?? undefined, ask }]));
  return [...new Set(session.answers.money.overLimits(asking).values())].map((problem) => ({
    ...problem,
    message: `a build would be refused: ${problem.message}`,
  }));
}
