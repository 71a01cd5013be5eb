import type { RemoteStatus } from "../batch/provider.ts";
import { randomFrom } from "./random.ts";

/** How long a batch takes. `scale` stretches or compresses all of it. */
export interface Timing {
  readonly validatingMs: number;
  readonly perRequestMs: number;
  readonly finalizingMs: number;
  /** Each batch starts up to this much later than it could, so that several do not move in step. */
  readonly staggerMs: number;
  /** How long one real-time call takes. */
  readonly answerMs: number;
  readonly scale: number;
}

/** For the offline default: fifty requests take about a second, so that progress can be watched and nobody waits. */
export const DEFAULT_TIMING: Timing = {
  validatingMs: 120,
  perRequestMs: 10,
  finalizingMs: 120,
  staggerMs: 500,
  answerMs: 15,
  scale: 1,
};

/** Done when it is next looked at. */
export const INSTANT_TIMING: Timing = {
  validatingMs: 0,
  perRequestMs: 0,
  finalizingMs: 0,
  staggerMs: 0,
  answerMs: 0,
  scale: 1,
};

/** How a batch was fated to end when it was created. */
export type Ending =
  | { readonly kind: "completed" }
  | { readonly kind: "failed" }
  | { readonly kind: "expired"; readonly share: number }
  | { readonly kind: "cancelled"; readonly share: number };

/** What decides a batch's course; kept on disk, so that it goes on across processes and their deaths. */
export interface Course {
  readonly createdAtMs: number;
  readonly total: number;
  readonly startMs: number;
  readonly perRequestMs: number;
  readonly finalizingMs: number;
  readonly ending: Ending;
  /** When somebody cancelled it. */
  readonly cancelledAtMs: number | null;
}

export interface Progress {
  readonly status: RemoteStatus;
  readonly executed: number;
  /** When each state was reached, in milliseconds, as far as it was. */
  readonly startedAt: number | null;
  readonly finalizingAt: number | null;
  readonly cancellingAt: number | null;
  readonly endedAt: number | null;
}

export function courseOf(
  timing: Timing,
  batch: {
    readonly id: string;
    readonly seed: number;
    readonly createdAtMs: number;
    readonly total: number;
    readonly ending: Ending;
  },
): Course {
  const late = randomFrom("stagger", batch.seed, batch.id).next() * timing.staggerMs;
  return {
    createdAtMs: batch.createdAtMs,
    total: batch.total,
    startMs: Math.round((timing.validatingMs + late) * timing.scale),
    perRequestMs: timing.perRequestMs * timing.scale,
    finalizingMs: Math.round(timing.finalizingMs * timing.scale),
    ending: batch.ending,
    cancelledAtMs: null,
  };
}

/** Where a batch is at `now`: a pure function of its course, so that nothing needs to run while nobody looks. */
export function progressOf(course: Course, now: number): Progress {
  const startedAt = course.createdAtMs + course.startMs;
  const none = { executed: 0, startedAt: null, finalizingAt: null, cancellingAt: null, endedAt: null };
  const cancelledAt = course.cancelledAtMs;
  if (cancelledAt !== null && cancelledAt <= now) return cancelled(course, cancelledAt, now);
  if (now < startedAt) return { ...none, status: "validating" };
  if (course.ending.kind === "failed") return { ...none, status: "failed", endedAt: startedAt };
  const executed = executedBy(course, now);
  const workedAt = Math.round(startedAt + planned(course) * course.perRequestMs);
  if (now < workedAt) return { ...none, status: "in_progress", executed, startedAt };
  const endedAt = workedAt + course.finalizingMs;
  switch (course.ending.kind) {
    case "completed":
      if (now < endedAt) return { ...none, status: "finalizing", executed, startedAt, finalizingAt: workedAt };
      return { ...none, status: "completed", executed, startedAt, finalizingAt: workedAt, endedAt };
    case "expired":
      if (now < endedAt) return { ...none, status: "in_progress", executed, startedAt };
      return { ...none, status: "expired", executed, startedAt, endedAt };
    case "cancelled":
      if (now < endedAt) return { ...none, status: "cancelling", executed, startedAt, cancellingAt: workedAt };
      return { ...none, status: "cancelled", executed, startedAt, cancellingAt: workedAt, endedAt };
  }
}

export function isTerminal(status: RemoteStatus): boolean {
  return status === "completed" || status === "failed" || status === "expired" || status === "cancelled";
}

function cancelled(course: Course, cancelledAt: number, now: number): Progress {
  const executed = executedBy(course, cancelledAt);
  const startedAt = cancelledAt < course.createdAtMs + course.startMs ? null : course.createdAtMs + course.startMs;
  const endedAt = cancelledAt + course.finalizingMs;
  const common = { executed, startedAt, finalizingAt: null, cancellingAt: cancelledAt };
  if (now < endedAt) return { ...common, status: "cancelling", endedAt: null };
  return { ...common, status: "cancelled", endedAt };
}

function planned(course: Course): number {
  const { ending, total } = course;
  switch (ending.kind) {
    case "completed":
      return total;
    case "failed":
      return 0;
    case "expired":
    case "cancelled":
      return Math.floor(total * ending.share);
  }
}

function executedBy(course: Course, at: number): number {
  const spent = at - course.createdAtMs - course.startMs;
  if (spent < 0) return 0;
  if (course.perRequestMs === 0) return planned(course);
  return Math.min(planned(course), Math.floor(spent / course.perRequestMs));
}
