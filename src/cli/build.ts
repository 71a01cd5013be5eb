import { readFileSync } from "node:fs";
import { join } from "node:path";
import { partialAnswers } from "../batch/partial.ts";
import { build, type WalkReport } from "../engine/build.ts";
import type { BuildEvent } from "../engine/events.ts";
import type { TargetName } from "../graph/names.ts";
import type { StateName } from "../graph/state.ts";
import { buildResultText } from "../report/build-result.ts";
import { jsonReporter } from "../report/json.ts";
import { groupProblems, warningOf } from "../report/problems.ts";
import { allReporters, type Reporter } from "../report/reporter.ts";
import { type DatasetSummary, summaryOfManifest } from "../report/summary.ts";
import { textReporter } from "../report/text.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode, exitCodeOfOpening, exitCodeOfOutcome } from "./exit-codes.ts";
import type { InvocationOf } from "./invocation.ts";
import { misuseOfLimit, runPlan } from "./plan.ts";
import { goalsOf } from "./planned.ts";
import { unaskedInCi } from "./provider-choice.ts";
import { ignoredProxyNotice } from "./proxy.ts";
import type { Session } from "./session.ts";
import { settleSurplus } from "./surplus.ts";

/** `dsgen build`: brings targets up to date as far as the provider allows, and says what came of it. */
export async function runBuild(context: CommandContext, asked: InvocationOf<"build">): Promise<ExitCode> {
  const misuse = misuseOfLimit(asked);
  if (misuse !== undefined) {
    context.problems([misuse]);
    return EXIT.usage;
  }
  if (asked.dryRun) return runPlan(context, asked);
  const { io, signal } = context;
  let reporter: Reporter = linesReporter(context);
  const emit = (event: BuildEvent) => reporter.event(event);
  const opened = await context.open("write", sessionExtras(asked), emit);
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
    reporter = await buildReporter(context, session);
    const { simulated, providerLabel: provider } = session;
    emit({ type: "build-started", goals: goals.value, simulated, provider });
    if (session.whySimulated !== undefined) emit(simulatedNotice(session.whySimulated));
    const proxy = simulated ? undefined : ignoredProxyNotice(io.env);
    if (proxy !== undefined) emit(proxy);
    if (asked.partial) emit(partialNotice());
    const report = await runEngine(session, goals.value, emit, signal, asked);
    await settleSurplus(session, report, asked.cancelSurplus, emit, signal);
    const summaries = datasetSummaries(session, goals.value, report);
    for (const problem of session.answers.madeDoWithout()) emit(warningOf(problem, "refused"));
    tellResults(report, summaries, emit);
    await reporter.close();
    const text = resultText(context, goals.value, report, summaries);
    if (context.common.json) io.stderr.write(text);
    else io.stdout.write(text);
    return exitCodeOfOutcome(report.outcome);
  } finally {
    await reporter.close();
    await session.close();
  }
}

/** `build-finished` is the last event of a build: the engine's is kept back until problems and summaries are told. */
async function runEngine(
  session: Session,
  goals: readonly TargetName[],
  emit: (event: BuildEvent) => void,
  signal: AbortSignal,
  { partial, checkDeterminism: twice }: Pick<InvocationOf<"build">, "partial" | "checkDeterminism">,
): Promise<WalkReport & { readonly finished: BuildEvent | undefined }> {
  let finished: BuildEvent | undefined;
  const engine = session.engine((event) => {
    if (event.type === "build-finished") finished = event;
    else emit(event);
  }, signal);
  const options = { ...engine, twice };
  const report = await build(goals, partial ? { ...options, answers: partialAnswers(session.answers) } : options);
  return { ...report, finished };
}

function tellResults(
  report: WalkReport & { readonly finished: BuildEvent | undefined },
  summaries: readonly (DatasetSummary & { readonly target: TargetName })[],
  emit: (event: BuildEvent) => void,
): void {
  const problems = [...report.standings.values()].flatMap(({ state }) =>
    state.state === "failed" ? [state.problem] : [],
  );
  for (const { problem, where } of groupProblems(problems)) {
    const more = where.length - 1;
    emit({
      type: "problem",
      problem: more > 0 ? { ...problem, where: `${problem.where} (and ${more} more)` } : problem,
    });
  }
  for (const { target, summary } of summaries) emit({ type: "summary", target, summary });
  if (report.finished !== undefined) emit(report.finished);
}

