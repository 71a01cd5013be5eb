import type { JobView } from "../batch/metadata.ts";
import { countOf } from "../report/format.ts";
import { jobLines, jobsText } from "../report/jobs.ts";
import { confirm } from "./ask-first.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { InvocationOf } from "./invocation.ts";
import type { JobsSession } from "./session.ts";
import { writeViews } from "./views.ts";

/**
 * `dsgen cancel`: ends batch jobs at the provider, all open ones or those named by job id, batch id or request file. Asks
 * first on a terminal, and elsewhere wants --yes. What a batch had answered by then is charged, collected and kept.
 */
export async function runCancel(context: CommandContext, asked: InvocationOf<"cancel">): Promise<ExitCode> {
  const opened = await context.open("jobs", "write", { command: "dsgen cancel" });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    // What has ended meanwhile is taken in, not cancelled.
    await session.answers.look(context.signal);
    const open = session.answers.jobs().filter((job) => job.mark === "waiting" && ofTask(job, context.common.task));
    const chosen = asked.jobs.length === 0 ? open : open.filter((job) => asked.jobs.some((name) => isNamed(job, name)));
    const unknown = asked.jobs.filter((name) => !open.some((job) => isNamed(job, name)));
    if (unknown.length > 0) {
      context.problems(
        unknown.map((name) => ({
          kind: "usage",
          where: name,
          message: "no job under way has this job id, batch id or request file.",
          fix: "`dsgen status` lists the jobs.",
        })),
      );
      return EXIT.usage;
    }
    if (chosen.length === 0) {
      context.result(
        () => "No batch job is under way.\n",
        () => [],
      );
      return EXIT.upToDate;
    }
    const answer = asked.yes ? "yes" : await askToEnd(context, chosen);
    if (answer !== "yes") return answer === "no" ? EXIT.upToDate : EXIT.usage;
    return await cancelJobs(context, session, chosen);
  } finally {
    await session.close();
  }
}

function isNamed(job: JobView, name: string): boolean {
  return [job.jobId, job.batchId, job.requestFile].includes(name) || job.requestFile.endsWith(`/${name}`);
}

function ofTask(job: JobView, task: string | undefined): boolean {
  return task === undefined || job.task === task;
}

function askToEnd(context: CommandContext, jobs: readonly JobView[]): Promise<"yes" | "no" | "unasked"> {
  const { io, style } = context;
  return confirm(context, {
    where: "dsgen cancel",
    would: `it would end ${countOf(jobs.length, "paid batch job")}`,
    about: jobsText(jobLines(jobs), io.now(), io.stderr.columns, style),
    question: "End these jobs? What they have answered by then is charged and kept.",
  });
}

async function cancelJobs(context: CommandContext, session: JobsSession, jobs: readonly JobView[]): Promise<ExitCode> {
  const results = await session.answers.cancel(
    jobs.map((job) => job.jobId),
    context.signal,
  );
  await session.answers.poll(context.signal);
  await writeViews(session, context.emit);
  const problems = results.flatMap(({ problem }) => (problem === null ? [] : [problem]));
  context.problems(problems);
  const ids = new Set<string>(results.map(({ job }) => job.jobId));
  const lines = jobLines(session.answers.jobs()).filter((line) => ids.has(line.jobId));
  context.result(
    () => jobsText(lines, context.io.now(), context.io.stdout.columns, context.style),
    () => lines,
  );
  return problems.length > 0 ? EXIT.failed : EXIT.upToDate;
}
