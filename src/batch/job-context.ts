import type { Responses } from "../api/responses.ts";
import type { BlobStore, Clock, Journal } from "../engine/ports.ts";
import type { Emit } from "../events/schema.ts";
import type { Digest } from "../graph/digest.ts";
import type { JobId } from "./job.ts";
import type { JobBook } from "./job-book.ts";
import type { JobLines } from "./job-lines.ts";
import { waitingOn } from "./metadata.ts";
import type { BatchProvider } from "./provider.ts";

/** How long to wait for what, in milliseconds, and how often to try. */
export interface Timing {
  /** How long a batch or file may take to show up in a listing after it was created. */
  readonly listingLagMs: number;
  /** How long a call may go without an answer. A create may be acted on as late as that, and only then begin to lag. */
  readonly unansweredMs: number;
  /** Wait before looking or trying again; doubles up to a minute. */
  readonly firstWaitMs: number;
  /** Tries of one step after answers that prove that nothing was done. */
  readonly tries: number;
}

/** What every step of a job needs of its surroundings, from sending to taking in. */
export interface JobContext {
  readonly provider: BatchProvider;
  readonly book: JobBook;
  readonly journal: Journal;
  readonly blobs: BlobStore;
  readonly responses: Responses;
  readonly jobLines: JobLines;
  readonly clock: Clock;
  readonly timing: Timing;
  /** Downloads land here first; on the cache's file system. */
  readonly scratch: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly creates: CreateCalls;
  /** Files that gave the same bytes twice: a job that is looked at again need not fetch them a third time. */
  readonly fetched: Map<string, FetchedFile>;
}

interface FetchedFile {
  readonly blob: Digest;
  readonly bytes: number;
  readonly sure: boolean;
  readonly notes: readonly string[];
}

/** When creates can last have been acted on, by the monotonic clock: what the listing lag is counted from. */
interface CreateCalls {
  /** When this process began. Calls of an earlier one, which held the lock, were over by then. */
  readonly startedAt: number;
  /** When the last unclear create of a job ended, for creates of this process. */
  readonly ended: Map<JobId, number>;
}

export function notice(
  { emit }: Pick<JobContext, "emit">,
  level: "info" | "warning",
  code: string,
  message: string,
): void {
  emit({ type: "notice", level, code, message });
}

/** Tells that a job has changed. */
export function tellJob({ emit, book }: Pick<JobContext, "emit" | "book">, id: JobId): void {
  const job = book.job(id);
  if (job === undefined) return;
  const { since: _, ...state } = waitingOn(job);
  emit({ type: "job", ...state });
}
