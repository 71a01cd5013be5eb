import type { Endpoint } from "../api/request-file.ts";
import type { Digest, Fingerprint } from "../graph/digest.ts";
import type { JsonObject } from "../graph/json.ts";
import {
  all,
  firstWrong,
  list,
  type Member,
  number,
  oneOf,
  optional,
  orNull,
  recordOf,
  type Shape,
  text,
} from "../graph/members.ts";
import { ProblemError } from "../graph/problem.ts";
import { err, ok, type Result, unreachable } from "../graph/result.ts";
import { REMOTE_STATUSES, type RemoteBatch, type RemoteBatchError, type RemoteStatus } from "./provider.ts";

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

const REMOTE = {
  status: oneOf(REMOTE_STATUSES),
  total: number,
  completed: number,
  failed: number,
  outputFileId: orNull(text),
  errorFileId: orNull(text),
  errors: Array.isArray as Member<readonly RemoteBatchError[]>,
};
/** A batch as the journal keeps it. */
export type BatchStatus = Shape<typeof REMOTE>;

const COLLECTED = {
  output: orNull(text as Member<Digest>),
  errors: orNull(text as Member<Digest>),
  answered: number,
  refused: number,
  /** What stayed unanswered, by reason (`batch_expired`, `429`, `missing`). */
  unanswered: recordOf(list(text)),
  /** Requests of which no line speaks and no count says that they were not executed: perhaps paid, never asked again unasked. */
  lost: optional(list(text)),
  /** Tokens of the answers that were new; those of `unreported` answers came without a count. */
  usage: all({ input: number, cachedInput: number, output: number }),
  unreported: optional(number),
};
/** What a job came to. */
export type Collected = Shape<typeof COLLECTED>;

/** What each journal line of a job holds, beside its `t`, the job's id and the time (milliseconds since the epoch). */
const RECORDS = {
  intended: {
    namespace: text,
    requestFile: text,
    task: orNull(text),
    model: text,
    endpoint: text as Member<Endpoint>,
    attempt: number,
    requests: number,
    /** Digest of the request file it was cut from: what tells a bought answer from a reused one. */
    from: text as Member<Digest>,
    /** The blob that holds the lines to upload. */
    lines: text as Member<Digest>,
    tokens: orNull(number),
    maxCostUsd: orNull(number),
  },
  uploaded: { file: text },
  /** Written before each create leaves: from here the listing lag is counted, by the provider's clock where it is known. */
  creating: { serverAt: optional(orNull(number)) },
  submitted: {
    batch: text,
    createdAt: number,
    adopted: optional((value) => typeof value === "boolean") as Member<boolean>,
  },
  observed: { remote: all(REMOTE) },
  collected: { result: all(COLLECTED) },
  abandoned: { why: text },
  lost: { why: text },
  /** A person says that what is not known of this job was not executed. */
  forgotten: {},
};

type RecordKind = keyof typeof RECORDS;
type RecordOf<T extends RecordKind> = Shape<(typeof RECORDS)[T]> & {
  readonly t: T;
  readonly job: JobId;
  readonly at: number;
};
/** A journal line of a job. */
export type JobRecord =
  | { [T in RecordKind]: RecordOf<T> }[Exclude<RecordKind, "intended">]
  | (RecordOf<"intended"> & { readonly v: 1 });

export type Job = Shape<(typeof RECORDS)["intended"]> & {
  readonly id: JobId;
  readonly state: JobState;
  readonly fileId: string | null;
  readonly batchId: string | null;
  readonly remote: BatchStatus | null;
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
};

const RUNNING: readonly RecordKind[] = ["observed", "lost", "forgotten"];
const OVER: readonly RecordKind[] = ["observed", "collected", "lost", "forgotten"];

/** The state machine: which records a job in a given state may be followed by. */
const FOLLOWS: Readonly<Record<JobState, readonly RecordKind[]>> = {
  planned: ["intended"],
  intended: ["uploaded", "submitted", "abandoned", "forgotten"],
  uploaded: ["creating", "submitted", "abandoned", "forgotten"],
  submitted: RUNNING,
  validating: RUNNING,
  in_progress: RUNNING,
  finalizing: RUNNING,
  cancelling: RUNNING,
  unknown: OVER,
  completed: OVER,
  expired: OVER,
  cancelled: OVER,
  failed: [...OVER, "abandoned"],
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
  return ok({ ...job, ...changeOf(job, record), changedAt: record.at });
}

