import { readFileSync } from "node:fs";
import { join } from "node:path";
import { partialAnswers } from "../batch/partial.ts";
import { build, type EngineOptions, type WalkReport } from "../engine/build.ts";
import type { BuildEvent } from "../engine/events.ts";
import type { TargetName } from "../graph/names.ts";
import type { StateName } from "../graph/state.ts";
import { buildResultText } from "../report/build-result.ts";
import { jsonReporter } from "../report/json.ts";
import { pilotText } from "../report/pilot.ts";
import { groupProblems, warningOf } from "../report/problems.ts";
import { allReporters, type Reporter } from "../report/reporter.ts";
import type { Style } from "../report/style.ts";
import { type DatasetSummary, summaryOfManifest } from "../report/summary.ts";
import { textReporter } from "../report/text.ts";
import { confirmer } from "./confirm.ts";
import type { CommandContext } from "./context.ts";
import { warnOfExamples } from "./examples.ts";
import { EXIT, type ExitCode, exitCodeOfOpening, exitCodeOfOutcome } from "./exit-codes.ts";
import type { InvocationOf } from "./invocation.ts";
import { pilotResults } from "./pilot.ts";
import { misuseOfLimit, runPlan } from "./plan.ts";
import { goalsOf } from "./planned.ts";
import { unaskedInCi } from "./provider-choice.ts";
import { ignoredProxyNotice } from "./proxy.ts";
import { canAsk, saysYes } from "./question.ts";
import type { GraphSession } from "./session.ts";
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
  let untold: BuildEvent | undefined;
  const emit = (event: BuildEvent) => {
    // That answers are simulated, or a proxy passed by, is said before anything is done; a build that does nothing need not.
    if (untold !== undefined && isDoing(event)) {
      reporter.event(untold);
      untold = undefined;
    }
    reporter.event(event);
  };
  let above: number | null = null;
  let examples = (): Promise<void> => Promise.resolve();
  const confirmed = confirmer({
    ask: canAsk(io, context.common.json)
      ? (question, stop) => saysYes({ from: process.stdin, to: io.terminal }, question, stop)
      : undefined,
    above: () => above,
    emit,
    pause: () => reporter.pause(),
  });
  const beforeSending: typeof confirmed = async (asks, stop) => {
    await examples();
    return confirmed(asks, stop);
  };
  const opened = await context.open("graph", "write", { ...sessionExtras(asked), beforeSending }, emit);
  if (!opened.ok) return opened.error;
  const session = opened.value;
  // Made-up answers cost nobody anything.
  if (!asked.yes && !session.simulated) above = session.config.dsgen.confirm_above;
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
    const engine = await session.engine(goals.value, emit, signal);
    if (!engine.ok) {
      context.problems(engine.error);
      return exitCodeOfOpening(engine.error);
    }
    examples = once(() => warnOfExamples(goals.value, session, io.env, emit));
    reporter = await buildReporter(context, session);
    const { simulated, providerLabel: provider } = session;
    emit({ type: "build-started", goals: goals.value, simulated, provider });
    const { whySimulated } = session;
    untold = whySimulated === undefined ? ignoredProxyNotice(io.env) : simulatedNotice(whySimulated);
    if (asked.partial) emit(partialNotice());
    const report = await runEngine(session, engine.value, goals.value, emit, asked);
    if (asked.limit !== undefined && report.outcome === "waiting") {
      return await endPilot(context, session, engine.value, report, reporter);
    }
    await settleSurplus(session, report, asked.cancelSurplus, emit, signal);
    const summaries = datasetSummaries(session, goals.value, report);
    for (const problem of session.answers.madeDoWithout()) emit(warningOf(problem, "refused"));
    tellResults(report, summaries, emit);
    await reporter.close();
    writeResult(context, (style, columns) => resultText(io.now(), columns, style, goals.value, report, summaries));
    return exitCodeOfOutcome(report.outcome);
  } finally {
    await reporter.close();
    await session.close();
  }
}

/** A step that later calls find done. */
function once(step: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= step();
    return done;
  };
}

