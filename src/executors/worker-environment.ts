/*
 * What of the environment a worker may see: an allow-list, since nobody knows the names of all keys there are. Whoever starts
 * a worker passes nothing else on, and the worker removes what has come all the same before it does anything.
 */

const NAMES: ReadonlySet<string> = new Set([
  // Where programs, homes and scratch space are, and how text is written.
  ..."PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR LD_LIBRARY_PATH NODE_PATH".split(" "),
  // Where files of tokenizers are, and of models that a check loads.
  ..."HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HUB_OFFLINE XDG_CACHE_HOME".split(" "),
  // Which part of a machine is this process's.
  ..."CUDA_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES ZE_AFFINITY_MASK OMP_NUM_THREADS".split(" "),
  // Where a scheduler has put it. Not all of SLURM_*: SLURM_JWT is a key.
  ..."SLURM_JOB_ID SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID SLURM_RESTART_COUNT SLURM_TMPDIR SLURMD_NODENAME".split(" "),
  "SLURM_CPUS_PER_TASK",
  // Named instants at which tests end a process (engine/fault-points.ts).
  "DSGEN_FAULT",
]);

/** Whether a worker may see the variable of this name. */
export function isForWorkers(name: string): boolean {
  return NAMES.has(name) || /^LC_[A-Z]+$/.test(name);
}

/** The part of an environment that may be passed on to a worker. */
export function workerEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => isForWorkers(name)));
}
