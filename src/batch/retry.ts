import type { Clock } from "../engine/ports.ts";
import { backoffMs, retrying } from "../engine/retry.ts";
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

/** What `retry-after` may ask for. */
export const LONGEST_ASKED_MS = 600_000;

/** Repeats a call under a policy; the last answer when it gives up. Waits end when the signal aborts. */
export function retry<T>(
  attempt: () => Promise<Call<T>>,
  policy: RetryPolicy,
  context: { readonly clock: Pick<Clock, "sleep">; readonly timing: Timing; readonly signal: AbortSignal },
): Promise<Call<T>> {
  const { timing } = context;
  return retrying(
    attempt,
    (error, tries) => {
      if (!policy(error, tries, timing)) return undefined;
      const asked = error.kind === "rate-limited" ? error.retryAfterMs : null;
      return Math.min(asked ?? backoffMs(timing, tries), LONGEST_ASKED_MS);
    },
    context,
  );
}
