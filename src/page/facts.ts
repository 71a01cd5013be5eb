import type { CostLine } from "../report/cost.ts";
import type { JobLine } from "../report/result-schema.ts";

/*
 * What a report sees of the journal: declared as tools named `jobs`, and hashed, so that a report is fresh for as long as these
 * are as they were.
 */

/** The batch jobs of one task, in the order in which they were intended, and what the task's answers came to. */
export type JobFacts = {
  readonly jobs: readonly Pick<
    JobLine,
    "requestFile" | "jobId" | "batchId" | "status" | "standing" | "attempt" | "progress" | "since" | "until"
  >[];
} & Pick<CostLine, "spent" | "inFlight" | "saved">;
