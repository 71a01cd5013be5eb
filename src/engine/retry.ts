import type { Result } from "../graph/result.ts";
import type { Clock } from "./ports.ts";

/** How long to wait before another try may help, in milliseconds; undefined when it may not. */
export type WaitAfter<E> = (error: E, tries: number) => number | undefined;

/** Repeats a call for as long as it may help; its last answer. Waits end when the signal aborts. */
export async function retrying<T, E>(
  attempt: () => Promise<Result<T, E>>,
  waitAfter: WaitAfter<E>,
  { clock, signal }: { readonly clock: Pick<Clock, "sleep">; readonly signal: AbortSignal },
): Promise<Result<T, E>> {
  for (let tries = 1; ; tries++) {
    const call = await attempt();
    if (call.ok || signal.aborted) return call;
    const wait = waitAfter(call.error, tries);
    if (wait === undefined) return call;
    await clock.sleep(wait, signal);
  }
}

const LONGEST_WAIT_MS = 60_000;

/** The wait after the n-th try in vain: doubles up to a minute. */
export function backoffMs({ firstWaitMs }: { readonly firstWaitMs: number }, tries: number): number {
  return Math.min(firstWaitMs * 2 ** (tries - 1), LONGEST_WAIT_MS);
}

/**
 * A bounded number of tries, each wait twice the one before it. Who says how long to wait is believed, unless that is longer
 * than whoever asks would wait.
 * @param asked the least to wait after an error that may pass, in milliseconds; undefined for one that will not
 */
export function boundedWait<E>(
  {
    tries: most,
    firstWaitMs,
    longestMs,
  }: { readonly tries: number; readonly firstWaitMs: number; readonly longestMs: number },
  asked: (error: E) => number | undefined,
): WaitAfter<E> {
  return (error, tries) => {
    const least = tries < most ? asked(error) : undefined;
    if (least === undefined) return undefined;
    const wait = Math.max(least, backoffMs({ firstWaitMs }, tries));
    return wait > longestMs ? undefined : wait;
  };
}
