import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Job } from "./job.ts";
import { providerProblem } from "./provider-problem.ts";
import { findBatchUntil, recordSubmitted, type SubmitPorts, submit } from "./submit.ts";

/** A build sends the job on; whoever cancels or recovers must not buy anything on the way. */
export type IfAbsent = "send" | "abandon";

/**
 * What to do at start-up with a job whose last step before a crash is not known: `intended` or `uploaded` in the journal
 * says that a create may have left. The remote listing is asked by job id; what is there is adopted. Only when nothing is
 * there and the listing can be believed (the listing lag has passed since a create can last have been acted on) is the job sent on.
 */
export async function reconcile(job: Job, ports: SubmitPorts, ifAbsent: IfAbsent): Promise<Result<Job, Unsettled>> {
  const { creates, patience } = ports;
  // No create leaves before `uploaded` is on disk: one look is enough.
  if (job.state === "intended") return settle(job, 0, ports, ifAbsent);
  // A create is acted on while its call is open: until it ended, if we saw that, or until its process died.
  const acted = creates.ended.get(job.id) ?? Math.min(creates.startedAt, job.changedAt + patience.unansweredMs);
  return settle(job, acted + patience.listingLagMs, ports, ifAbsent);
}

async function settle(
  job: Job,
  until: number,
  ports: SubmitPorts,
  ifAbsent: IfAbsent,
): Promise<Result<Job, Unsettled>> {
  const found = await findBatchUntil(job, until, ports);
  if (!found.ok) {
    const problem = providerProblem(found.error, job.requestFile, `look for job ${job.id} among the batches`);
    return err({ problem, listed: false });
  }
  if (found.value !== undefined) return ok(recordSubmitted(job, found.value, true, ports));
  if (ifAbsent === "send") {
    const sent = await submit(job, ports);
    return sent.ok ? sent : err({ problem: sent.error, listed: true });
  }
  const why = "it was never sent, and sending it was called off";
  return ok(ports.book.record({ t: "abandoned", job: job.id, why, at: ports.clock.now() }));
}

/** Why a job is not settled, and whether the provider's listing could be read at all. */
export interface Unsettled {
  readonly problem: Problem;
  readonly listed: boolean;
}

/** Jobs that an earlier process left between intent and submission. */
export function needsReconciling(job: Job): boolean {
  return job.state === "intended" || job.state === "uploaded";
}
