import type { Digest, Fingerprint } from "../graph/digest.ts";

/** Where a request's raw answer lies, and how it came. */
export interface ResponseEntry {
  readonly requestId: Fingerprint;
  readonly blob: Digest;
  readonly offset: number;
  readonly length: number;
  /** `refusal`: the provider will not answer this as it is; `liftable`: not until time or a person changes something else. */
  readonly kind: "answer" | "refusal" | "liftable";
  readonly jobId: string;
  readonly batchId: string | null;
  readonly via: "batch" | "direct" | "import";
}

/** Every response of one provider namespace, by request id. The first answer stays; a refusal gives way to what comes after it. */
export interface Responses {
  lookup(requestId: Fingerprint): ResponseEntry | undefined;
  /** The raw line as it was received, or undefined for an unknown request. Throws a ProblemError when its blob is damaged. */
  readRaw(requestId: Fingerprint): string | undefined;
  /**
   * Notes responses whose blobs are stored. One fsync for all; on disk when it returns. Throws a ProblemError when they
   * could not be written: then none of them is known.
   */
  add(entries: readonly ResponseEntry[]): void;
  /** Known to this process from here on, and not written: for one that holds no lock. */
  remember(entries: readonly ResponseEntry[]): void;
  entries(): Iterable<ResponseEntry>;
}
