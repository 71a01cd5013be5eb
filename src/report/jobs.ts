import type { Progress } from "../graph/state.ts";
import { age, columns, count, countOf } from "./format.ts";
import type {
  ArrayCancelledLine,
  ArrayLine,
  JobLine,
  JobStanding,
  StatusTotalLine,
  WaitingOn,
} from "./result-schema.ts";
import type { Style } from "./style.ts";
import { setIn } from "./visible.ts";

/** Statuses are the provider's words, and ours for before and after it has one; of any other a person waits for the end. */
const STANDINGS: ReadonlyMap<string, JobStanding> = new Map([
  ["completed", "done"],
  ["collected", "done"],
  ["expired", "retry"],
  ["cancelled", "retry"],
  ["abandoned", "retry"],
  ["failed", "failed"],
  ["lost", "failed"],
]);

/** How a job's status reads to a person. */
export function jobStanding(status: string): JobStanding {
  return STANDINGS.get(status) ?? "waiting";
}

/** A batch job as `batch/` tells of it. */
export interface JobFacts {
  readonly requestFile: string;
  /** Digest of the request file as it was: a job of an earlier version of it is history. */
  readonly from: string;
  readonly task: string | null;
  readonly jobId: string;
  readonly batchId: string | null;
  readonly status: string;
  readonly mark: "done" | "waiting" | "failed";
  readonly attempt: number;
  readonly progress: Progress;
  readonly since: number;
  readonly until: number | null;
  readonly errors: readonly string[];
  readonly toAsk: number;
}

/**
 * Jobs for `status`, in the order they were intended. A job of an earlier attempt, or of requests that were changed since,
 * is over whatever became of it: the later one asks what it left, under whatever name their file has by then. One that left
 * requests which are still to be asked will be followed by another.
 */
export function jobLines(jobs: readonly JobFacts[]): readonly JobLine[] {
  const last = new Map<string, string>();
  const attempts = new Map<string, number>();
  for (const { requestFile, from, attempt } of jobs) {
    last.set(requestFile, from);
    attempts.set(from, Math.max(attempts.get(from) ?? 0, attempt));
  }
  return jobs.map(({ mark, errors, from, toAsk, ...job }) => {
    const superseded = from !== last.get(job.requestFile) || job.attempt < (attempts.get(from) ?? 0);
    const isOver = superseded && mark !== "waiting";
    const standing = isOver ? "done" : mark === "done" && toAsk > 0 ? "retry" : mark;
    return { type: "job-status", ...job, standing, errors: [...new Set(errors)] };
  });
}

/** How many jobs stand how. */
export function statusTotal(
  lines: readonly JobLine[],
  about: { readonly provider: string; readonly simulated: boolean },
): StatusTotalLine {
  const jobs = { done: 0, waiting: 0, retry: 0, failed: 0 };
  for (const line of lines) jobs[line.standing]++;
  return { type: "status-total", jobs, ...about };
}

/** The batches that a build waits for: `  request_batch1.jsonl: in_progress  35/50   12 min`. */
export function waitingText(waiting: readonly WaitingOn[], now: number): string {
  const unique = [...new Map(waiting.map((on) => [on.jobId, on])).values()];
  const short = shortNames(unique.map((on) => on.requestFile));
  const rows = unique.map((on) => [
    `${short.get(on.requestFile) ?? on.requestFile}: ${on.status}`,
    progressText(on.progress),
    age(now - on.since),
  ]);
  return columns(rows, [1, 2])
    .map((line) => `  ${line}\n`)
    .join("");
}

/** `status`: job arrays on a cluster: `  job 17: 3 pending (Priority), 2 running, 4 done   5 min`. */
export function arraysText(arrays: readonly ArrayLine[], now: number): string {
  if (arrays.length === 0) return "";
  const rows = arrays.map(({ job, tasks, reason, since }) => {
    const standing = Object.entries(tasks).flatMap(([name, of]) => (of > 0 ? [`${count(of)} ${name}`] : []));
    const why = reason === null ? "" : ` (${reason})`;
    return [
      `${job === null ? "not known to be submitted" : `job ${job}`}: ${standing.join(", ")}${why}`,
      age(now - since),
    ];
  });
  const lines = columns(rows, [1]).map((line) => `  ${line}\n`);
  return `${countOf(arrays.length, "job array")} on the cluster, tasks by how they stand:\n${lines.join("")}`;
}

/** `cancel`: what became of job arrays: `✓ job 17: over; 4 of 9 tasks were made and are kept`. */
export function cancelledText(arrays: readonly ArrayCancelledLine[], { green, yellow, marks }: Style): string {
  return arrays
    .map(({ array, job, tasks, done, unproven }) => {
      const mark = unproven === null ? green(marks.done) : yellow(marks.warning);
      const name = job === null ? `array ${array}` : `job ${job}`;
      const end = unproven === null ? "over" : "not known to be over";
      return `${mark} ${name}: ${end}; ${count(done)} of ${countOf(tasks, "task")} made before, and kept\n`;
    })
    .join("");
}

/**
 * `status`: one line a batch, with a mark for how it stands and how long it has been under way, or took; the provider's id
 * at the end where that leaves no line too wide, else below.
 */
export function jobsText(jobs: readonly JobLine[], now: number, width: number, style: Style): string {
  const { green, yellow, red, marks } = style;
  const mark: Readonly<Record<JobStanding, string>> = {
    done: green(marks.done),
    waiting: yellow(marks.waiting),
    retry: yellow(marks.warning),
    failed: red(marks.failed),
  };
  const short = shortNames(jobs.map((job) => job.requestFile));
  const rows = jobs.map((job) => [
    short.get(job.requestFile) ?? job.requestFile,
    job.attempt > 1 ? `${job.status} (attempt ${job.attempt})` : job.status,
    progressText(job.progress),
    age((job.until ?? now) - job.since),
  ]);
  const facts = columns(rows, [2, 3]);
  const ids = columns(
    rows.map((row, i) => [...row, jobs[i]?.batchId ?? ""]),
    [2, 3],
  );
  // An id that is cut is of no use.
  const wide = ids.every((line) => line.length + 2 <= width);
  const lines = wide ? ids : facts;
  return jobs
    .map((job, i) => {
      const line = `${mark[job.standing]} ${lines[i] ?? ""}\n`;
      const id = wide || job.batchId === null ? "" : `    ${style.dim(job.batchId)}\n`;
      const errors = job.errors.slice(0, SHOWN_ERRORS).map((error) => `    ${setIn(error)}\n`);
      const rest = job.errors.length - SHOWN_ERRORS;
      return line + id + errors.join("") + (rest > 0 ? `    and ${count(rest)} more\n` : "");
    })
    .join("");
}

const SHOWN_ERRORS = 5;

/** `35/50`, and how many of them failed. */
export function progressText(progress: Progress): string {
  const failed = progress.failed > 0 ? ` (${count(progress.failed)} failed)` : "";
  return `${count(progress.completed)}/${count(progress.total)}${failed}`;
}

/** File names without their folders where that leaves no two alike. */
function shortNames(paths: readonly string[]): ReadonlyMap<string, string> {
  const unique = [...new Set(paths)];
  const bases = unique.map((path) => path.slice(path.lastIndexOf("/") + 1));
  const clash = new Set(bases).size < bases.length;
  return new Map(unique.map((path, i) => [path, clash ? path : (bases[i] ?? path)]));
}
