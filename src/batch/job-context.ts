import type { Responses } from "../api/responses.ts";
import type { BlobStore, Clock, Journal } from "../engine/ports.ts";
import type { Emit } from "../events/schema.ts";
import type { Digest } from "../graph/digest.ts";
import type { Colleagues } from "./colleagues.ts";
import type { JobId } from "./job.ts";
import type { JobBook } from "./job-book.ts";
import type { JobLines } from "./job-lines.ts";
import { waitingOn } from "./metadata.ts";
import type { BatchProvider } from "./provider.ts";
import type { Timing } from "./retry.ts";

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
  /** Others who may ask the same; undefined where nothing is shared with anybody. */
  readonly colleagues: Colleagues | undefined;
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
