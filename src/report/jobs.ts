import type { Progress, WaitingOn } from "../graph/state.ts";
import { age, columns, count } from "./format.ts";
import type { JobLine, JobStanding } from "./result-line.ts";
import { shorten } from "./shorten.ts";
import type { Style } from "./style.ts";

/** How a job's status reads to a person. Statuses are the provider's words, and ours for before and after it has one. */
export function jobStanding(status: string): JobStanding {
  switch (status) {
    case "completed":
    case "collected":
      return "done";
    case "expired":
    case "cancelled":
    case "abandoned":
      return "retry";
    case "failed":
    case "lost":
      return "failed";
    default:
      return "waiting";
  }
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

/** `status`: one line a batch, with a mark for how it stands. */
export function jobsText(jobs: readonly JobLine[], now: number, width: number, style: Style): string {
  const short = shortNames(jobs.map((job) => job.requestFile));
  const rows = jobs.map((job) => [
    short.get(job.requestFile) ?? job.requestFile,
    job.attempt > 1 ? `${job.status} (attempt ${job.attempt})` : job.status,
    progressText(job.progress),
    age(now - job.since),
    job.batchId ?? "",
  ]);
  const lines = columns(rows, [2, 3]);
  return jobs
    .map((job, i) => {
      const line = `${mark(job.standing, style)} ${shorten(lines[i] ?? "", Math.max(20, width - 2), style.marks.ellipsis)}\n`;
      const errors = job.errors.slice(0, SHOWN_ERRORS).map((error) => `    ${error}\n`);
      const rest = job.errors.length - SHOWN_ERRORS;
      return line + errors.join("") + (rest > 0 ? `    and ${count(rest)} more\n` : "");
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

function mark(standing: JobStanding, style: Style): string {
  switch (standing) {
    case "done":
      return style.green(style.marks.done);
    case "waiting":
      return style.yellow(style.marks.waiting);
    case "retry":
      return style.yellow(style.marks.warning);
    case "failed":
      return style.red(style.marks.failed);
  }
}
