import type { TargetName } from "../graph/names.ts";
import type { WaitingOn } from "../graph/state.ts";
import { isOpen, type Job, statusOf } from "./job.ts";
import type { PlannedJob } from "./packing.ts";
import { answeredNone } from "./unanswered.ts";

/**
 * The text of `batch_metadata.json`: one entry a job, by request file and attempt, in the words of OpenAI's batch object
 * so that scripts written for it go on working. Times are seconds since the epoch, as OpenAI's.
 */
export function renderMetadata(jobs: readonly Job[], requestFiles: readonly string[]): string {
  const rank = new Map(requestFiles.map((name, i) => [name, i]));
  const entries = jobs
    .filter((job) => rank.has(job.requestFile))
    .sort((a, b) => (rank.get(a.requestFile) ?? 0) - (rank.get(b.requestFile) ?? 0) || a.intendedAt - b.intendedAt)
    .map(metadataEntry);
  return `${JSON.stringify(entries, null, 2)}\n`;
}

function metadataEntry(job: Job) {
  return {
    batch_file: job.requestFile,
    batch_id: job.batchId,
    file_id: job.fileId,
    status: statusOf(job),
    created_at: Math.floor((job.createdAt ?? job.intendedAt) / 1000),
    request_counts: {
      total: job.requests,
      completed: job.collected?.answered ?? job.remote?.completed ?? 0,
      failed: job.collected === null ? (job.remote?.failed ?? 0) : job.requests - job.collected.answered,
    },
    output_file_id: job.remote?.outputFileId ?? null,
    error_file_id: job.remote?.errorFileId ?? null,
    job_id: job.id,
    attempt: job.attempt,
    model: job.model,
    endpoint: job.endpoint,
    collected: job.state === "collected",
    ...(job.namespace.startsWith("simulator:") ? { simulated: true } : {}),
    ...(job.why === null ? {} : { why: job.why }),
    ...(job.remote === null || job.remote.errors.length === 0 ? {} : { errors: job.remote.errors }),
  };
}

/** What `status` prints a line of. */
export interface JobView {
  readonly requestFile: string;
  /** Digest of the request file it was cut from. */
  readonly from: string;
  readonly task: string | null;
  readonly jobId: string;
  readonly batchId: string | null;
  readonly status: string;
  readonly mark: "done" | "waiting" | "failed";
  readonly attempt: number;
  readonly progress: { readonly total: number; readonly completed: number; readonly failed: number };
  /** Milliseconds since the epoch: when the provider created it, or when it was intended. */
  readonly since: number;
  /** When it was over, as far as dsgen has seen; null while it is not. */
  readonly until: number | null;
  readonly errors: readonly string[];
}

/** @param said what the provider said to each request of a job of which none was answered */
export function jobView(job: Job, said: Iterable<string> = []): JobView {
  const remote = job.remote;
  return {
    requestFile: job.requestFile,
    from: job.from,
    task: job.task,
    jobId: job.id,
    batchId: job.batchId,
    status: statusOf(job),
    mark: markOf(job),
    attempt: job.attempt,
    progress: {
      total: job.requests,
      completed: job.collected?.answered ?? remote?.completed ?? 0,
      failed: job.collected === null ? (remote?.failed ?? 0) : job.requests - job.collected.answered,
    },
    since: job.createdAt ?? job.intendedAt,
    until: isOpen(job) || job.state === "planned" ? null : job.changedAt,
    errors: [
      ...(job.collected?.answered === 0 ? [answeredNone(job.requests, said)] : []),
      ...(job.why === null ? [] : [job.why]),
      ...(remote?.errors ?? []).map((error) => `${error.line === null ? "" : `line ${error.line}: `}${error.message}`),
    ],
  };
}

/** A batch that ran to its end and answered nothing has failed; one that was cut short will be followed by another. */
function markOf(job: Job): JobView["mark"] {
  if (job.state !== "collected") return isOpen(job) || job.state === "planned" ? "waiting" : "failed";
  const cutShort = job.remote?.status === "expired" || job.remote?.status === "cancelled";
  return job.collected?.answered === 0 && !cutShort ? "failed" : "done";
}

/** A job as the engine waits on it. */
export function waitingOn(job: Job): WaitingOn {
  const { requestFile, jobId, batchId, status, progress, since } = jobView(job);
  return { requestFile: requestFile as TargetName, jobId, batchId, status, progress, since };
}

/** The same for one that is planned and not sent yet. */
export function queuedOn(planned: PlannedJob): WaitingOn {
  return {
    requestFile: planned.requestFile as TargetName,
    jobId: `${planned.requestFile}:${planned.lines[0]?.id ?? ""}`,
    batchId: null,
    status: "queued",
    progress: { total: planned.lines.length, completed: 0, failed: 0 },
    since: planned.plannedAt,
  };
}
