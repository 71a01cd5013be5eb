import type { RequestLine } from "../api/request-file.ts";
import type { Digest } from "../graph/digest.ts";
import type { Job } from "./job.ts";

/** A job that is planned and not yet intended: in memory only, so a crash forgets it without harm. */
export interface PlannedJob
  extends Pick<Job, "requestFile" | "task" | "model" | "endpoint" | "from" | "tokens" | "maxCostUsd"> {
  readonly lines: readonly RequestLine[];
  /** The blob to upload; stored before the intent that names it. */
  readonly blob: Digest;
  readonly plannedAt: number;
}

/** What one uploaded file may hold. */
export interface FileLimits {
  readonly maxRequests: number;
  readonly maxBytes: number;
  /** The model's enqueued-token limit, when known: one job alone may not pass it. */
  readonly maxTokens: number | null;
}

export interface Pack {
  readonly lines: readonly RequestLine[];
  readonly bytes: number;
  readonly tokens: number | null;
}

/**
 * Cuts requests into files, in order, each as full as the limits allow. A model or endpoint of its own needs a file of
 * its own. A single request beyond the limits still gets a file: the provider's refusal then names it.
 */
export function pack(
  lines: readonly RequestLine[],
  limits: FileLimits,
  tokensOf: (line: RequestLine) => number | null,
): readonly Pack[] {
  const packs: Pack[] = [];
  let current: RequestLine[] = [];
  let bytes = 0;
  let tokens: number | null = 0;
  const flush = () => {
    if (current.length > 0) packs.push({ lines: current, bytes, tokens });
    current = [];
    bytes = 0;
    tokens = 0;
  };
  for (const line of lines) {
    const size = Buffer.byteLength(line.raw) + 1;
    const weight = tokensOf(line);
    const first = current[0];
    const full =
      first !== undefined &&
      (current.length >= limits.maxRequests ||
        bytes + size > limits.maxBytes ||
        (limits.maxTokens !== null && tokens !== null && weight !== null && tokens + weight > limits.maxTokens) ||
        first.model !== line.model ||
        first.url !== line.url);
    if (full) flush();
    current.push(line);
    bytes += size;
    tokens = tokens === null || weight === null ? null : tokens + weight;
  }
  flush();
  return packs;
}
