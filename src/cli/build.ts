import { join } from "node:path";
import { partialAnswers } from "../batch/partial.ts";
import { build as buildTargets, type WalkReport } from "../engine/build.ts";
import type { EngineOptions } from "../engine/effects.ts";
import type { BuildEvent, Emit } from "../events/schema.ts";
import type { TargetName } from "../graph/names.ts";
import type { StateName } from "../graph/state.ts";
import { type BuildResult, buildResultText } from "../report/build-result.ts";
import { pilotText } from "../report/pilot.ts";
import { groupProblems, warningOf } from "../report/problems.ts";
import { allReporters, jsonReporter, type Reporter } from "../report/reporter.ts";
import type { Style } from "../report/style.ts";
import { type DatasetSummary, summaryOfManifest } from "../report/summary.ts";
import { textReporter } from "../report/text.ts";
import { command } from "./command.ts";
import { confirmer, personToAsk } from "./confirm.ts";
import type { CommandContext } from "./context.ts";
import { warnOfExamples } from "./examples.ts";
import { EXECUTORS } from "./executor-choice.ts";
import { EXIT, EXIT_OF_OUTCOME, type ExitCode } from "./exit-codes.ts";
import { exportTargets } from "./goals.ts";
import { batchDurations, yieldOf } from "./live-facts.ts";
import { untoldOf } from "./makers-word.ts";
import { manifestHead } from "./manifest-head.ts";
import { Notifier } from "./notify.ts";
import { AMOUNT, AT_LEAST_ONE, choice, flag, type Given, number, operands, POSITIVE } from "./options.ts";
import { pilotResults } from "./pilot.ts";
import { misuseOfLimit, runPlan } from "./plan.ts";
import { unaskedInCi } from "./provider-choice.ts";
import type { GraphSession } from "./session.ts";
import { settleSurplus } from "./surplus.ts";
import { ignoredProxyNotice } from "./surroundings.ts";

const takes = {
  targets: { ...operands("[TARGET...]", "files to make (default: the dataset)"), names: "targets" as const },
  wait: flag("stay until the provider has answered everything", "w"),
  poll: number("<SECONDS>", "with --wait, look at the provider this often", POSITIVE),
  jobs: { ...number("<N>", "run at most N actions at once (default: one a processor)", AT_LEAST_ONE), short: "j" },
  executor: choice("<NAME>", "make what is free here, or on a Slurm cluster (default: as in dsgen.yaml)", EXECUTORS),
  keepGoing: flag("after a failure, go on with what does not depend on it", "k"),
  dryRun: flag("only say what would be done, as dsgen plan", "n"),
  maxCost: number("<USD>", "refuse to send what might cost more", AMOUNT),
  realtime: flag("ask call by call, at full price, instead of in batch jobs: for a pilot"),
  limit: number(
    "<N>",
    "with --realtime, a pilot: ask at most N requests, write pilot/<task>.jsonl, say what the rest would cost",
    AT_LEAST_ONE,
  ),
  partial: {
    ...flag("make dataset.partial.jsonl of the answers so far, and ask for none"),
    conflicts: ["wait", "realtime", "retryRefused", "dryRun"],
  },
  retryRefused: flag("ask again, once, for what the provider has refused (credit, access, limits)"),
  buyAgain: flag("ask also what others of the project have asked and not shared yet: it is paid for twice"),
  yes: flag("send without asking, whatever it may cost", "y"),
  cancelSurplus: flag("end batches under way that the dataset does not need any more"),
  checkDeterminism: flag("make everything that is free twice and compare: recipes must not use chance or the clock"),
  lockTimeout: number("<SECONDS>", "how long to wait for another build to end", AMOUNT),
};

type Asked = Given<typeof takes>;

/** `dsgen build`: brings targets up to date as far as the provider allows, and says what came of it. */
export const build = command({
  name: "build",
  about: "make targets: reuse what is there, send what is unanswered, take in what has come",
  examples: [
    ["dsgen build", "send what is unanswered, and end: 75 says that batches are under way"],
    ["dsgen build --wait --max-cost 20", "stay until the dataset is there; never pass 20 dollars"],
    ["dsgen build --realtime --limit 10", "a pilot of ten requests, at once, with what the rest would cost"],
  ],
  takes,
  run: async (context, asked) => {
    const misuse = misuseOfLimit(asked);
    if (misuse !== undefined) return context.refuse([misuse]);
    return asked.dryRun ? runPlan(context, asked) : new BuildCommand(context, asked).run();
  },
});

/** One build, and what is told of it. */
class BuildCommand {
  readonly #context: CommandContext;
  readonly #asked: Asked;
  #reporter: Reporter;
  /** Whether more was said than that everything is as it was, or is to be done again each time it is asked for. */
  #told: boolean;
  #sent = false;
  /** That answers are simulated, or a proxy passed by: said before anything is done; a build that does nothing need not. */
  #untold: BuildEvent | undefined;
  /** US dollars above which a person is asked. */
  #above: number | null = null;
  #notifier: Notifier | undefined;
  #warnOfExamples: () => Promise<void> = () => Promise.resolve();

