import { overBudget } from "../batch/budget.ts";
import type { Problem } from "../graph/problem.ts";
import { planText, planTotal } from "../report/plan.ts";
import type { PlanLine } from "../report/result-line.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode, exitCodeOfOpening } from "./exit-codes.ts";
import { goalsOf, planGoals } from "./planned.ts";
import type { Session } from "./session.ts";

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
    readonly realtime?: boolean;
    readonly limit?: number;
  },
): Promise<ExitCode> {
  const { maxCostUsd, realtime, retryRefused, limit } = asked;
  const opened = await context.open("read", {
    command: "dsgen plan",
    retryRefused,
    ...(maxCostUsd === undefined ? {} : { maxCostUsd }),
    ...(realtime === undefined ? {} : { realtime }),
    ...(limit === undefined ? {} : { limit }),
  });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    const goals = goalsOf(session, asked.targets);
    if (!goals.ok) {
      context.problems(goals.error);
      return exitCodeOfOpening(goals.error);
    }
    const { lines } = await planGoals(session, goals.value, context.signal);
    if (context.signal.aborted) return EXIT.interrupted;
    const about = { goals: goals.value, provider: session.providerLabel, simulated: session.simulated };
    const total = planTotal(lines, about);
    context.result(
      () => planText(lines, total, context.io.now(), context.io.stdout.columns, context.style),
      () => [...lines, total],
    );
    const refusal = refusalOf(session, lines, maxCostUsd);
    if (refusal !== undefined) context.problems([refusal]);
    return lines.some(failing) ? EXIT.failed : refusal === undefined ? EXIT.upToDate : EXIT.refused;
  } finally {
    await session.close();
  }
}

function failing(line: PlanLine): boolean {
  return line.action === "fail" || line.action === "blocked";
}

/** What a build would be refused for: the same rule, over the same sums, as when it asks. */
function refusalOf(session: Session, lines: readonly PlanLine[], maxCostUsd: number | undefined): Problem | undefined {
  const limits = { budget: session.config.dsgen.budget, maxCost: maxCostUsd ?? null };
  const asks = lines.flatMap((line) => (line.ask === null || line.ask.requests === 0 ? [] : [line.ask]));
  if (asks.length === 0 || (limits.budget === null && limits.maxCost === null)) return undefined;
  const spent = limits.budget === null ? 0 : session.answers.spentUsd();
  const problem = overBudget(asks, { spent, inFlight: session.answers.inFlightUsd() }, limits);
  return problem === undefined ? undefined : { ...problem, message: `a build would be refused: ${problem.message}` };
}
