import { writeView } from "../engine/build.ts";
import type { BuildEvent } from "../engine/events.ts";
import { orphansText } from "../report/clean.ts";
import { jobLines, jobsText, statusTotal } from "../report/jobs.ts";
import { warningOf } from "../report/problems.ts";
import type { OrphanLine } from "../report/result-line.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { orphans } from "./orphans.ts";
import type { Session } from "./session.ts";

/**
 * `dsgen status`: one look at the provider, the batch jobs, and the views of them written anew.
 * Ends with 0 when every job is done, 75 while one is under way, 1 when one failed for good.
 */
export async function runStatus(context: CommandContext): Promise<ExitCode> {
  let troubled = false;
  const emit = (event: BuildEvent) => {
    if (event.type === "problem") troubled = true;
    if (event.type === "problem" || event.type === "notice") context.emit(event);
  };
  const opened = await context.open("read", { command: "dsgen status" }, emit);
  if (!opened.ok) return opened.error;
  const looked = isAnythingOpen(opened.value) ? await look(context, opened.value, emit) : opened.value;
  try {
    if (context.signal.aborted) return EXIT.interrupted;
    return tell(context, looked, troubled);
  } finally {
    await looked.close();
  }
}

function isAnythingOpen(session: Session): boolean {
  return session.answers.jobs().some((job) => job.mark === "waiting");
}

/**
 * Asks the provider, under the lock: what has come is journaled, and two writers must not do that at once. While a build
 * holds the lock it keeps the journal up to date itself, so what is there is shown as it is.
 */
async function look(context: CommandContext, reader: Session, emit: (event: BuildEvent) => void): Promise<Session> {
  const opened = await context.tryOpen("write", { command: "dsgen status", lockTimeoutSeconds: 0 }, emit);
  if (!opened.ok) {
    const held = opened.error.every((problem) => problem.kind === "locked");
    if (!held) context.problems(opened.error);
    const message = held
      ? "another dsgen holds the cache's lock and looks after the jobs; this is what it has noted so far."
      : "the provider was not asked; this is what was noted last.";
    context.emit({ type: "notice", level: "info", code: "not-refreshed", message });
    return reader;
  }
  await reader.close();
  const session = opened.value;
  try {
    await session.answers.poll(context.signal);
    for (const live of session.graph.live) writeView(session.projectRoot, live, session.answers);
    await session.store.workspace.flush();
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

function tell(context: CommandContext, session: Session, troubled: boolean): ExitCode {
  const { task } = context.common;
  const lines = jobLines(session.answers.jobs()).filter((line) => task === undefined || line.task === task);
  for (const problem of session.answers.refusals()) context.emit(warningOf(problem, "refused"));
  const total = statusTotal(lines, { provider: session.providerLabel, simulated: session.simulated });
  const { isTty, columns } = context.io.stdout;
  const room = isTty && context.verbosity !== "verbose" ? columns : Number.POSITIVE_INFINITY;
  const left = task === undefined ? orphanLines(session) : [];
  context.result(
    () => {
      const rest = orphansText(left, context.style);
      if (lines.length === 0) return `No batch jobs yet. dsgen plan says what a build would send.\n${rest}`;
      const head = `${session.providerLabel}${session.simulated ? " (the answers are simulated)" : ""}\n`;
      return head + jobsText(lines, context.io.now(), room, context.style) + rest;
    },
    () => [...lines, ...left, total],
  );
  if (troubled || total.jobs.failed > 0) return EXIT.failed;
  return total.jobs.waiting > 0 || total.jobs.retry > 0 ? EXIT.waiting : EXIT.upToDate;
}

function orphanLines({ store, graph, projectRoot }: Session): readonly OrphanLine[] {
  return orphans({ ...store, graph, projectRoot }).map((orphan) => ({ type: "orphan", ...orphan }));
}