  constructor(context: CommandContext, asked: Asked) {
    this.#context = context;
    this.#asked = asked;
    this.#reporter = linesReporter(context);
    this.#told = asked.partial || asked.realtime || asked.checkDeterminism || context.common.json;
  }

  run(): Promise<ExitCode> {
    const confirmed = confirmer({
      ask: personToAsk(this.#context),
      above: () => this.#above,
      emit: this.#emit,
      pause: () => this.#reporter.pause(),
    });
    const beforeSending: typeof confirmed = async (asks, stop) => {
      await this.#warnOfExamples();
      return confirmed(asks, stop);
    };
    const run = async (session: GraphSession) => {
      try {
        return await this.#build(session);
      } finally {
        await this.#reporter.close();
      }
    };
    return this.#context.with("graph", "write", run, { ...this.#asked, beforeSending, readShared: true }, this.#emit);
  }

  readonly #emit = (event: BuildEvent): void => {
    const untold = this.#untold;
    if (untold !== undefined && isDoing(event)) {
      this.#untold = undefined;
      this.#reporter.event(untold);
    }
    this.#told ||= event.type === "notice" || event.type === "problem" || isDoing(event);
    this.#sent ||= event.type === "asked";
    this.#reporter.event(event);
    this.#notifier?.event(event);
  };

  async #build(session: GraphSession): Promise<ExitCode> {
    const { io, signal } = this.#context;
    const { targets, partial, limit, yes, cancelSurplus } = this.#asked;
    const { simulated, whySimulated, providerLabel: provider } = session;
    const emit = this.#emit;
    const unasked = unaskedInCi(whySimulated, io.env);
    if (unasked !== undefined) return this.#context.refuse([unasked]);
    const goals = session.goals(targets);
    if (!goals.ok) return this.#context.refuse(goals.error);
    const engine = await session.engine(goals.value, emit, signal);
    if (!engine.ok) return this.#context.refuse(engine.error);
    // Made-up answers cost nobody anything.
    if (!yes && !simulated) this.#above = session.config.dsgen.confirm_above;
    this.#warnOfExamples = once(() => warnOfExamples(goals.value, session, emit));
    this.#reporter = await buildReporter(this.#context, session, goals.value);
    const about = { root: session.projectRoot, simulated };
    this.#notifier = new Notifier(session.config.dsgen.notify, about, io.env, emit);
    emit({ type: "build-started", goals: goals.value, simulated, provider });
    this.#untold = whySimulated === undefined ? ignoredProxyNotice(io.env) : simulatedNotice(whySimulated);
    if (partial) emit(PARTIAL_NOTICE);
    const report = await runEngine(session, engine.value, goals.value, emit, this.#asked);
    if (limit !== undefined && report.outcome === "waiting") return this.#endPilot(session, engine.value, report);
    // A partial dataset is made of what is there: the whole one may need what is under way.
    if (!partial) await settleSurplus(session, report, cancelSurplus, emit, signal);
    const summaries = datasetSummaries(session, goals.value, report);
    for (const problem of session.answers.madeDoWithout()) emit(warningOf(problem, "refused"));
    tellUntold(session, goals.value, report, emit);
    await this.#notifier.finish(report.outcome, madeNow(summaries, report), failedOf(report));
    tellResults(report, summaries, emit);
    await this.#reporter.close();
    const end = { ...report, sent: this.#sent };
    this.#write((style, columns) => resultText(io.now(), columns, style, goals.value, end, summaries));
    if (!this.#told && isUntouched(report, session)) io.nothingToDo?.(session.store.paths);
    return EXIT_OF_OUTCOME[report.outcome];
  }

  /** A pilot has done what it was asked to: nothing waits, and what the rest would take is for a person to decide. */
  async #endPilot(session: GraphSession, engine: EngineOptions, report: EngineReport): Promise<ExitCode> {
    const pilots = await pilotResults(session, engine, report);
    if (!pilots.ok) this.#reporter.event({ type: "problem", problem: pilots.error });
    else for (const pilot of pilots.value) this.#reporter.event({ type: "pilot", ...pilot });
    if (report.finished !== undefined) {
      this.#reporter.event({ ...report.finished, outcome: pilots.ok ? "pilot" : "failed" });
    }
    await this.#reporter.close();
    if (!pilots.ok) return EXIT.failed;
    this.#write((style) => pilots.value.map((pilot) => pilotText(pilot, style)).join("\n"));
    return EXIT.upToDate;
  }

  /** The closing words, for a person: on standard output, which a program has for itself under --json. */
  #write(text: (style: Style, columns: number) => string): void {
    const { io, common, verbosity, style, errStyle } = this.#context;
    if (verbosity === "quiet") return;
    if (common.json) io.stderr.write(text(errStyle, io.stderr.columns));
    else io.stdout.write(text(style, io.stdout.columns));
  }
}

