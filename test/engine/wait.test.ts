import { expect, test } from "vitest";
import type { EngineEvent } from "../../src/engine/events.ts";
import { waitFor } from "../../src/engine/wait.ts";

/** What is told of a wait of a minute in which the two clocks go on by so many milliseconds. */
async function told(set: number, steady: number, aborted = false): Promise<readonly EngineEvent[]> {
  const events: EngineEvent[] = [];
  const signal = new AbortController();
  let [now, monotonic] = [1_000_000, 0];
  const clock = {
    now: () => now,
    monotonic: () => monotonic,
    sleep: () => {
      [now, monotonic] = [now + set, monotonic + steady];
      if (aborted) signal.abort();
      return Promise.resolve();
    },
  };
  await waitFor(60_000, { clock, emit: (event) => events.push(event), signal: signal.signal });
  return events;
}

test("a wait through which the machine slept is told, whichever clock has noticed; an ordinary one is not", async () => {
  expect(await told(60_010, 60_010)).toEqual([]);
  const slept = { type: "notice", level: "info", code: "slept", message: expect.stringContaining("took 181 min") };
  expect(await told(10_860_000, 60_010)).toEqual([slept]);
  expect(await told(10_860_000, 10_860_000)).toEqual([slept]);
  // A clock that was set back says nothing of sleep.
  expect(await told(-5_000_000, 60_010)).toEqual([]);
  expect(await told(10_860_000, 60_010, true)).toEqual([]);
});
