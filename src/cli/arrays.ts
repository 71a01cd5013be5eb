import type { ArrayLine } from "../report/result-schema.ts";
import type { Store } from "../store/store.ts";

/* Job arrays on a cluster, for the command that lists what is under way. Loaded where the journal speaks of one. */

const speaksOfArrays = ({ journal }: Store): boolean => journal.records().some(({ t }) => t === "array-intended");

/** Every array that was not over when it was last looked at. */
export async function openArrays(store: Store, env: NodeJS.ProcessEnv): Promise<readonly ArrayLine[]> {
  if (!speaksOfArrays(store)) return [];
  const { arraysNow } = await import("../executors/slurm/arrays-now.ts");
  const arrays = await arraysNow({ ...store, run: await commands(env) });
  return arrays.map((array) => ({ type: "array-status", ...array, tasks: { ...array.tasks } }));
}

async function commands(env: NodeJS.ProcessEnv) {
  const [{ seenByTasks, slurmCommands }, { SLURM_DEFAULTS }] = await Promise.all([
    import("../executors/slurm/commands.ts"),
    import("../executors/slurm/settings.ts"),
  ]);
  return slurmCommands({ env: seenByTasks(env), boundMs: SLURM_DEFAULTS.callMs });
}
