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
  ...{ validatingMs: 0, perRequestMs: 0, finalizingMs: 0, staggerMs: 0, answerMs: 0 },
  scale: 1,
};

/** How a batch ends, decided when it is created; `share` of its requests is executed before. */
export type Ending =
  | { readonly kind: "completed" | "failed" }
  | { readonly kind: "expired" | "cancelled"; readonly share: number };

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
  { validatingMs, perRequestMs, finalizingMs, staggerMs, scale }: Timing,
  seed: number,
  id: string,
  batch: Pick<Course, "createdAtMs" | "total" | "ending">,
): Course {
  const late = randomFrom("stagger", seed, id).next() * staggerMs;
  return {
    ...batch,
    startMs: Math.round((validatingMs + late) * scale),
    perRequestMs: perRequestMs * scale,
    finalizingMs: Math.round(finalizingMs * scale),
    cancelledAtMs: null,
  };
}

/** Where a batch is at `now`: a pure function of its course, so that nothing needs to run while nobody looks. */
export function progressOf(course: Course, now: number): Progress {
  const { total, ending, finalizingMs, perRequestMs } = course;
  const planned = "share" in ending ? Math.floor(total * ending.share) : ending.kind === "failed" ? 0 : total;
  const started = course.createdAtMs + course.startMs;
  const worked = Math.round(started + planned * perRequestMs);
  const cancelled = course.cancelledAtMs ?? (ending.kind === "cancelled" ? worked : null);
  const until = cancelled === null ? now : Math.min(now, cancelled);
  const executed = until >= worked ? planned : Math.max(0, Math.floor((until - started) / perRequestMs));
  const startedAt = until < started || ending.kind === "failed" ? null : started;
  const at = { executed, startedAt, finalizingAt: null, cancellingAt: null, endedAt: null };
  if (cancelled !== null && cancelled <= now) {
    const endedAt = cancelled + finalizingMs;
    if (now < endedAt) return { ...at, status: "cancelling", cancellingAt: cancelled };
    return { ...at, status: "cancelled", cancellingAt: cancelled, endedAt };
  }
  if (now < started) return { ...at, status: "validating" };
  if (ending.kind === "failed") return { ...at, status: "failed", endedAt: started };
  const endedAt = worked + finalizingMs;
  if (ending.kind === "expired" && now >= endedAt) return { ...at, status: "expired", endedAt };
  if (ending.kind === "expired" || now < worked) return { ...at, status: "in_progress" };
  if (now < endedAt) return { ...at, status: "finalizing", finalizingAt: worked };
  return { ...at, status: "completed", finalizingAt: worked, endedAt };
}

export function isTerminal(status: RemoteStatus): boolean {
  return status === "completed" || status === "failed" || status === "expired" || status === "cancelled";
}
