import { countOf } from "../report/format.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { text } from "./options.ts";
import type { JobsSession } from "./session.ts";
import { writeViews } from "./views.ts";

/**
 * `dsgen recover`: for a project whose cache is gone. Finds its jobs in the provider's listing, takes in what they have
 * answered, and watches what is still running; the next build pays for nothing of it.
 */
export const recover = command({
  name: "recover",
  about: "find this project's jobs again at the provider, when the cache is gone",
  examples: [["dsgen recover", "after the cache was lost: its jobs, by what they say of themselves"]],
  takes: {
    forget: {
      ...text("<JOB>", "free the requests of a job of which you know that the provider did not execute it"),
      names: "jobs" as const,
    },
  },
  run: (context, { forget }) =>
    context.with("jobs", "write", (session) =>
      forget === undefined ? runRecover(context, session) : runForget(context, session, forget),
    ),
});

async function runRecover(context: CommandContext, session: JobsSession): Promise<ExitCode> {
  const { task } = context.common;
  const tasks = new Set(task === undefined ? session.taskNames : [task]);
  const report = await session.answers.recover(tasks, context.signal);
  if (!report.ok) return context.refuse([report.error], EXIT.failed);
  await writeViews(session, context.emit);
  const { adopted, known, left } = report.value;
  const jobs = session.answers.jobs();
  const collected = jobs.filter((job) => job.mark === "done").length;
  const running = jobs.filter((job) => job.mark === "waiting").length;
  for (const why of left) context.notice("warning", "not-recovered", why);
  const later = running > 0 ? "; dsgen status looks after them" : "";
  context.result(
    () =>
      `${countOf(adopted.length, "job")} found again, ${countOf(known, "job")} known already.\n` +
      `${countOf(collected, "job")} collected, ${countOf(running, "job")} still running${later}.\n` +
      (left.length > 0 ? `${countOf(left.length, "batch", "batches")} could not be taken: see above.\n` : ""),
    () => [{ type: "recovered", adopted: adopted.length, known, left, collected, running }],
  );
  return left.length > 0 ? EXIT.failed : EXIT.upToDate;
}

/** `dsgen recover --forget JOB`: a person's word that what is not known of a job was not executed. */
async function runForget(context: CommandContext, session: JobsSession, name: string): Promise<ExitCode> {
  const forgotten = session.answers.forget(name, context.signal);
  if (!forgotten.ok) return context.refuse([forgotten.error], EXIT.usage);
  await writeViews(session, context.emit);
  const { jobId, requestFile } = forgotten.value;
  context.result(
    () =>
      `Job ${jobId} of ${requestFile} is forgotten: the next build asks its unanswered requests again, and pays for them.\n`,
    () => [{ type: "forgotten", jobId, requestFile }],
  );
  return EXIT.upToDate;
}
