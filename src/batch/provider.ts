import type { Endpoint } from "../api/request-file.ts";
import type { JsonObject } from "../graph/json.ts";
import type { Result } from "../graph/result.ts";

/*
 * What batch/ knows of a provider. One folder under providers/ implements it; nothing here names a company.
 * No method retries by itself: only batch/ knows which repetition could cost money.
 */

/** A provider's name space: answers in one are never taken for answers in another. Holds no secret. */
export interface Namespace {
  /** `openai:api.openai.com:org-…:proj_…` or `simulator:<seed>`. */
  readonly id: string;
  readonly kind: "openai" | "simulator";
}

/** The provider's words for a batch's state; `unknown` is a word that no known server uses, and proves nothing. */
export const REMOTE_STATUSES = [
  "unknown",
  "validating",
  "failed",
  "in_progress",
  "finalizing",
  "completed",
  "expired",
  "cancelling",
  "cancelled",
] as const;
export type RemoteStatus = (typeof REMOTE_STATUSES)[number];

/** Servers leave out, or rewrite, everything but the id. */
export interface RemoteFile {
  readonly id: string;
  readonly filename: string | null;
  readonly bytes: number | null;
}

export type RemoteBatchError = {
  readonly code: string | null;
  readonly message: string;
  readonly line: number | null;
  readonly param: string | null;
};

export interface RemoteBatch {
  readonly id: string;
  readonly status: RemoteStatus;
  readonly endpoint: string;
  /** Null where a server does not say. */
  readonly inputFileId: string | null;
  readonly outputFileId: string | null;
  readonly errorFileId: string | null;
  readonly errors: readonly RemoteBatchError[];
  /** Zero where a server does not say: a zero proves nothing. */
  readonly counts: { readonly total: number; readonly completed: number; readonly failed: number };
  readonly metadata: Readonly<Record<string, string>>;
  /** Seconds since the epoch by the provider's clock; null where it does not say. */
  readonly createdAt: number | null;
}

/**
 * How a call can fail, by what it proves.
 * Only `refused`, `rate-limited`, `auth`, `not-found` and `unreachable` prove that nothing was done.
 */
export type ProviderError =
  /** The connection was never made (DNS, refused): nothing was sent. */
  | { readonly kind: "unreachable"; readonly message: string }
  /** The server answered 4xx (other than the following): it understood and did nothing. */
  | { readonly kind: "refused"; readonly status: number; readonly code: string | null; readonly message: string }
  /** `status` is null where there is no key to ask with. */
  | { readonly kind: "auth"; readonly status: number | null; readonly message: string }
  | { readonly kind: "not-found"; readonly message: string }
  | { readonly kind: "rate-limited"; readonly retryAfterMs: number | null; readonly message: string }
  /** Sent, and then a reset, a time-out, a 5xx, or an answer that is no answer: it may or may not have been done. */
  | { readonly kind: "ambiguous"; readonly message: string }
  | { readonly kind: "aborted" };

export type Call<T> = Result<T, ProviderError>;

/** Which page of a list is asked for. */
export interface PageQuery {
  readonly after?: string;
  readonly limit: number;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Entries without an id, which could be anything. */
  readonly odd: number;
  /** Pass as `after` for the next page; null when there is nothing to go on from. */
  readonly next: string | null;
  /** The server says, or a page that is not full shows, that nothing follows. */
  readonly end: boolean;
}

/** A downloaded file. */
export interface Download {
  readonly path: string;
  readonly bytes: number;
  /** More came than was asked for: it ends where it was cut. */
  readonly cut: boolean;
  /** In how many places the server repeated the key, which is not kept. */
  readonly masked: number;
}

/** One request answered at once (`--realtime`). */
export interface DirectAnswer {
  readonly status: number;
  /** The body as received, but for the key where the server repeats that. */
  readonly bodyText: string;
  /** In how many places it did. */
  readonly masked: number;
  /** The provider's id for the call, from its headers. */
  readonly requestId: string | null;
  /** Tokens and requests left in the current window, when the provider says. */
  readonly remaining: {
    readonly requests: number | null;
    readonly tokens: number | null;
    readonly resetMs: number | null;
  };
}

export interface BatchProvider {
  readonly namespace: Namespace;
  /** True when this provider's answers are made up; every artifact made from them says so. */
  readonly simulated: boolean;

  /** Uploads a local file under `filename` with purpose `batch`. */
  upload(file: { readonly path: string; readonly filename: string }, signal?: AbortSignal): Promise<Call<RemoteFile>>;
  createBatch(
    batch: {
      readonly inputFileId: string;
      readonly endpoint: Endpoint;
      readonly metadata: Readonly<Record<string, string>>;
    },
    signal?: AbortSignal,
  ): Promise<Call<RemoteBatch>>;
  retrieveBatch(id: string, signal?: AbortSignal): Promise<Call<RemoteBatch>>;
  /** In the server's own order, which may be any. */
  listBatches(page: PageQuery, signal?: AbortSignal): Promise<Call<Page<RemoteBatch>>>;
  listFiles(page: PageQuery, signal?: AbortSignal): Promise<Call<Page<RemoteFile>>>;
  /** The provider's time now, in milliseconds since the epoch, from the last `Date` header it sent; null before one came. */
  serverNow(): number | null;
  /**
   * Writes the file's content to `destination`, at most `longest` bytes of it; a body shorter than announced is `ambiguous`,
   * and nothing is left behind.
   */
  download(fileId: string, destination: string, longest: number, signal?: AbortSignal): Promise<Call<Download>>;
  cancelBatch(id: string, signal?: AbortSignal): Promise<Call<RemoteBatch>>;
  /** Sends one request body to its endpoint and returns what came, whatever its status. */
  answer(
    request: { readonly url: Endpoint; readonly body: JsonObject },
    signal?: AbortSignal,
  ): Promise<Call<DirectAnswer>>;
  /** Ends what the provider started (an in-process server). */
  close(): Promise<void>;
}
