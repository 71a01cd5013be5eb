import type { Endpoint } from "../api/request-file.ts";
import type { Usage } from "../api/usage.ts";
import type { Digest, Fingerprint } from "../graph/digest.ts";
import { err, ok, type Result, unreachable } from "../graph/result.ts";
import type { RemoteBatchError, RemoteStatus } from "./provider.ts";

/** Names a job on both sides: in the journal, in the uploaded file's name, in the remote batch's metadata. */
export type JobId = Fingerprint & { readonly __job: "JobId" };

/**
 * A batch job's states. `planned` jobs are in memory only; every other state is a fold over the journal.
 *
 *   planned → intended → uploaded → submitted → validating → in_progress → finalizing → completed | failed | expired | cancelled → collected
 *
 * `abandoned`: it is proven that the provider did nothing for this job; its requests are free to be sent again.
 * `lost`: it was executed, and its output no longer exists at the provider; never sent again unless a person says so.
 */
export type JobState =
  | "planned"
  | "intended"
  | "uploaded"
  | "submitted"
  | RemoteStatus
  | "collected"
  | "abandoned"
  | "lost";

/** What a job came to, with what stayed unanswered by reason (`batch_expired`, `429`, `missing`). */
export type Collected = {
  readonly output: Digest | null;
  readonly errors: Digest | null;
  readonly answered: number;
  readonly refused: number;
  readonly unanswered: Readonly<Record<string, readonly string[]>>;
  /** Requests of which no line speaks and no count says that they were not executed: perhaps paid, never asked again unasked. */
  readonly lost?: readonly string[];
  /** Tokens of the answers that were new; those of `unreported` answers came without a count. */
  readonly usage: Usage;
  readonly unreported?: number;
};

export type RemoteView = {
  readonly status: RemoteStatus;
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly outputFileId: string | null;
  readonly errorFileId: string | null;
  readonly errors: readonly RemoteBatchError[];
};

/** A journal line. Times are milliseconds since the epoch. */
export type JobRecord =
  | {
      readonly t: "intended";
      readonly v: 1;
      readonly job: JobId;
      readonly namespace: string;
      readonly requestFile: string;
      readonly task: string | null;
      readonly model: string;
      readonly endpoint: Endpoint;
      readonly attempt: number;
      readonly requests: number;
      /** Digest of the request file it was cut from: what tells a bought answer from a reused one. */
      readonly from: Digest;
      /** The blob that holds the lines to upload. */
      readonly lines: Digest;
      readonly tokens: number | null;
      readonly maxCostUsd: number | null;
      readonly at: number;
    }
  | { readonly t: "uploaded"; readonly job: JobId; readonly file: string; readonly at: number }
  /** Written before each create leaves: from here the listing lag is counted, by the provider's clock where it is known. */
  | { readonly t: "creating"; readonly job: JobId; readonly serverAt?: number | null; readonly at: number }
  | {
      readonly t: "submitted";
      readonly job: JobId;
      readonly batch: string;
      readonly createdAt: number;
      readonly adopted: boolean;
      readonly at: number;
    }
  | { readonly t: "observed"; readonly job: JobId; readonly remote: RemoteView; readonly at: number }
  | { readonly t: "collected"; readonly job: JobId; readonly result: Collected; readonly at: number }
  | { readonly t: "abandoned"; readonly job: JobId; readonly why: string; readonly at: number }
  | { readonly t: "lost"; readonly job: JobId; readonly why: string; readonly at: number }
  /** A person says that what is not known of this job was not executed. */
  | { readonly t: "forgotten"; readonly job: JobId; readonly at: number };

export interface Job {
  readonly id: JobId;
  readonly state: JobState;
  readonly namespace: string;
  readonly requestFile: string;
  readonly task: string | null;
  readonly model: string;
  readonly endpoint: Endpoint;
  readonly attempt: number;
  readonly requests: number;
  readonly from: Digest;
  readonly lines: Digest;
  readonly tokens: number | null;
  readonly maxCostUsd: number | null;
  readonly fileId: string | null;
  readonly batchId: string | null;
  readonly remote: RemoteView | null;
  readonly collected: Collected | null;
  /** Why it was abandoned or lost. */
  readonly why: string | null;
  readonly intendedAt: number;
  /** When the last create left, by this machine's clock and by the provider's; null: none left, or its time was not known. */
  readonly creatingAt: number | null;
  readonly creatingServerAt: number | null;
  /** When it was first seen to be over, by this machine's clock. */
  readonly endedAt: number | null;
  /** When the provider says it created the batch. */
  readonly createdAt: number | null;
  readonly changedAt: number;
}

