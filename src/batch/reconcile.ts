import { err, ok, type Result } from "../graph/result.ts";
import type { Job } from "./job.ts";
import { providerProblem } from "./provider-problem.ts";
import {
  recordSubmitted,
  type SubmitFailure,
  type SubmitPorts,
  searchUntil,
  submit,
  unprovenAbsence,
} from "./submit.ts";

/** A build sends the job on; whoever cancels or recovers must not buy anything on the way. */
export type IfAbsent = "send" | "abandon";

/** Why a job is not settled, and whether the provider's listing could be read at all. */
export interface Unsettled extends SubmitFailure {
  readonly listed: boolean;
}

/** Jobs that an earlier process left between intent and submission. */
export function needsReconciling(job: Job): boolean {
  return job.state === "intended" || job.state === "uploaded";
}

/**
 * What to do with a job whose last step is not known: `intended` or `uploaded` in the journal says that a create may have
 * left. The remote listing is asked; what is there is adopted. Only when the listing proves that nothing is there (the
 * listing lag has passed since a create can last have been acted on) is the job sent on.
 */
export async function reconcile(job: Job, ports: SubmitPorts, ifAbsent: IfAbsent): Promise<Result<Job, Unsettled>> {
  const found = await searchUntil(job, () => believableFrom(job, ports), ports);
  if (!found.ok) {
    const problem = providerProblem(found.error, job.requestFile, `look for job ${job.id} among the batches`);
    return err({ problem, listed: false, needsPerson: false });
  }
  const search = found.value;
  if (search.kind === "found") return ok(recordSubmitted(job, search.batch, true, ports));
  // No create leaves before its intent is on disk: then the journal itself is the proof.
  if (search.kind === "unproven" && (job.creatingAt !== null || !ports.book.isWhole()))
    return err({ problem: unprovenAbsence(job, search.why), listed: true, needsPerson: true });
  if (ifAbsent === "send") {
    const sent = await submit(job, ports);
    return sent.ok ? sent : err({ ...sent.error, listed: true });
  }
  const why = "it was never sent, and sending it was called off";
  return ok(ports.book.record({ t: "abandoned", job: job.id, why, at: ports.clock.now() }));
}

/**
 * From when on a listing without the job proves something, by the monotonic clock. A create is acted on while its call is
 * open: until it ended, if this process saw that, or until the process that made it died, at the latest when this one
 * started. The provider's own clock may show that it was long enough ago; this machine's may have jumped.
 */
function believableFrom(job: Job, { book, clock, creates, patience, provider }: SubmitPorts): number {
  if (job.creatingAt === null && book.isWhole()) return Number.NEGATIVE_INFINITY;
  const ended = creates.ended.get(job.id);
  if (ended !== undefined) return ended + patience.listingLagMs;
  const serverNow = provider.serverNow();
  const age = serverNow === null || job.creatingServerAt === null ? 0 : serverNow - job.creatingServerAt;
  const left = patience.unansweredMs + patience.listingLagMs - age;
  return Math.min(creates.startedAt + patience.listingLagMs, clock.monotonic() + left);
}
