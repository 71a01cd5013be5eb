import type { Emit } from "./events.ts";
import type { Clock } from "./ports.ts";

/** So much later than it was meant to end, a wait was interrupted by sleep; a busy machine is seconds late at most. */
const SLEPT_MS = 60_000;

/** A wait between two looks. Where far more time has gone by than was waited for, that is said: nobody looked meanwhile. */
export async function waitFor(
  milliseconds: number,
  { clock, emit, signal }: { readonly clock: Clock; readonly emit: Emit; readonly signal: AbortSignal },
): Promise<void> {
  const [set, steady] = [clock.now(), clock.monotonic()];
  await clock.sleep(milliseconds, signal);
  // The steady clock stands still while a machine sleeps on some systems, and goes on on others.
  const gone = Math.max(clock.now() - set, clock.monotonic() - steady);
  if (signal.aborted || gone < milliseconds + SLEPT_MS) return;
  const [took, meant] = [Math.round(gone / 60_000), Math.round(milliseconds / 1000)];
  const message = `a wait of ${meant} s took ${took} min: this machine slept, or its clock was set; what is waited for is looked at again now`;
  emit({ type: "notice", level: "info", code: "slept", message });
}
