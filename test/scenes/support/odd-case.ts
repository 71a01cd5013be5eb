/*
 * What a server may do oddly. A case bends one answer as a server or gateway in use was reported to; the rest is as OpenAI
 * documents it.
 */

export type Json = Readonly<Record<string, unknown>>;

/** One request of an uploaded file. */
export interface Line {
  readonly custom_id: string;
  readonly url: string;
  readonly body: Json;
}

/** A batch as the API shows it; hooks may show another. */
export interface BatchObject {
  readonly id: string;
  readonly created_at: number;
  readonly input_file_id: string;
  status: string;
  errors: unknown;
  output_file_id: string | null;
  error_file_id: string | null;
  request_counts: Json | null;
  readonly [key: string]: unknown;
}

export interface OddBatch {
  readonly object: BatchObject;
  /** The how-many-th create made it, from 1. */
  readonly nth: number;
  /** Looks before it ended, and from its end on. */
  seen: number;
  after: number;
}

/** How a batch ends. A file that is null is not made; lines are objects, or text for what is no JSON. */
export interface Settled {
  readonly output: readonly (Json | string)[] | null;
  readonly errors?: readonly (Json | string)[] | null;
  readonly counts?: Json;
  readonly status?: string;
  /** The batch's own `errors`. */
  readonly reasons?: unknown;
}

export interface Reply {
  readonly status: number;
  readonly body: Json | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Page {
  readonly data: readonly Json[];
  readonly has_more: boolean;
}

/** What a case bends. A hook that returns undefined leaves the usual answer; `n` counts the calls of its kind from 1. */
export interface OddCase {
  /** Looks until a batch ends (1). */
  readonly polls?: number;
  /** Creates that are acted on before their connection is reset. */
  readonly dropCreate?: readonly number[];
  readonly settle?: (batch: OddBatch, lines: readonly Line[]) => Settled;
  /** The batch as it is shown by create, retrieve and list. */
  readonly show?: (shown: BatchObject, batch: OddBatch) => Json;
  /** All batches in the order of the listing, newest first, before they are cut into pages. */
  readonly listRows?: (rows: readonly Json[]) => readonly Json[];
  readonly listPage?: (rows: readonly Json[], query: URLSearchParams, n: number) => Page;
  readonly onCreate?: (request: Json, n: number) => Reply | undefined;
  /** The file object that an upload is answered with, and that stays so. */
  readonly onUpload?: (file: Json, n: number) => Json;
  readonly onContent?: (file: string, data: Buffer, n: number) => Reply | undefined;
  readonly direct?: (body: Json, n: number) => Reply | undefined;
}

/** What was charged and what was called. */
export interface OddLedger {
  /** The custom_ids (or, asked directly, the bodies' digests) that were charged, with the batch of each charge. */
  readonly charges: ReadonlyMap<string, readonly string[]>;
  readonly paidTwice: number;
  /** Every call: method and path. */
  readonly calls: readonly string[];
}
