/** What a task asks of the cluster, in sbatch's own words: dsgen hands them on as they are. */
export interface Resources {
  readonly partition?: string;
  readonly account?: string;
  readonly qos?: string;
  /** `2:00:00`, minutes, `1-0`. */
  readonly time?: string;
  readonly cpus?: number;
  readonly mem?: string;
  readonly gpus?: number;
}

export interface SlurmSettings {
  readonly resources: Resources;
  /** Tasks of ours that run at once (`%N`). */
  readonly maxJobs: number;
  /** Further words for sbatch, as they are. */
  readonly sbatch: readonly string[];
  /**
   * How long a file that was written on one machine may stay unseen on another: NFS keeps a folder's listing for up to a
   * minute. A result is missing only when it still is after that.
   */
  readonly resultsLagMs: number;
  /** How long one of Slurm's commands may take. */
  readonly callMs: number;
  /** How long a job that was taken may stay unseen in the queue. */
  readonly queueLagMs: number;
  readonly firstWaitMs: number;
  /** Tries of a call that is known to have done nothing; and of an action that the cluster, not the recipe, failed. */
  readonly tries: number;
  readonly pollMs: number;
  /** What a task is meant to last. */
  readonly taskMs: number;
}

export const SLURM_DEFAULTS: SlurmSettings = {
  resources: {},
  maxJobs: 64,
  sbatch: [],
  resultsLagMs: 60_000,
  callMs: 60_000,
  queueLagMs: 30_000,
  firstWaitMs: 2000,
  tries: 3,
  pollMs: 10_000,
  taskMs: 120_000,
};

/** Words of sbatch by which dsgen finds its jobs again, or on which the results hang: they are not anybody else's to set. */
const OWN_WORDS =
  /^(-a|-J|-o|-e|-i|-D|-W|-H|--(array|job-name|output|error|input|chdir|parsable|wait|wrap|hold|export|export-file|get-user-env|open-mode|requeue|no-requeue|test-only|dependency|clusters|ntasks|nodes|cpus-per-task))(=|$)/;

/** The first further word for sbatch that is dsgen's own to say. */
export function ownWord(words: readonly string[]): string | undefined {
  return words.find((word) => OWN_WORDS.test(word) || !word.startsWith("-"));
}
