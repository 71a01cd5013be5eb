import type { Clock } from "../engine/ports.ts";
import type { Call, ProviderError } from "./provider.ts";

/** How often, and after what waits (milliseconds, doubling from `firstWaitMs` up to a minute), a call is tried. */
export interface RetryPolicy {
  readonly tries: number;
  readonly firstWaitMs: number;
  /** Whether another try may help after this error. Only calls that are free may repeat what may have been done. */
  readonly worthIt: (error: ProviderError) => boolean;
}

const LONGEST_WAIT_MS = 60_000;
/** What `retry-after` may ask for. */
const LONGEST_ASKED_MS = 600_000;

/** Repeats a call under a policy; the last answer when it gives up. Waits end when the signal aborts. */
export async function retry<T>(
  attempt: () => Promise<Call<T>>,
  policy: RetryPolicy,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Call<T>> {
  for (let tries = 1; ; tries++) {
    const call = await attempt();
    if (call.ok || tries >= policy.tries || signal.aborted || !policy.worthIt(call.error)) return call;
    const asked = call.error.kind === "rate-limited" ? call.error.retryAfterMs : null;
    await clock.sleep(Math.min(asked ?? backoffMs(policy.firstWaitMs, tries), LONGEST_ASKED_MS), signal);
  }
}

/** The wait after the n-th try in vain. */
export function backoffMs(firstWaitMs: number, tries: number): number {
  return Math.min(firstWaitMs * 2 ** (tries - 1), LONGEST_WAIT_MS);
}

/** For calls that only look: whatever passes may have passed by the next try. */
export function passing(error: ProviderError): boolean {
  switch (error.kind) {
    case "unreachable":
    case "rate-limited":
    case "ambiguous":
      return true;
    case "refused":
    case "auth":
    case "not-found":
    case "aborted":
      return false;
  }
}
