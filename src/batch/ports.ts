import type { BlobStore, Clock } from "../engine/ports.ts";
import type { Digest } from "../graph/digest.ts";
import type { JobBook } from "./job-book.ts";
import type { BatchProvider } from "./provider.ts";
import type { Responses } from "./responses.ts";

/* What the steps of a job need of their surroundings, from sending to taking in. */

/** How patiently to send. All in milliseconds but the counts. */
export interface Patience {
  /** How long a batch or file may take to show up in a listing after it was created. */
  readonly listingLagMs: number;
  /** How long a call may go without an answer. A create may be acted on as late as that, and only then begin to lag. */
  readonly unansweredMs: number;
  /** Wait before looking or trying again; doubles up to a minute. */
  readonly firstWaitMs: number;
  /** Tries of one step after answers that prove that nothing was done. */
  readonly tries: number;
}

export interface SendPorts {
  readonly provider: BatchProvider;
  readonly book: JobBook;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly patience: Patience;
  readonly signal: AbortSignal;
}

export interface CollectPorts extends SendPorts {
  readonly responses: Responses;
  /** Downloads land here first; on the cache's file system. */
  readonly scratch: string;
  /** Files that gave the same bytes twice: a job that is looked at again need not fetch them a third time. */
  readonly fetched?: Map<string, { readonly blob: Digest; readonly sure: boolean; readonly notes: readonly string[] }>;
}
