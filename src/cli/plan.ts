import type { Problem } from "../graph/problem.ts";
import { money } from "../report/format.ts";
import { planText, planTotal } from "../report/plan.ts";
import type { PlanLine, PlanTotalLine } from "../report/result-line.ts";
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
  asked: { readonly targets: readonly string[]; readonly maxCostUsd?: number },
): Promise<ExitCode> {
  const { maxCostUsd } = asked;
  const opened = await context.open("read", {
    command: "dsgen plan",
    ...(maxCostUsd === undefined ? {} : { maxCostUsd }),
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
    const refusal = refusalOf(session, total, maxCostUsd);
    if (refusal !== undefined) context.problems([refusal]);
    return lines.some(failing) ? EXIT.failed : refusal === undefined ? EXIT.upToDate : EXIT.refused;
  } finally {
    await session.close();
  }
}

function failing(line: PlanLine): boolean {
  return line.action === "fail" || line.action === "blocked";
}

/** What a build would be refused for: the same sums as when it asks, over what may be in flight and was spent. */
function refusalOf(session: Session, total: PlanTotalLine, maxCostUsd: number | undefined): Problem | undefined {
  const budget = session.config.dsgen.budget;
  if (total.requests === 0 || (budget === null && maxCostUsd === undefined)) return undefined;
  const inFlight = session.answers.inFlightUsd();
  const spent = budget === null ? 0 : session.answers.spentUsd();
  const asked = total.maxCostUsd;
  const where = maxCostUsd === undefined || (budget !== null && budget < maxCostUsd) ? "budget" : "--max-cost";
  const limit = Math.min(budget ?? Number.POSITIVE_INFINITY, maxCostUsd ?? Number.POSITIVE_INFINITY);
  const fix = "Raise the limit, or ask for less (fewer batches, a smaller max_tokens).";
  if (asked === null || inFlight === null || spent === null) {
    const message = `a limit of ${money(limit)} is set, but the cost is unknown: a build would be refused.`;
    return { kind: "budget", where, message, fix: "Give the model's price in config/models.yaml, or drop the limit." };
  }
  const over =
    (budget !== null && spent + inFlight + asked > budget) ||
    (maxCostUsd !== undefined && inFlight + asked > maxCostUsd);
  if (!over) return undefined;
  const message = `it may cost up to ${money(asked)}, with ${money(inFlight)} in flight; the limit is ${money(limit)}: a build would be refused.`;
  return { kind: "budget", where, message, fix };
}
