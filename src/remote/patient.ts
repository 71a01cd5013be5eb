import type { Clock } from "../engine/ports.ts";
import { boundedWait, retrying } from "../engine/retry.ts";
import { err } from "../graph/result.ts";
import { limited } from "./limited.ts";
import type { Remote, RemoteFailure, Reply } from "./remote.ts";

const TRIES = 4;
const FIRST_WAIT_MS = 200;

export interface Patience {
  /** The longest that one try may take. */
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, "sleep">;
}

/**
 * The same cache with an end to every call, and what passes tried again, a bounded number of times. Each call may be
 * repeated: a put whose answer was lost finds the second time that it is there.
 */
export function patient(remote: Remote, { timeoutMs, clock }: Patience): Remote {
  const waitAfter = boundedWait<RemoteFailure>(
    { tries: TRIES, firstWaitMs: FIRST_WAIT_MS, longestMs: timeoutMs },
    (failure) => (passes(failure) ? (failure.retryAfterMs ?? 0) : undefined),
  );
  const tried = <T>(call: (signal: AbortSignal) => Reply<T>, signal: AbortSignal): Reply<T> =>
    retrying(
      () => limited(signal, timeoutMs, (one) => Promise.race([call(one), timeUp<T>(one, timeoutMs)])),
      waitAfter,
      { clock, signal },
    );
  return {
    label: remote.label,
    has: (name, signal) => tried((one) => remote.has(name, one), signal),
    get: (name, signal) => tried((one) => remote.get(name, one), signal),
    putIfAbsent: (name, bytes, signal) => tried((one) => remote.putIfAbsent(name, bytes, one), signal),
    list: (folder, signal) => tried((one) => remote.list(folder, one), signal),
    entries: (folder, signal) => tried((one) => remote.entries(folder, one), signal),
    remove: (name, signal) => tried((one) => remote.remove(name, one), signal),
    excludes: (signal) => tried((one) => remote.excludes(one), signal),
  };
}

function passes({ kind }: RemoteFailure): boolean {
  return kind === "gone" || kind === "slow" || kind === "busy";
}

/** A file system that hangs heeds no signal. */
function timeUp<T>(signal: AbortSignal, timeoutMs: number): Reply<T> {
  return new Promise((resolve) => {
    const end = () => resolve(err({ kind: "slow", message: `no answer within ${timeoutMs / 1000} s` }));
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}
