import { countOf } from "../report/format.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { InvocationOf } from "./invocation.ts";
import type { JobsSession } from "./session.ts";
import { writeViews } from "./views.ts";

/**
 * `dsgen recover`: for a project whose cache is gone. Finds its jobs in the provider's listing, takes in what they have
 * answered, and watches what is still running; the next build pays for nothing of it.
 */
export async function runRecover(context: CommandContext, asked: InvocationOf<"recover">): Promise<ExitCode> {
  const opened = await context.open("jobs", "write", { command: "dsgen recover" });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    if (asked.forget !== undefined) return await runForget(context, session, asked.forget);
    const { task } = context.common;
    const report = await session.answers.recover(
      new Set(task === undefined ? session.taskNames : [task]),
      context.signal,
    );
    if (!report.ok) {
      context.problems([report.error]);
      return EXIT.failed;
    }
    await writeViews(session, context.emit);
    const { adopted, known, left } = report.value;
    const jobs = session.answers.jobs();
    const collected = jobs.filter((job) => job.mark === "done").length;
    const running = jobs.filter((job) => job.mark === "waiting").length;
    for (const why of left) context.emit({ type: "notice", level: "warning", code: "not-recovered", message: why });
    context.result(
      () =>
        [
          `${countOf(adopted.length, "job")} found again, ${countOf(known, "job")} known already.`,
          `${countOf(collected, "job")} collected, ${countOf(running, "job")} still running${running > 0 ? "; dsgen status looks after them" : ""}.`,
          ...(left.length > 0 ? [`${countOf(left.length, "batch", "batches")} could not be taken: see above.`] : []),
          "",
        ].join("\n"),
      () => [{ type: "recovered", adopted: adopted.length, known, left, collected, running }],
    );
    return left.length > 0 ? EXIT.failed : EXIT.upToDate;
  } finally {
    await session.close();
  }
}

/** `dsgen recover --forget JOB`: a person's word that what is not known of a job was not executed. */
async function runForget(context: CommandContext, session: JobsSession, name: string): Promise<ExitCode> {
  const forgotten = session.answers.forget(name, context.signal);
  if (!forgotten.ok) {
    context.problems([forgotten.error]);
    return EXIT.usage;
  }
  await writeViews(session, context.emit);
  const { jobId, requestFile } = forgotten.value;
  context.result(
    () =>
      `Job ${jobId} of ${requestFile} is forgotten: the next build asks its unanswered requests again, and pays for them.\n`,
    () => [{ type: "forgotten", jobId, requestFile }],
  );
  return EXIT.upToDate;
}