/** The state machine: which records a job in a given state may be followed by. */
const FOLLOWS: Readonly<Record<JobState, readonly JobRecord["t"][]>> = {
  planned: ["intended"],
  intended: ["uploaded", "submitted", "abandoned", "forgotten"],
  uploaded: ["creating", "submitted", "abandoned", "forgotten"],
  submitted: ["observed", "lost", "forgotten"],
  unknown: ["observed", "collected", "lost", "forgotten"],
  validating: ["observed", "lost", "forgotten"],
  in_progress: ["observed", "lost", "forgotten"],
  finalizing: ["observed", "lost", "forgotten"],
  cancelling: ["observed", "lost", "forgotten"],
  completed: ["observed", "collected", "lost", "forgotten"],
  expired: ["observed", "collected", "lost", "forgotten"],
  cancelled: ["observed", "collected", "lost", "forgotten"],
  failed: ["observed", "collected", "abandoned", "lost", "forgotten"],
  // A file, or a line, that came later than it was waited for.
  collected: ["observed", "forgotten"],
  // Its batch was listed later than the bound allowed for: what was paid is taken in all the same.
  abandoned: ["submitted"],
  // A file that was unreachable and is there again.
  lost: ["observed", "collected", "forgotten"],
};

/** Applies one record. An error says why the record does not follow; the job is then left as it was. */
export function transition(job: Job | undefined, record: JobRecord): Result<Job, string> {
  const state: JobState = job?.state ?? "planned";
  if (!FOLLOWS[state].includes(record.t)) return err(`job ${record.job}: "${record.t}" does not follow "${state}"`);
  if (record.t === "intended") return ok(intendedJob(record));
  if (job === undefined) return err(`job ${record.job}: "${record.t}" before "intended"`);
  switch (record.t) {
    case "uploaded":
      return ok({ ...job, state: "uploaded", fileId: record.file, changedAt: record.at });
    case "submitted":
      return ok({
        ...job,
        state: "submitted",
        batchId: record.batch,
        createdAt: record.createdAt,
        why: null,
        changedAt: record.at,
      });
    case "creating":
      return ok({ ...job, creatingAt: record.at, creatingServerAt: record.serverAt ?? null, changedAt: record.at });
    case "observed": {
      const endedAt = isTerminal(record.remote.status) ? (job.endedAt ?? record.at) : null;
      return ok({ ...job, state: record.remote.status, remote: record.remote, endedAt, changedAt: record.at });
    }
    case "collected":
      return ok({ ...job, state: "collected", collected: record.result, changedAt: record.at });
    case "abandoned":
      return ok({ ...job, state: "abandoned", why: record.why, changedAt: record.at });
    case "lost":
      return ok({ ...job, state: "lost", why: record.why, changedAt: record.at });
    case "forgotten":
      if (job.state === "collected" && job.collected !== null)
        return ok({ ...job, collected: { ...job.collected, lost: [] }, changedAt: record.at });
      return ok({ ...job, state: "abandoned", why: "a person said that it was not executed", changedAt: record.at });
    default:
      return unreachable(record);
  }
}

function intendedJob(record: Extract<JobRecord, { t: "intended" }>): Job {
  return {
    id: record.job,
    state: "intended",
    namespace: record.namespace,
    requestFile: record.requestFile,
    task: record.task,
    model: record.model,
    endpoint: record.endpoint,
    attempt: record.attempt,
    requests: record.requests,
    from: record.from,
    lines: record.lines,
    tokens: record.tokens,
    maxCostUsd: record.maxCostUsd,
    fileId: null,
    batchId: null,
    remote: null,
    collected: null,
    why: null,
    intendedAt: record.at,
    creatingAt: null,
    creatingServerAt: null,
    endedAt: null,
    createdAt: null,
    changedAt: record.at,
  };
}

/** True while the provider may still be doing, or may already have done, something for this job. */
export function isOpen(job: Job): boolean {
  switch (job.state) {
    case "planned":
    case "collected":
    case "abandoned":
    case "lost":
      return false;
    case "intended":
    case "uploaded":
    case "submitted":
    case "unknown":
    case "validating":
    case "in_progress":
    case "finalizing":
    case "cancelling":
    case "completed":
    case "failed":
    case "expired":
    case "cancelled":
      return true;
    default:
      return unreachable(job.state);
  }
}

/** A batch whose validation failed: the provider says so with errors of the file, and names nothing that it produced. */
export function failedValidation(remote: RemoteView): boolean {
  const produced = remote.outputFileId !== null || remote.errorFileId !== null || remote.completed > 0;
  return remote.status === "failed" && remote.errors.length > 0 && !produced;
}

/** True when the provider will do no more: what there is can be collected. */
export function isTerminal(status: RemoteStatus): boolean {
  return status === "completed" || status === "failed" || status === "expired" || status === "cancelled";
}
