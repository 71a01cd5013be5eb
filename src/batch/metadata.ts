import { isSimulator } from "../api/made-up.ts";
import type { TargetName } from "../graph/names.ts";
import type { WaitingOn } from "../graph/state.ts";
import { isOpen, type Job, statusOf } from "./job.ts";
import type { PlannedJob } from "./packing.ts";
import { answeredNone } from "./unanswered.ts";

/**
 * The text of `batch_metadata.json`: one entry a job, by request file and attempt, in the words of OpenAI's batch object
 * so that scripts written for it go on working; undefined while there is none. Times are seconds since the epoch, as
 * OpenAI's. A job whose request file is no target any more is that of the one with the same folder and file name: `paths`
 * in dsgen.yaml moves them.
 */
export function renderMetadata(
  jobs: readonly Job[],
  requestFiles: readonly string[],
  isTarget: (name: string) => boolean,
): string | undefined {
  const place = new Map(requestFiles.map((name, i) => [name, i]));
  const moved = new Map(requestFiles.map((name, i) => [nameInTask(name), i]));
  const entries = jobs
    .flatMap((job) => {
      const { requestFile: name } = job;
      const i = place.get(name) ?? (isTarget(name) ? undefined : moved.get(nameInTask(name)));
      return i === undefined ? [] : [{ job, i }];
    })
    .sort((a, b) => a.i - b.i || a.job.intendedAt - b.job.intendedAt)
    .map(({ job, i }) => metadataEntry(job, requestFiles[i] ?? job.requestFile));
  return entries.length === 0 ? undefined : `${JSON.stringify(entries, null, 2)}\n`;
}

/** `refusal/request_batch0.jsonl`: what a request file is called wherever it lies. */
function nameInTask(requestFile: string): string {
  return requestFile.split("/").slice(-2).join("/");
}

function metadataEntry(job: Job, requestFile: string) {
  const { batchId, status, progress, since } = waitingOn(job);
  return {
    batch_file: requestFile,
    batch_id: batchId,
    file_id: job.fileId,
    status,
    created_at: Math.floor(since / 1000),
    request_counts: progress,
    output_file_id: job.remote?.outputFileId ?? null,
    error_file_id: job.remote?.errorFileId ?? null,
    job_id: job.id,
    attempt: job.attempt,
    model: job.model,
    endpoint: job.endpoint,
    collected: job.state === "collected",
    ...(isSimulator(job.namespace) ? { simulated: true } : {}),
    ...(job.why === null ? {} : { why: job.why }),
    ...(job.remote === null || job.remote.errors.length === 0 ? {} : { errors: job.remote.errors }),
  };
}

/** A job as the engine waits on it; since when the provider created it, or since it was intended. */
export function waitingOn(job: Job): WaitingOn {
  const { collected, remote, requests } = job;
  return {
    requestFile: job.requestFile as TargetName,
    jobId: job.id,
    batchId: job.batchId,
    status: statusOf(job),
    progress: {
      total: requests,
      completed: collected?.answered ?? remote?.completed ?? 0,
      failed: collected === null ? (remote?.failed ?? 0) : requests - collected.answered,
    },
    since: job.createdAt ?? job.intendedAt,
  };
}

/** The same for one that is planned and not sent yet. */
export function queuedOn({ requestFile, lines, plannedAt }: PlannedJob): WaitingOn {
  return {
    requestFile: requestFile as TargetName,
    jobId: `${requestFile}:${lines[0]?.id ?? ""}`,
    batchId: null,
    status: "queued",
    progress: { total: lines.length, completed: 0, failed: 0 },
    since: plannedAt,
  };
}

/** What `status` prints a line of. */
export interface JobSummary extends WaitingOn {
  /** Digest of the request file it was cut from. */
  readonly from: string;
  readonly task: string | null;
  readonly mark: "done" | "waiting" | "failed";
  readonly attempt: number;
  /** When it was over, as far as dsgen has seen; null while it is not. */
  readonly until: number | null;
  readonly errors: readonly string[];
  /** Requests that it left without an answer and that the next build asks again. */
  readonly toAsk: number;
}

/** @param said what the provider said to each request of a job of which none was answered */
export function summaryOf(job: Job, said: Iterable<string> = [], toAsk = 0): JobSummary {
  const { from, task, attempt, collected, why, remote } = job;
  return {
    ...waitingOn(job),
    from,
    task,
    mark: markOf(job),
    attempt,
    until: isOpen(job) || job.state === "planned" ? null : job.changedAt,
    errors: [
      ...(collected?.answered === 0 ? [answeredNone(job.requests, said)] : []),
      ...(why === null ? [] : [why]),
      ...(remote?.errors ?? []).map(({ line, message }) => `${line === null ? "" : `line ${line}: `}${message}`),
    ],
    toAsk,
  };
}

/** A batch that ran to its end and answered nothing has failed; one that was cut short will be followed by another. */
function markOf(job: Job): JobSummary["mark"] {
  if (job.state !== "collected") return isOpen(job) || job.state === "planned" ? "waiting" : "failed";
  const cutShort = job.remote?.status === "expired" || job.remote?.status === "cancelled";
  return job.collected?.answered === 0 && !cutShort ? "failed" : "done";
}
