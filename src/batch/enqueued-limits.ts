import type { Job } from "./job.ts";

/**
 * The enqueued-token limit of each model: configured, or learned from the provider's refusal. Jobs go out in waves
 * within it; what other programs of the same organisation have enqueued shows only in refusals, which lower the wave.
 */
export class EnqueuedLimits {
  readonly #limits: Map<string, number>;
  readonly #cooling = new Map<string, { readonly until: number; readonly ms: number }>();
  readonly #firstCoolMs: number;
  /** Refusals in a row while nothing of the model was open, by model. */
  readonly #refusedAlone = new Map<string, number>();

  /** @param firstCoolMs the wait after a first refusal; it doubles up to ten minutes while refusals go on */
  constructor(configured: ReadonlyMap<string, number>, firstCoolMs: number) {
    this.#limits = new Map(configured);
    this.#firstCoolMs = firstCoolMs;
  }

  limitOf(model: string): number | null {
    return this.#limits.get(model) ?? null;
  }

  /**
   * True when a job of this many tokens may go out beside the open ones. One alone always may: it must be tried. After a
   * refusal none may for a while, since others of the organisation may hold the room.
   */
  admits(model: string, tokens: number | null, open: readonly Job[], now: number): boolean {
    if (now < (this.#cooling.get(model)?.until ?? 0)) return false;
    const limit = this.limitOf(model);
    const ofModel = open.filter((job) => job.model === model);
    if (limit === null || tokens === null || ofModel.length === 0) return true;
    let enqueued = 0;
    for (const job of ofModel) enqueued += job.tokens ?? 0;
    return enqueued + tokens <= limit;
  }

  /**
   * Reads the limit from a refusal: "Enqueued token limit reached for gpt-4o in organization org-…. Limit: 90,000 enqueued
   * tokens. …". Without a number in it, what was open beside the refused job is taken to be all there is room for; with
   * nothing open, half of the job.
   */
  learn(job: Job, message: string, openTokens: number, now: number): number | null {
    const stated = /limit:?\s*([\d,]*\d)/i.exec(message)?.[1];
    const guess = openTokens > 0 ? openTokens : job.tokens === null ? null : Math.ceil(job.tokens / 2);
    const limit = stated === undefined ? guess : Number(stated.replaceAll(",", ""));
    if (limit !== null) this.#limits.set(job.model, limit);
    const ms = Math.min((this.#cooling.get(job.model)?.ms ?? this.#firstCoolMs / 2) * 2, 600_000);
    this.#cooling.set(job.model, { until: now + ms, ms });
    if (openTokens === 0) this.#refusedAlone.set(job.model, this.refusedAlone(job.model) + 1);
    return limit;
  }

  /** How often in a row a job of this model was refused while nothing of the model was open. */
  refusedAlone(model: string): number {
    return this.#refusedAlone.get(model) ?? 0;
  }

  /** A job of this model was let in: the next refusal starts from the short wait again. */
  admitted(model: string): void {
    this.#cooling.delete(model);
    this.#refusedAlone.delete(model);
  }
}
