import { plan as planTargets } from "../engine/build.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { ok, type Result } from "../graph/result.ts";
import { planLine, planText, planTotal } from "../report/plan.ts";
import type { PlanLine } from "../report/result-schema.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { warnOfExamples } from "./examples.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { AMOUNT, AT_LEAST_ONE, flag, number, operands } from "./options.ts";
import { unaskedInCi } from "./provider-choice.ts";
import type { GraphSession } from "./session.ts";

/**
 * `dsgen plan` and `build --dry-run`: says what a build would do; sends, makes and changes nothing.
 * Ends with 0 whatever there is to do, 1 when the build would fail, 3 when it would be refused.
 */
export const plan = command({
  name: "plan",
  about: "say what build would make, send and pay, without doing it",
  examples: [
    ["dsgen plan", "what the next build would send, and its price"],
    ["dsgen plan --set refusal.target_scenarios=3000", "the same, had the config another value"],
  ],
  takes: {
    targets: { ...operands("[TARGET...]", "files to plan for (default: the dataset)"), names: "targets" as const },
    maxCost: number("<USD>", "say also whether this limit would refuse it", AMOUNT),
    retryRefused: flag("plan for a build with this option"),
    realtime: flag("plan for a build with this option, at the full price"),
    limit: number("<N>", "with --realtime: the most requests that the build would ask", AT_LEAST_ONE),
  },
  run: runPlan,
});

interface Planning {
  readonly targets: readonly string[];
  readonly maxCost: number | undefined;
  readonly retryRefused: boolean;
  readonly realtime: boolean;
  readonly limit: number | undefined;
}

export async function runPlan(context: CommandContext, asked: Planning): Promise<ExitCode> {
  const misuse = misuseOfLimit(asked);
  if (misuse !== undefined) return context.refuse([misuse]);
  const { targets, maxCost, retryRefused, realtime, limit } = asked;
  const run = (session: GraphSession) => planIn(context, session, targets);
  return context.with("graph", "read", run, { maxCost, retryRefused, realtime, limit, readShared: true });
}

async function planIn(context: CommandContext, session: GraphSession, targets: readonly string[]): Promise<ExitCode> {
  const { io, signal, style } = context;
  const unasked = unaskedInCi(session.whySimulated, io.env);
  if (unasked !== undefined) return context.refuse([unasked]);
  const goals = session.goals(targets);
  if (!goals.ok) return context.refuse(goals.error);
  const planned = await planGoals(context, session, goals.value);
  if (signal.aborted) return EXIT.interrupted;
  if (!planned.ok) return context.refuse(planned.error);
  const lines = planned.value;
  const about = { goals: goals.value, provider: session.providerLabel, simulated: session.simulated };
  const total = planTotal(lines, about);
  context.result(
    () => planText(lines, total, io.now(), io.stdout.columns, style),
    () => [...lines, total],
  );
  const unguarded = context.verbosity === "verbose" ? session.answers.unguarded() : undefined;
  if (unguarded !== undefined) {
    const message = `the provider's list of batches cannot be relied on (${unguarded}): only this cache's own journal guards against buying what an older copy of it, or another clone, has under way`;
    context.notice("info", "unguarded", message);
  }
  if (total.requests > 0) await warnOfExamples(goals.value, session, context.emit);
  for (const message of session.answers.others.tell()) context.notice("warning", "other-namespace", message);
  const refusals = refusalsOf(session, lines);
  context.problems(refusals);
  if (lines.some(({ action }) => action === "fail" || action === "blocked")) return EXIT.failed;
  return refusals.length === 0 ? EXIT.upToDate : EXIT.refused;
}

/** What `build` would do for these goals, in the order of the pipeline: the same walk. Problems: tokenizers not to be had. */
export async function planGoals(
  { signal, emit }: CommandContext,
  session: GraphSession,
  goals: readonly TargetName[],
): Promise<Result<readonly PlanLine[], readonly Problem[]>> {
  const options = await session.engine(goals, emit, signal);
  if (!options.ok) return options;
  const { standings } = await planTargets(goals, { ...options.value, emit: () => undefined });
  const lines = session.graph.targets.flatMap((target) => {
    const standing = standings.get(target.name);
    if (standing === undefined) return [];
    const { state, reasons } = standing;
    return [planLine(standing, state.state === "stale" ? state.reasons : state.state === "built" ? reasons : [])];
  });
  return ok(lines);
}

export function misuseOfLimit({ limit, realtime }: Pick<Planning, "limit" | "realtime">): Problem | undefined {
  if (limit === undefined || realtime) return undefined;
  return {
    kind: "usage",
    where: `--limit ${limit}`,
    message: "it bounds what --realtime asks, and batch jobs have no such bound.",
    fix: "Add --realtime, or build fewer batches: --set <task>.batches=1.",
  };
}

/** What a build would be refused for: the same rule, over the same sums, as when it asks. */
function refusalsOf(session: GraphSession, lines: readonly PlanLine[]): readonly Problem[] {
  const asking = lines.flatMap(({ task, ask }) => (ask === null ? [] : [{ task: task ?? undefined, ask }]));
  return [...new Set(session.answers.money.overLimits(asking).values())].map((problem) => ({
    ...problem,
    message: `a build would be refused: ${problem.message}`,
  }));
}
