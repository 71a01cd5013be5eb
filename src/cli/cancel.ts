import type { JobSummary } from "../batch/metadata.ts";
import type { Problem } from "../graph/problem.ts";
import { countOf } from "../report/format.ts";
import { arraysText, cancelledText, jobLines, jobsText } from "../report/jobs.ts";
import type { ArrayCancelledLine, ArrayLine } from "../report/result-schema.ts";
import { endArrays, isNamedArray, openArrays } from "./arrays.ts";
import { command } from "./command.ts";
import { unconfirmed } from "./confirm.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { flag, operands } from "./options.ts";
import type { JobsSession } from "./session.ts";
import { writeViews } from "./views.ts";

/**
 * `dsgen cancel`: ends batch jobs at the provider and job arrays on a cluster, all open ones or those named by job id, batch id
 * or request file. Asks first on a terminal, and elsewhere wants --yes. What a batch had answered by then is charged, collected
 * and kept; so is what an array's tasks had made.
 */
export const cancel = command({
  name: "cancel",
  about: "end batch jobs, and job arrays on a cluster; what they have answered or made is kept",
  examples: [
    ["dsgen cancel", "every job under way, after asking"],
    ["dsgen cancel requests/refusal/request_batch3.jsonl", "one of them"],
    ["dsgen cancel 4711", "a job array, by the id that Slurm gave it"],
  ],
  takes: {
    jobs: {
      ...operands(
        "[JOB...]",
        "ids of jobs, batches or job arrays, or request files (default: all; with --task, its batch jobs)",
      ),
      names: "jobs" as const,
    },
    yes: flag("do not ask", "y"),
  },
  run: (context, asked) => context.with("jobs", "write", (session) => runCancel(context, session, asked)),
});

/** What is under way, or what of it a person means. */
interface UnderWay {
  readonly jobs: readonly JobSummary[];
  readonly arrays: readonly ArrayLine[];
}

async function runCancel(
  context: CommandContext,
  session: JobsSession,
  { jobs: names, yes }: { readonly jobs: readonly string[]; readonly yes: boolean },
): Promise<ExitCode> {
  const { io, style, common } = context;
  // What has ended meanwhile is taken in, not cancelled.
  await session.answers.look(context.signal);
  const jobs = session.answers
    .jobs()
    .filter((job) => job.mark === "waiting" && (common.task === undefined || job.task === common.task));
  const arrays = await openArrays(session.store, io.env);
  const unknown = names
    .filter((name) => !jobs.some((job) => isNamed(job, name)) && !arrays.some((array) => isNamedArray(array, name)))
    .map(notUnderWay);
  if (unknown.length > 0) return context.refuse(unknown);
  const chosen: UnderWay = {
    jobs: names.length === 0 ? jobs : jobs.filter((job) => names.some((name) => isNamed(job, name))),
    // An array holds what several tasks wait for.
    arrays: arrays.filter((array) =>
      names.length === 0 ? common.task === undefined : names.some((name) => isNamedArray(array, name)),
    ),
  };
  if (chosen.jobs.length + chosen.arrays.length === 0) {
    const none = arrays.length === 0 ? "No batch job is under way.\n" : "No batch job of this task is under way.\n";
    context.result(
      () => none + arraysText(arrays, io.now()),
      () => [],
    );
    return EXIT.upToDate;
  }
  const about =
    jobsText(jobLines(chosen.jobs), io.now(), io.stderr.columns, style) + arraysText(chosen.arrays, io.now());
  const question = { where: "dsgen cancel", about, ...wordsFor(chosen) };
  return (yes ? undefined : await unconfirmed(context, question)) ?? cancelAll(context, session, chosen);
}

function wordsFor({ jobs, arrays }: UnderWay): { readonly would: string; readonly question: string } {
  const named = [
    ...(jobs.length > 0 ? [countOf(jobs.length, "paid batch job")] : []),
    ...(arrays.length > 0 ? [countOf(arrays.length, "job array")] : []),
  ];
  const kept = [
    ...(jobs.length > 0 ? [" What they have answered by then is charged and kept."] : []),
    ...(arrays.length > 0 ? [" What tasks have made is kept."] : []),
  ];
  const these = jobs.length > 0 ? "jobs" : "job arrays";
  return { would: `it would end ${named.join(" and ")}`, question: `End these ${these}?${kept.join("")}` };
}

function isNamed(job: JobSummary, name: string): boolean {
  return [job.jobId, job.batchId, job.requestFile].includes(name) || job.requestFile.endsWith(`/${name}`);
}

function notUnderWay(name: string): Problem {
  return {
    kind: "usage",
    where: name,
    message: "no job under way has this job id, batch id or request file, and no job array this id.",
    fix: "`dsgen status` lists the jobs.",
  };
}

async function cancelAll(context: CommandContext, session: JobsSession, chosen: UnderWay): Promise<ExitCode> {
  const { io, signal, style } = context;
  const ended = chosen.jobs.map((job) => job.jobId);
  const results = ended.length === 0 ? [] : await session.answers.cancel(ended, signal);
  if (ended.length > 0) {
    await session.answers.poll(signal);
    await writeViews(session, context.emit);
  }
  const cancelled = await endArrays(chosen.arrays, session.store, io.env, signal);
  const problems = [
    ...results.flatMap(({ problem }) => (problem === null ? [] : [problem])),
    ...cancelled.flatMap((array) => (array.unproven === null ? [] : [notProven(array, array.unproven)])),
  ];
  context.problems(problems);
  const ids = new Set<string>(results.map(({ job }) => job.jobId));
  const lines = jobLines(session.answers.jobs()).filter((line) => ids.has(line.jobId));
  context.result(
    () => jobsText(lines, io.now(), io.stdout.columns, style) + cancelledText(cancelled, style),
    () => [...lines, ...cancelled],
  );
  return problems.length > 0 ? EXIT.failed : EXIT.upToDate;
}

function notProven({ array, job }: ArrayCancelledLine, why: string): Problem {
  return {
    kind: "executor",
    where: job === null ? `array ${array}` : `job ${job}`,
    message: `it is not known to be over: ${why}.`,
    fix: `Run dsgen cancel again, or see for yourself: squeue --name=dsgen-${array}`,
  };
}
