import type { BuildEvent } from "../events/schema.ts";
import { orphansText } from "../report/clean.ts";
import { arraysText, jobLines, jobsText, statusTotal } from "../report/jobs.ts";
import { warningOf } from "../report/problems.ts";
import type { OrphanLine } from "../report/result-schema.ts";
import { openArrays } from "./arrays.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { orphans } from "./orphans.ts";
import type { JobsSession } from "./session.ts";
import { writeViews } from "./views.ts";

/**
 * `dsgen status`: one look at the provider, the batch jobs, the job arrays on a cluster, and the views of them written anew.
 * Ends with 0 when every job is done, 75 while one is under way, 1 when one failed for good.
 */
export const status = command({
  name: "status",
  about: "look at the provider once and list the batch jobs",
  examples: [
    ["dsgen status", "every batch job, with its age and counts"],
    ["dsgen status --json", "the same for a program, one object a line"],
  ],
  takes: {},
  run: runStatus,
});

async function runStatus(context: CommandContext): Promise<ExitCode> {
  let troubled = false;
  const told = new Set<string>();
  const emit = (event: BuildEvent) => {
    if (event.type === "problem") troubled = true;
    // The project is opened once to read and once to look: what is wrong with it is told once.
    if (event.type === "notice" && told.size === told.add(event.message).size) return;
    if (event.type === "problem" || event.type === "notice") context.emit(event);
  };
  const opened = await context.open("jobs", "read", {}, emit);
  if (!opened.ok) return opened.error;
  const open = opened.value.answers.jobs().some((job) => job.mark === "waiting");
  const session = open ? await look(context, opened.value, emit) : opened.value;
  try {
    return context.signal.aborted ? EXIT.interrupted : await tell(context, session, troubled);
  } finally {
    await session.close();
  }
}

/**
 * Asks the provider, under the lock: what has come is journaled, and two writers must not do that at once. While a build
 * holds the lock it keeps the journal up to date itself, so what is there is shown as it is.
 */
async function look(
  context: CommandContext,
  reader: JobsSession,
  emit: (event: BuildEvent) => void,
): Promise<JobsSession> {
  const opened = await context.tryOpen("jobs", "write", { lockTimeout: 0 }, emit);
  if (!opened.ok) {
    const held = opened.error.every((problem) => problem.kind === "locked");
    if (!held) context.problems(opened.error);
    const message = held
      ? "another dsgen holds the cache's lock and looks after the jobs; this is what it has noted so far."
      : "the provider was not asked; this is what was noted last.";
    context.notice("info", "not-refreshed", message);
    return reader;
  }
  await reader.close();
  const session = opened.value;
  try {
    await session.answers.poll(context.signal);
    await writeViews(session, emit);
    await session.store.workspace.flush();
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function tell(context: CommandContext, session: JobsSession, troubled: boolean): Promise<ExitCode> {
  const { task } = context.common;
  const lines = jobLines(session.answers.jobs()).filter((line) => task === undefined || line.task === task);
  for (const problem of session.answers.refusals()) context.emit(warningOf(problem, "refused"));
  const total = statusTotal(lines, { provider: session.providerLabel, simulated: session.simulated });
  const { isTty, columns } = context.io.stdout;
  const room = isTty && context.verbosity !== "verbose" ? columns : Number.POSITIVE_INFINITY;
  const arrays = await openArrays(session.store, context.io.env);
  const left = task === undefined ? await orphanLines(session) : [];
  context.result(
    () => {
      const rest = arraysText(arrays, context.io.now()) + orphansText(left, context.style);
      if (lines.length === 0) return `No batch jobs yet. dsgen plan says what a build would send.\n${rest}`;
      const head = `${session.providerLabel}${session.simulated ? " (the answers are simulated)" : ""}\n`;
      return head + jobsText(lines, context.io.now(), room, context.style) + rest;
    },
    () => [...lines, ...arrays, ...left, total],
  );
  if (troubled || total.jobs.failed > 0) return EXIT.failed;
  return total.jobs.waiting > 0 || total.jobs.retry > 0 || arrays.length > 0 ? EXIT.waiting : EXIT.upToDate;
}

/** What is left of targets that are no more; nothing where a broken config keeps the graph from telling. */
async function orphanLines(session: JobsSession): Promise<readonly OrphanLine[]> {
  const loaded = await session.loadGraph();
  if (!loaded.ok) return [];
  return orphans(session, loaded.value.graph).map((orphan) => ({ type: "orphan", ...orphan }));
}
