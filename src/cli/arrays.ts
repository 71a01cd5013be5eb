import { countOf } from "../report/format.ts";
import type { ArrayCancelledLine, ArrayLine } from "../report/result-schema.ts";
import type { Store } from "../store/store.ts";
import { systemClock } from "./surroundings.ts";

/* Job arrays on a cluster, for the commands that list what is under way and end it. Loaded where the journal speaks of one. */

const speaksOfArrays = ({ journal }: Store): boolean => journal.records().some(({ t }) => t === "array-intended");

/** Every array that was not over when it was last looked at. */
export async function openArrays(store: Store, env: NodeJS.ProcessEnv): Promise<readonly ArrayLine[]> {
  if (!speaksOfArrays(store)) return [];
  const { arraysNow } = await import("../executors/slurm/arrays-now.ts");
  const arrays = await arraysNow({ ...store, run: await commands(env) });
  return arrays.map((array) => ({ type: "array-status", ...array, tasks: { ...array.tasks } }));
}

/** The arrays that a person may name, with what each is, as the journal has it: the scheduler is not asked. */
export async function arrayNames(store: Store): Promise<readonly (readonly [name: string, about: string])[]> {
  if (!speaksOfArrays(store)) return [];
  const { ArrayBook } = await import("../executors/slurm/array-book.ts");
  const open = new ArrayBook(store.journal).open();
  return open.map(({ id, slurm, tasks }) => [slurm ?? id, `job array: ${countOf(tasks.length, "task")}`]);
}

/** Whether a person means this array: by the scheduler's id, the job's name, or what `status` calls it. */
export function isNamedArray({ job, array }: ArrayLine, name: string): boolean {
  return name === job || name === array || name === `dsgen-${array}`;
}

/** Ends arrays, and says of each whether it is known to be over. */
export async function endArrays(
  arrays: readonly ArrayLine[],
  store: Store,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<readonly ArrayCancelledLine[]> {
  if (arrays.length === 0) return [];
  const { cancelArrays } = await import("../executors/slurm/arrays-now.ts");
  const ids = arrays.map(({ array }) => array);
  const ended = await cancelArrays(ids, { ...store, run: await commands(env), clock: systemClock, signal });
  return ended.map((array) => ({ type: "array-cancelled", ...array }));
}

async function commands(env: NodeJS.ProcessEnv) {
  const [{ seenByTasks, slurmCommands }, { SLURM_DEFAULTS }] = await Promise.all([
    import("../executors/slurm/commands.ts"),
    import("../executors/slurm/settings.ts"),
  ]);
  return slurmCommands({ env: seenByTasks(env), boundMs: SLURM_DEFAULTS.callMs });
}
