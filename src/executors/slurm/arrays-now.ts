import type { Clock, Journal } from "../../engine/ports.ts";
import { type ArrayId, type ArrayJob, jobName } from "./array.ts";
import { ArrayBook } from "./array-book.ts";
import type { RunSlurm } from "./commands.ts";
import { lookAtQueue, type QueuedTask } from "./queue.ts";
import { SLURM_DEFAULTS } from "./settings.ts";
import { oddWords } from "./submit.ts";
import { isNamed } from "./watch.ts";

/** How an array that was not over at the last look stands, for people. */
export interface ArrayStanding {
  readonly array: ArrayId;
  /** Slurm's id of it; null while it is not known whether the scheduler took it. */
  readonly job: string | null;
  readonly since: number;
  /** Tasks by how they stand. `unknown`: over, and not looked into yet, or the scheduler did not say. */
  readonly tasks: Readonly<Record<"pending" | "running" | "done" | "failed" | "unknown", number>>;
  /** Why the first one that waits does, or why nothing is known. */
  readonly reason: string | null;
}

interface Options {
  readonly journal: Journal;
  readonly paths: { readonly version: string };
  readonly run: RunSlurm;
}

/** Looks at every open array once. Changes nothing. */
export async function arraysNow({ journal, paths, run }: Options): Promise<readonly ArrayStanding[]> {
  const open = new ArrayBook(journal).open();
  const look = await lookAtQueue(
    open.map(({ id }) => jobName(id)),
    run,
  );
  return open.map((array) => {
    const ofArray = look.ok ? look.value.tasks.filter(({ job }) => job === array.slurm) : [];
    const queued = new Map(ofArray.map((task) => [task.task, task]));
    const tasks = { pending: 0, running: 0, done: 0, failed: 0, unknown: 0 };
    for (const task of array.tasks.keys()) tasks[standingOf(array, task, queued.get(task), paths)]++;
    const waits = ofArray.find(({ phase }) => phase.kind === "pending");
    const reason = look.ok ? (waits?.reason ?? null) : `the scheduler does not answer: ${look.error.message}`;
    return { array: array.id, job: array.slurm, since: array.intendedAt, tasks, reason };
  });
}

function standingOf(
  array: ArrayJob,
  task: number,
  queued: QueuedTask | undefined,
  paths: Options["paths"],
): keyof ArrayStanding["tasks"] {
  if (array.ended.has(task)) return "failed";
  if ((array.tasks[task] ?? []).every((key) => isNamed(paths, key, array))) return "done";
  switch (queued?.phase.kind) {
    case "pending":
    case "running":
      return queued.phase.kind;
    case "over":
    case "unknown":
    case undefined:
      return "unknown";
  }
}

/** What became of an array that a person had ended. */
export interface ArrayCancelled {
  readonly array: ArrayId;
  readonly job: string | null;
  readonly tasks: number;
  /** Tasks of which every action has a result; they are kept. */
  readonly done: number;
  /** Why it is not proven that nothing of it runs, or will; null: squeue has shown that. */
  readonly unproven: string | null;
}

interface CancelOptions extends Options {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Looks until all of it is over: processes that do not go when told to are killed after `KillWait`, 30 s by default. */
const LOOKS = 45;
const BETWEEN_MS = 1000;

/**
 * Has the scheduler end these arrays, by their names: one of which it is not known whether it was taken ends as well, and so does
 * one that was taken twice. An array is over only when the queue, read whole, shows nothing of it alive; whoever builds again
 * then asks anew for what it left undone. For the holder of the lock.
 */
export async function cancelArrays(
  ids: readonly string[],
  { journal, paths, run, clock, signal }: CancelOptions,
): Promise<readonly ArrayCancelled[]> {
  const book = new ArrayBook(journal);
  const left = new Map(book.open().flatMap((array) => (ids.includes(array.id) ? [[array.id, array]] : [])));
  const cancelled: ArrayCancelled[] = [];
  const user = process.getuid?.();
  for (let looks = 1; left.size > 0; looks++) {
    const names = [...left.keys()].map(jobName);
    const told = await run("scancel", [`--name=${names.join(",")}`, ...(user === undefined ? [] : [`--user=${user}`])]);
    const look = await lookAtQueue(names, run);
    for (const array of left.values()) {
      const seen = look.ok ? look.value.tasks.filter(({ name }) => name === jobName(array.id)) : [];
      const unproven = look.ok
        ? aliveIn(array, seen, look.value.odd, clock.now())
        : `the scheduler does not answer: ${look.error.message}`;
      if (unproven !== undefined && told.ok && look.ok && looks < LOOKS && !signal.aborted) continue;
      left.delete(array.id);
      if (unproven === undefined) {
        const [job] = seen.map((task) => task.job);
        const at = clock.now();
        if (array.slurm === null && job !== undefined)
          book.record({ t: "array-submitted", array: array.id, slurm: job, adopted: true, at });
        book.record({ t: "array-cancelled", array: array.id, at });
      }
      const done = array.tasks.filter((keys) => keys.every((key) => isNamed(paths, key, array))).length;
      const why = unproven === undefined ? null : told.ok ? unproven : told.error.message;
      cancelled.push({ array: array.id, job: array.slurm, tasks: array.tasks.length, done, unproven: why });
    }
    if (left.size > 0) await clock.sleep(BETWEEN_MS, signal);
  }
  return cancelled;
}

/** What keeps an array from being known to be over; undefined: nothing. */
function aliveIn(
  array: ArrayJob,
  seen: readonly QueuedTask[],
  odd: readonly string[],
  now: number,
): string | undefined {
  const alive = seen.filter(({ phase }) => phase.kind !== "over");
  if (alive.length > 0) return `${alive.length} of its tasks ${alive.length === 1 ? "is" : "are"} not over yet`;
  if (odd.length > 0) return oddWords(odd);
  if (seen.length > 0) return undefined;
  // Not listed proves nothing of one that was never seen, or that may be too young for it.
  if (array.slurm === null) return "it is not in the queue, and it is not known whether the scheduler took it";
  return now - array.intendedAt < SLURM_DEFAULTS.queueLagMs
    ? "it is not in the queue, and may not be listed yet"
    : undefined;
}
