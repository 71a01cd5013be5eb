import type { Clock } from "../engine/ports.ts";
import type { Call, ProviderError } from "./provider.ts";

/** How long to wait for what, in milliseconds, and how often to try. */
export interface Timing {
  /** How long a batch or file may take to show up in a listing after it was created. */
  readonly listingLagMs: number;
  /** How long a call may go without an answer. A create may be acted on as late as that, and only then begin to lag. */
  readonly unansweredMs: number;
  /** Wait before looking or trying again; doubles up to a minute. */
  readonly firstWaitMs: number;
  /** Tries of one step after answers that prove that nothing was done. */
  readonly tries: number;
}

/** Whether another try may help after the n-th ended with this error. Only calls that are free may repeat what may have been done. */
export type RetryPolicy = (error: ProviderError, tries: number, timing: Timing) => boolean;

/** For calls that only look: whatever passes may have passed by the next try. */
export const LOOKING: RetryPolicy = (error, tries, { tries: most }) =>
  tries < most && (provesNothingDone(error) || error.kind === "ambiguous");

/** True after an error that passes, and until which nothing was done. */
export function provesNothingDone({ kind }: ProviderError): boolean {
  return kind === "unreachable" || kind === "rate-limited";
}

const LONGEST_WAIT_MS = 60_000;
/** What `retry-after` may ask for. */
export const LONGEST_ASKED_MS = 600_000;

/** Repeats a call under a policy; the last answer when it gives up. Waits end when the signal aborts. */
export async function retry<T>(
  attempt: () => Promise<Call<T>>,
  policy: RetryPolicy,
  context: { readonly clock: Pick<Clock, "sleep">; readonly timing: Timing; readonly signal: AbortSignal },
): Promise<Call<T>> {
  const { clock, timing, signal } = context;
  for (let tries = 1; ; tries++) {
    const call = await attempt();
    if (call.ok || signal.aborted || !policy(call.error, tries, timing)) return call;
    const asked = call.error.kind === "rate-limited" ? call.error.retryAfterMs : null;
    await clock.sleep(Math.min(asked ?? backoffMs(timing, tries), LONGEST_ASKED_MS), signal);
  }
}

/** The wait after the n-th try in vain. */
export function backoffMs({ firstWaitMs }: Timing, tries: number): number {
  return Math.min(firstWaitMs * 2 ** (tries - 1), LONGEST_WAIT_MS);
}