/** Whether everything was found as it was, with no job open that the next look may find ended. */
function isUntouched(report: EngineReport, session: GraphSession): boolean {
  return (
    report.outcome === "up-to-date" &&
    (report.counts.fresh ?? 0) === report.standings.size &&
    session.answers.jobs().every(({ mark }) => mark === "done")
  );
}

/** What the folders for the hub lack that this build has made. One that is as it was is no news. */
function tellUntold(session: GraphSession, goals: readonly TargetName[], report: EngineReport, emit: Emit): void {
  for (const task of session.config.tasks) {
    const made = exportTargets(session.graph, "huggingface", [task.task_name]).some(
      (name) => goals.includes(name) && ["built", "restored"].includes(goalState(name, report)),
    );
    const message = made ? untoldOf(task) : undefined;
    if (message !== undefined) emit({ type: "notice", level: "info", code: "export", message });
  }
}

/** Of these datasets, those that this build has made or put in place. */
function madeNow<T extends { readonly target: TargetName }>(
  summaries: readonly T[],
  report: EngineReport,
): readonly T[] {
  return summaries.filter(({ target }) => goalState(target, report) !== "fresh");
}

function failedOf(report: EngineReport): readonly TargetName[] {
  if (report.counts.failed === undefined) return [];
  return [...report.standings].flatMap(([name, { state }]) => (state.state === "failed" ? [name] : []));
}

/** A step that later calls find done. */
function once(step: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= step();
    return done;
  };
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
  { partial, checkDeterminism: twice }: Asked,
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
  const report = await buildTargets(
    goals,
    partial ? { ...options, answers: partialAnswers(session.answers) } : options,
  );
  return { ...report, finished };
}

function tellResults(
  report: EngineReport,
  summaries: readonly (DatasetSummary & { readonly target: TargetName })[],
  emit: (event: BuildEvent) => void,
): void {
  const failed = failedOf(report).map((name) => report.standings.get(name)?.state);
  const problems = failed.flatMap((state) => (state?.state === "failed" ? [state.problem] : []));
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
  now: number,
  columns: number,
  style: Style,
  goals: readonly TargetName[],
  report: WalkReport & Pick<BuildResult, "sent">,
  summaries: readonly DatasetSummary[],
): string {
  const all = report.counts.waiting === undefined ? [] : [...report.standings.values()];
  const states = all.flatMap(({ state }) => (state.state === "waiting" ? [state] : []));
  const waiting = states.flatMap(({ on }) => on);
  const elsewhere = states.flatMap((state) => state.elsewhere ?? []);
  return buildResultText(
    {
      outcome: report.outcome,
      counts: report.counts,
      sent: report.sent,
      goals: goals.map((name) => ({ name, state: goalState(name, report) })),
      waiting: [...new Map(waiting.map((on) => [on.jobId, on])).values()],
      elsewhere: [...new Set(elsewhere)],
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
    const summary = summaryOfManifest(goal, headOf(join(session.projectRoot, manifest)));
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
function headOf(path: string): string {
  try {
    return manifestHead(path);
  } catch {
    return "";
  }
}

/** Plain lines from the start; the live display can only begin when the stages are known. */
function linesReporter(context: CommandContext, stages: readonly string[] = []): Reporter {
  const text = textReporter(context.io.stderr, context.errStyle, context.verbosity, context.io.now, stages);
  return context.common.json ? allReporters([jsonReporter(context.io.stdout), text]) : text;
}

async function buildReporter(
  context: CommandContext,
  session: GraphSession,
  goals: readonly TargetName[],
): Promise<Reporter> {
  const { io, common, verbosity } = context;
  const all = [...session.graph.targets, ...session.graph.live].map(({ stage }) => stage);
  const stages = [...new Set(all)];
  if (io.terminal === undefined || common.json || verbosity !== "normal") return linesReporter(context, stages);
  const { liveReporter } = await import("../report/live.ts");
  return liveReporter({
    stream: io.terminal,
    style: context.errStyle,
    stages,
    now: io.now,
    history: () => batchDurations(session),
    yielded: (shards) => yieldOf(session, goals, shards),
    // Made-up answers are nobody's bill.
    ...(session.simulated ? {} : { spending: () => session.answers.ledger.report() }),
  });
}

const PARTIAL_NOTICE: BuildEvent = {
  type: "notice",
  level: "warning",
  code: "partial",
  message:
    "a partial build: made of the answers that are there, and nothing is asked. It writes <dataset>.partial.jsonl; dsgen build makes the whole.",
};

function simulatedNotice(why: string): BuildEvent {
  return {
    type: "notice",
    level: "warning",
    code: "simulated",
    message: `${why}: the answers are SIMULATED, made up by dsgen itself. They are good for trying things out, not for research.`,
  };
}
