import type { JobSummary } from "../batch/metadata.ts";
import type { Problem } from "../graph/problem.ts";
import { countOf } from "../report/format.ts";
import { jobLines, jobsText } from "../report/jobs.ts";
import { command } from "./command.ts";
import { unconfirmed } from "./confirm.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { flag, operands } from "./options.ts";
import type { JobsSession } from "./session.ts";
import { writeViews } from "./views.ts";

/**
 * `dsgen cancel`: ends batch jobs at the provider, all open ones or those named by job id, batch id or request file. Asks
 * first on a terminal, and elsewhere wants --yes. What a batch had answered by then is charged, collected and kept.
 */
export const cancel = command({
  name: "cancel",
  about: "end batch jobs at the provider; what they have answered is kept",
  examples: [
    ["dsgen cancel", "every job under way, after asking"],
    ["dsgen cancel requests/refusal/request_batch3.jsonl", "one of them"],
  ],
  takes: {
    jobs: {
      ...operands("[JOB...]", "job ids, batch ids or request files (default: every job under way)"),
      names: "jobs" as const,
    },
    yes: flag("do not ask", "y"),
  },
  run: (context, asked) => context.with("jobs", "write", (session) => runCancel(context, session, asked)),
});

async function runCancel(
  context: CommandContext,
  session: JobsSession,
  { jobs: names, yes }: { readonly jobs: readonly string[]; readonly yes: boolean },
): Promise<ExitCode> {
  const { io, style, common } = context;
  // What has ended meanwhile is taken in, not cancelled.
  await session.answers.look(context.signal);
  const open = session.answers
    .jobs()
    .filter((job) => job.mark === "waiting" && (common.task === undefined || job.task === common.task));
  const unknown = names.filter((name) => !open.some((job) => isNamed(job, name))).map(notUnderWay);
  if (unknown.length > 0) return context.refuse(unknown);
  const chosen = names.length === 0 ? open : open.filter((job) => names.some((name) => isNamed(job, name)));
  if (chosen.length === 0) {
    context.result(
      () => "No batch job is under way.\n",
      () => [],
    );
    return EXIT.upToDate;
  }
  const question = {
    where: "dsgen cancel",
    would: `it would end ${countOf(chosen.length, "paid batch job")}`,
    about: jobsText(jobLines(chosen), io.now(), io.stderr.columns, style),
    question: "End these jobs? What they have answered by then is charged and kept.",
  };
  return (yes ? undefined : await unconfirmed(context, question)) ?? cancelJobs(context, session, chosen);
}

function isNamed(job: JobSummary, name: string): boolean {
  return [job.jobId, job.batchId, job.requestFile].includes(name) || job.requestFile.endsWith(`/${name}`);
}

function notUnderWay(name: string): Problem {
  return {
    kind: "usage",
    where: name,
    message: "no job under way has this job id, batch id or request file.",
    fix: "`dsgen status` lists the jobs.",
  };
}

async function cancelJobs(
  context: CommandContext,
  session: JobsSession,
  jobs: readonly JobSummary[],
): Promise<ExitCode> {
  const { io, signal, style } = context;
  const ended = jobs.map((job) => job.jobId);
  const results = await session.answers.cancel(ended, signal);
  await session.answers.poll(signal);
  await writeViews(session, context.emit);
  const problems = results.flatMap(({ problem }) => (problem === null ? [] : [problem]));
  context.problems(problems);
  const ids = new Set<string>(results.map(({ job }) => job.jobId));
  const lines = jobLines(session.answers.jobs()).filter((line) => ids.has(line.jobId));
  context.result(
    () => jobsText(lines, io.now(), io.stdout.columns, style),
    () => lines,
  );
  return problems.length > 0 ? EXIT.failed : EXIT.upToDate;
}
