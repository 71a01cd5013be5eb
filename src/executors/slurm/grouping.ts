/*
 * Actions into tasks, tasks into arrays. Pure: what is cut how depends on what is given alone, and any cut gives the same
 * bytes. A task costs the scheduler as much as an hour-long job does, so each is to last a minute or more.
 */

export interface Piece<K> {
  readonly key: K;
  /** How long it takes, from what was seen before; undefined when nothing like it was. */
  readonly expectedMs: number | undefined;
}

export interface Cutting {
  /** What a task is meant to last. */
  readonly taskMs: number;
  /** Tasks in one array, at most. */
  readonly arraySize: number;
  /** Tasks that may be handed over now, in all arrays. */
  readonly room: number;
}

export interface Cut<K> {
  /** Arrays of tasks of actions. */
  readonly arrays: readonly (readonly (readonly K[])[])[];
  /** What waits: for room, or for the pilot to tell how long such a thing takes. */
  readonly later: readonly K[];
}

/** So many are tried where nothing is known, one a task. */
export const PILOT = 8;
/** Fewer than these are not worth waiting for a pilot: shards whose answers come an hour apart run side by side. */
export const WORTH_A_PILOT = 3 * PILOT;

/**
 * Cuts pieces, in their order.
 * @param pilotUnderWay whether pieces of which nothing is known are already being tried
 */
export function cut<K>(pieces: readonly Piece<K>[], cutting: Cutting, pilotUnderWay: boolean): Cut<K> {
  const unknown = pieces.filter(({ expectedMs }) => expectedMs === undefined);
  const isPilot = unknown.length >= WORTH_A_PILOT;
  const tried = new Set((isPilot ? unknown.slice(0, pilotUnderWay ? 0 : PILOT) : unknown).map(({ key }) => key));
  const tasks: K[][] = [];
  let open: K[] = [];
  let lasts = 0;
  for (const { key, expectedMs } of pieces) {
    if (expectedMs === undefined) {
      if (tried.has(key)) tasks.push([key]);
      continue;
    }
    // A clock that was set back meanwhile may have measured less than nothing.
    const takes = Math.max(0, expectedMs);
    if (open.length > 0 && lasts + takes > cutting.taskMs) {
      tasks.push(open);
      [open, lasts] = [[], 0];
    }
    open.push(key);
    lasts += takes;
  }
  if (open.length > 0) tasks.push(open);
  const taken = tasks.slice(0, Math.max(0, cutting.room));
  const arrays: K[][][] = [];
  for (let from = 0; from < taken.length; from += cutting.arraySize)
    arrays.push(taken.slice(from, from + cutting.arraySize));
  const placed = new Set(taken.flat());
  return { arrays, later: pieces.map(({ key }) => key).filter((key) => !placed.has(key)) };
}

/** The middle of what was seen, and a quarter more: a task is rather too short than over its time. */
export function expectedOf(seen: readonly number[]): number | undefined {
  const sorted = [...seen].sort((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return middle === undefined ? undefined : middle * 1.25;
}