function resultText(
  context: CommandContext,
  goals: readonly TargetName[],
  report: WalkReport,
  summaries: readonly DatasetSummary[],
): string {
  if (context.verbosity === "quiet") return "";
  const waiting = [...report.standings.values()].flatMap(({ state }) => (state.state === "waiting" ? state.on : []));
  const out = context.common.json ? context.io.stderr : context.io.stdout;
  return buildResultText(
    {
      outcome: report.outcome,
      counts: report.counts,
      goals: goals.map((name) => ({ name, state: goalState(name, report) })),
      waiting: [...new Map(waiting.map((on) => [on.jobId, on])).values()],
      summaries,
    },
    context.io.now(),
    out.columns,
    context.common.json ? context.errStyle : context.style,
  );
}

/** A live view has no standing: it is as up to date as it can be whenever a build ends. */
function goalState(name: TargetName, report: WalkReport): StateName {
  return report.standings.get(name)?.state.state ?? "fresh";
}

/** The summaries of the datasets among the goals that are up to date, from the manifests beside them. */
function datasetSummaries(
  session: Session,
  goals: readonly TargetName[],
  report: WalkReport,
): readonly (DatasetSummary & { readonly target: TargetName })[] {
  return goals.flatMap((goal) => {
    const manifest = session.graph.target(goal)?.companions?.[0];
    if (manifest === undefined || ![goal, manifest].every((name) => isThere(goalState(name, report)))) return [];
    const summary = summaryOfManifest(goal, readText(join(session.projectRoot, manifest)));
    if (summary === undefined) return [];
    const task = session.graph.target(goal)?.task;
    return [{ ...summary, target: goal, ...(task === undefined ? {} : { bought: session.answers.boughtFor(task) }) }];
  });
}

function isThere(state: StateName): boolean {
  return state === "fresh" || state === "built" || state === "restored";
}

/** A manifest that somebody has removed in this very moment leaves the build without a summary, not without a result. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Plain lines from the start; the live display can only begin when the stages are known. */
function linesReporter(context: CommandContext): Reporter {
  const text = textReporter(context.io.stderr, context.errStyle, context.verbosity);
  return context.common.json ? allReporters([jsonReporter(context.io.stdout), text]) : text;
}

async function buildReporter(context: CommandContext, session: Session): Promise<Reporter> {
  const { io, common, verbosity } = context;
  if (io.terminal === undefined || common.json || verbosity !== "normal") return linesReporter(context);
  const { liveReporter } = await import("../report/live.ts");
  const stages = [...session.graph.targets, ...session.graph.live].map(({ stage }) => stage);
  return liveReporter({
    stream: io.terminal,
    style: context.errStyle,
    verbosity,
    stages: [...new Set(stages)],
    now: io.now,
  });
}

function sessionExtras(asked: InvocationOf<"build">) {
  const { wait, keepGoing, partial, realtime, retryRefused, limit, pollSeconds, jobs, maxCostUsd, lockTimeoutSeconds } =
    asked;
  return {
    command: "dsgen build",
    wait,
    keepGoing,
    partial,
    realtime,
    retryRefused,
    ...(limit === undefined ? {} : { limit }),
    ...(pollSeconds === undefined ? {} : { pollSeconds }),
    ...(jobs === undefined ? {} : { jobs }),
    ...(maxCostUsd === undefined ? {} : { maxCostUsd }),
    ...(lockTimeoutSeconds === undefined ? {} : { lockTimeoutSeconds }),
  };
}

function partialNotice(): BuildEvent {
  return {
    type: "notice",
    level: "warning",
    code: "partial",
    message:
      "a partial build: made of the answers that are there, and nothing is asked. It writes <dataset>.partial.jsonl; dsgen build makes the whole.",
  };
}

function simulatedNotice(why: string): BuildEvent {
  return {
    type: "notice",
    level: "warning",
    code: "simulated",
    message: `${why}: the answers are SIMULATED, made up by dsgen itself. They are good for trying things out, not for research.`,
  };
}
