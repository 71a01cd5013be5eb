import type { Digest } from "../graph/digest.ts";
import type { Job } from "./job.ts";
import type { Endpoint } from "./provider.ts";
import type { RequestLine } from "./request-file.ts";

/** A job that is planned and not yet intended: in memory only, so a crash forgets it without harm. */
export interface PlannedJob {
  readonly requestFile: string;
  readonly task: string | null;
  readonly model: string;
  readonly endpoint: Endpoint;
  readonly lines: readonly RequestLine[];
  /** The blob to upload; stored before the intent that names it. */
  readonly blob: Digest;
  readonly tokens: number | null;
  readonly maxCostUsd: number | null;
  readonly plannedAt: number;
}

/**
 * The enqueued-token limit of each model: configured, or learned from the provider's refusal. Jobs go out in waves
 * within it; what other programs of the same organisation have enqueued shows only in refusals, which lower the wave.
 */
export class EnqueuedLimits {
  readonly #limits: Map<string, number>;

  constructor(configured: ReadonlyMap<string, number>) {
    this.#limits = new Map(configured);
  }

  limitOf(model: string): number | null {
    return this.#limits.get(model) ?? null;
  }

  /** True when a job of this many tokens may go out beside the open ones. One alone always may: it must be tried. */
  admits(model: string, tokens: number | null, open: readonly Job[]): boolean {
    const limit = this.limitOf(model);
    const ofModel = open.filter((job) => job.model === model);
    if (limit === null || tokens === null || ofModel.length === 0) return true;
    let enqueued = 0;
    for (const job of ofModel) enqueued += job.tokens ?? 0;
    return enqueued + tokens <= limit;
  }

  /**
   * Reads the limit from a refusal: "Enqueued token limit reached for gpt-4o in organization org-…. Limit: 90,000 enqueued
   * tokens. …". Without a number in it, what was open beside the refused job is taken to be all there is room for.
   */
  learn(model: string, message: string, openTokens: number): number {
    const stated = /limit:?\s*([\d,]+)/i.exec(message)?.[1];
    const limit = stated === undefined ? Math.max(1, openTokens) : Number(stated.replaceAll(",", ""));
    this.#limits.set(model, limit);
    return limit;
  }
}