function changeOf(job: Job, record: Exclude<JobRecord, { t: "intended" }>): Partial<Job> {
  switch (record.t) {
    case "uploaded":
      return { state: "uploaded", fileId: record.file };
    case "submitted":
      return { state: "submitted", batchId: record.batch, createdAt: record.createdAt, why: null };
    case "creating":
      return { creatingAt: record.at, creatingServerAt: record.serverAt ?? null };
    case "observed": {
      const endedAt = isTerminal(record.remote.status) ? (job.endedAt ?? record.at) : null;
      return { state: record.remote.status, remote: record.remote, endedAt };
    }
    case "collected":
      return { state: "collected", collected: record.result };
    case "abandoned":
    case "lost":
      return { state: record.t, why: record.why };
    case "forgotten":
      return job.state === "collected" && job.collected !== null
        ? { collected: { ...job.collected, lost: [] } }
        : { state: "abandoned", why: "a person said that it was not executed" };
    default:
      return unreachable(record);
  }
}

function intendedJob({ t: _t, v: _v, job: id, at, ...intended }: Extract<JobRecord, { t: "intended" }>): Job {
  const unsent = { fileId: null, batchId: null, creatingAt: null, creatingServerAt: null, createdAt: null };
  const open = { remote: null, endedAt: null, collected: null, why: null };
  return { id, state: "intended", ...intended, ...unsent, ...open, intendedAt: at, changedAt: at };
}

/** True while the provider may still be doing, or may already have done, something for this job. */
export function isOpen({ state }: Job): boolean {
  return state !== "planned" && state !== "collected" && state !== "abandoned" && state !== "lost";
}

/** True when the provider will do no more: what there is can be collected. */
export function isTerminal(status: RemoteStatus): boolean {
  return status === "completed" || status === "failed" || status === "expired" || status === "cancelled";
}

/** A job's status in the provider's words where it has one; `collected` is ours, so the last remote word is shown. */
export function statusOf(job: Job): string {
  if (job.state === "collected") return job.remote?.status ?? "completed";
  return job.state;
}

/** Whether a batch names a file of what it produced. */
export function namesFile({ outputFileId, errorFileId }: Pick<BatchStatus, "outputFileId" | "errorFileId">): boolean {
  return outputFileId !== null || errorFileId !== null;
}

/** A batch whose validation failed: the provider says so with errors of the file, and names nothing that it produced. */
export function failedValidation(remote: BatchStatus): boolean {
  return remote.status === "failed" && remote.errors.length > 0 && !namesFile(remote) && remote.completed === 0;
}

export function batchStatus({ status, counts, outputFileId, errorFileId, errors }: RemoteBatch): BatchStatus {
  return { status, ...counts, outputFileId, errorFileId, errors };
}

/** What a journal line is to the job book: one of its records, somebody else's, or one of its own that makes no sense. */
export type ReadRecord =
  | { readonly kind: "record"; readonly record: JobRecord }
  | { readonly kind: "other" }
  | { readonly kind: "malformed"; readonly why: string };

/**
 * Reads one journal line. Lines are checksummed, so one that makes no sense was written by another dsgen: it is told, not
 * guessed at. Throws a ProblemError (`version`) for an intent of a later format: a job that cannot be read might be
 * under way, and its requests would be sent a second time.
 */
export function readJobRecord(line: JsonObject): ReadRecord {
  const kind = line["t"];
  if (typeof kind !== "string" || !Object.hasOwn(RECORDS, kind)) return { kind: "other" };
  if (kind === "intended" && line["v"] !== 1) {
    throw new ProblemError({
      kind: "version",
      where: "the journal of batch jobs",
      message: `this dsgen reads version 1 of a job's record; the journal holds version ${JSON.stringify(line["v"] ?? null)}.`,
      fix: "Use the dsgen that wrote it, or a newer one. Nothing was sent or changed.",
    });
  }
  const wrong = firstWrong(line, { job: text, at: number, ...RECORDS[kind as RecordKind] });
  if (wrong !== undefined) return { kind: "malformed", why: `its "${kind}" has no sound ${wrong}` };
  return { kind: "record", record: line as JsonObject & JobRecord };
}
