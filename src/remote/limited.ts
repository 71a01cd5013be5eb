/**
 * What `work` comes to, whose signal aborts after so many milliseconds, or with the outer one. A timer of our own: with Node
 * 20 an `AbortSignal.timeout` to which only `AbortSignal.any` refers was seen never to abort.
 */
export async function limited<T>(
  outer: AbortSignal,
  milliseconds: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const abort = () => stop.abort();
  const timer = setTimeout(abort, milliseconds);
  outer.addEventListener("abort", abort, { once: true });
  if (outer.aborted) abort();
  try {
    return await work(stop.signal);
  } finally {
    clearTimeout(timer);
    outer.removeEventListener("abort", abort);
  }
}