/** A pilot has done what it was asked to: nothing waits, and what the rest would take is for a person to decide. */
async function endPilot(
  context: CommandContext,
  session: GraphSession,
  engine: EngineOptions,
  report: EngineReport,
  reporter: Reporter,
): Promise<ExitCode> {
  const pilots = await pilotResults(session, engine, report);
  if (!pilots.ok) reporter.event({ type: "problem", problem: pilots.error });
  else for (const pilot of pilots.value) reporter.event({ type: "pilot", ...pilot });
  if (report.finished !== undefined) reporter.event({ ...report.finished, outcome: pilots.ok ? "pilot" : "failed" });
  await reporter.close();
  if (pilots.ok) {
    writeResult(context, (style) => pilots.value.map((pilot) => pilotText(pilot, style)).join("\n"));
  }
  return pilots.ok ? EXIT.upToDate : EXIT.failed;
}

function isDoing(event: BuildEvent): boolean {
  switch (event.type) {
    case "asking":
    case "asked":
    case "job":
      return true;
    case "target":
      return event.state.state !== "fresh" && event.state.state !== "stale";
    default:
      return false;
  }
}

type EngineReport = WalkReport & { readonly finished: Extract<BuildEvent, { type: "build-finished" }> | undefined };

/** `build-finished` is the last event of a build: the engine's is kept back until problems and summaries are told. */
async function runEngine(
  session: GraphSession,
  engine: EngineOptions,
  goals: readonly TargetName[],
  emit: (event: BuildEvent) => void,
  { partial, checkDeterminism: twice }: Pick<InvocationOf<"build">, "partial" | "checkDeterminism">,
): Promise<EngineReport> {
  let finished: EngineReport["finished"];
  const options: EngineOptions = {
    ...engine,
    twice,
    emit: (event) => {
      if (event.type === "build-finished") finished = event;
      else emit(event);
    },
  };
  const report = await build(goals, partial ? { ...options, answers: partialAnswers(session.answers) } : options);
  return { ...report, finished };
}

function tellResults(
  report: EngineReport,
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

/** The closing words, for a person: on standard output, which a program has for itself under --json. */
function writeResult(context: CommandContext, text: (style: Style, columns: number) => string): void {
  const { io, common, verbosity } = context;
  if (verbosity === "quiet") return;
  if (common.json) io.stderr.write(text(context.errStyle, io.stderr.columns));
  else io.stdout.write(text(context.style, io.stdout.columns));
}

function resultText(
  now: number,
  columns: number,
  style: Style,
  goals: readonly TargetName[],
  report: WalkReport,
  summaries: readonly DatasetSummary[],
): string {
  const waiting = [...report.standings.values()].flatMap(({ state }) => (state.state === "waiting" ? state.on : []));
  return buildResultText(
    {
      outcome: report.outcome,
      counts: report.counts,
      goals: goals.map((name) => ({ name, state: goalState(name, report) })),
      waiting: [...new Map(waiting.map((on) => [on.jobId, on])).values()],
      summaries,
    },
    now,
    columns,
    style,
  );
}

/** A live view has no standing: it is as up to date as it can be whenever a build ends. */
function goalState(name: TargetName, report: WalkReport): StateName {
  return report.standings.get(name)?.state.state ?? "fresh";
}

/** The summaries of the datasets among the goals that are up to date, from the manifests beside them. */
function datasetSummaries(
  session: GraphSession,
  goals: readonly TargetName[],
  report: WalkReport,
): readonly (DatasetSummary & { readonly target: TargetName })[] {
  return goals.flatMap((goal) => {
    const manifest = session.graph.target(goal)?.companions?.[0];
    if (manifest === undefined || ![goal, manifest].every((name) => isThere(goalState(name, report)))) return [];
    const summary = summaryOfManifest(goal, readText(join(session.projectRoot, manifest)));
    if (summary === undefined) return [];
    const task = session.graph.target(goal)?.task;
    const bought = task === undefined ? {} : { bought: session.answers.ledger.boughtFor(task) };
    return [{ ...summary, target: goal, ...bought }];
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
  const text = textReporter(context.io.stderr, context.errStyle, context.verbosity, context.io.now);
  return context.common.json ? allReporters([jsonReporter(context.io.stdout), text]) : text;
}

async function buildReporter(context: CommandContext, session: GraphSession): Promise<Reporter> {
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
    // Made-up answers are nobody's bill.
    ...(session.simulated ? {} : { spending: () => session.answers.ledger.report() }),
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
