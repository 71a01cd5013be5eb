import type { RunSlurm } from "./commands.ts";

/** What a cluster lets one user have at once. */
export interface Limits {
  /** Tasks in one array: its indices end below this. */
  readonly arraySize: number;
  /** Tasks of ours that may be with the scheduler at once. */
  readonly submitted: number;
  /** Slurm's own version, as it says it. */
  readonly version: string | undefined;
}

/** Taken where a cluster does not say: small enough for every one that was seen. */
const CAUTIOUS: Limits = { arraySize: 500, submitted: 500, version: undefined };
/** No more than this share of the jobs that the controller holds for everybody. */
const SHARE = 0.2;

/**
 * Reads `scontrol show config`. What an account may submit is known to the accounting database alone, which many users may
 * not ask and many clusters do not have: then it is `CAUTIOUS`, and a refusal for that reason waits and tries with less.
 */
export async function readLimits(run: RunSlurm): Promise<Limits> {
  const answer = await run("scontrol", ["show", "config"]);
  return answer.ok ? limitsIn(answer.value) : CAUTIOUS;
}

export function limitsIn(config: string): Limits {
  const found = (name: string) => new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)`, "m").exec(config)?.[1];
  const number = (name: string) => {
    const value = Number(found(name) ?? Number.NaN);
    return Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  const jobs = number("MaxJobCount");
  const arraySize = Math.max(1, (number("MaxArraySize") ?? CAUTIOUS.arraySize + 1) - 1);
  const own = number("MaxSubmitJobs") ?? number("MaxSubmitJobsPerUser");
  const submitted = own ?? (jobs === undefined ? CAUTIOUS.submitted : Math.max(1, Math.floor(jobs * SHARE)));
  return { arraySize, submitted, version: found("SLURM_VERSION") };
}
