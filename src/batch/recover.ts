import { taskOf } from "../api/request-file.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { adopt, askedBy, oursAmong } from "./adopt.ts";
import { downloaded, longestFile } from "./download.ts";
import { batchStatus, failedValidation, type Job, type JobId } from "./job.ts";
import type { JobContext } from "./job-context.ts";
import { readBatches } from "./listing.ts";
import { providerProblem } from "./provider-problem.ts";

export interface RecoverReport {
  /** Jobs that are known again. */
  readonly adopted: readonly {
    readonly jobId: string;
    readonly batchId: string;
    readonly requestFile: string;
    readonly status: string;
  }[];
  /** Jobs the journal had already. */
  readonly known: number;
  /** What could not be taken, and why. */
  readonly left: readonly string[];
}

/**
 * Rebuilds the journal from the provider's listing alone: every batch that carries a job id of dsgen's and a task of this
 * project. What was sent is read from the batch's own input file. The next look at the jobs collects what they produced,
 * and nothing that was answered is paid for again. Jobs of which something was lost are asked about once more.
 */
export async function recover(
  tasks: ReadonlySet<string>,
  context: JobContext,
): Promise<Result<RecoverReport, Problem>> {
  const adopted: RecoverReport["adopted"][number][] = [];
  const left: string[] = [];
  let known = 0;
  const listing = await readBatches(Number.NEGATIVE_INFINITY, context, 1000);
  if (!listing.ok) return err(providerProblem(listing.error, "recover", "list the batches"));
  if (listing.value.unproven !== undefined)
    left.push(`the provider's list of batches was not read whole: ${listing.value.unproven}`);
  for (const ours of (await oursAmong(listing.value.batches, context)).ours) {
    const { batch } = ours;
    if (ours.task !== null && !tasks.has(ours.task)) continue;
    const before = context.book.all().find((job) => job.batchId === batch.id);
    if (before !== undefined) {
      known++;
      const lost = await fetchAgain(before, context);
      if (lost !== undefined) left.push(`batch ${batch.id} (${before.requestFile}): ${lost}`);
      continue;
    }
    // The provider says that nothing of it was executed: its requests are free to be asked.
    if (failedValidation(batchStatus(batch))) continue;
    const asked = await askedBy(ours.batch, context);
    if (!asked.ok) left.push(`batch ${batch.id} (${ours.requestFile ?? "?"}): ${asked.why}`);
    else if (asked.lines.every(({ customId }) => tasks.has(taskOf(customId) ?? ""))) {
      const jobId = await adopt(ours, asked, context);
      adopted.push({ jobId, batchId: batch.id, requestFile: ours.requestFile ?? "", status: batch.status });
    }
  }
  for (const job of context.book.all()) await lookAgain(job, context);
  return ok({ adopted, known, left });
}

/** A job of which something was lost is asked about once more: its file may be there by now. The next look takes it in. */
async function lookAgain(job: Job, { book, clock, provider, signal }: JobContext): Promise<void> {
  const lost = job.state === "lost" || (job.collected?.lost ?? []).length > 0;
  if (!lost || job.batchId === null || job.namespace !== provider.namespace.id) return;
  const call = await provider.retrieveBatch(job.batchId, signal);
  if (call.ok) book.record({ t: "observed", job: job.id, remote: batchStatus(call.value), at: clock.now() });
}

/** For a collected job whose stored files are damaged or gone: the provider may still have them. The reason when not. */
async function fetchAgain(job: Job, context: JobContext): Promise<string | undefined> {
  const wanted = [
    { digest: job.collected?.output ?? null, file: job.remote?.outputFileId ?? null },
    { digest: job.collected?.errors ?? null, file: job.remote?.errorFileId ?? null },
  ];
  for (const { digest, file } of wanted) {
    if (digest === null || file === null || context.blobs.has(digest)) continue;
    // Adopted byte for byte, as it was the first time: as a text it might be too long, or change.
    const blob = await downloaded(file, longestFile(job.requests), context, ({ path }) => context.blobs.adopt(path));
    if (!blob.ok) return "its stored answers are gone, and the provider no longer has them";
    if (blob.value.digest !== digest) return "what the provider has now is not what was stored; both are kept";
  }
  return undefined;
}

/**
 * A person's word that what is not known of a job was not executed: its requests are asked again by the next build.
 * @param name a job id, or the provider's id of its batch
 */
export function forget(name: string, { book, clock, provider }: JobContext): Result<Job, Problem> {
  const job = book.all().find((other) => other.id === name || other.batchId === name);
  const unknown = job === undefined || job.namespace !== provider.namespace.id;
  const open = (job?.collected?.lost ?? []).length > 0;
  if (unknown || job.state === "abandoned" || (job.state === "collected" && !open)) {
    return err({
      kind: "usage",
      where: name,
      message: unknown
        ? "no job of this project has this job id or batch id."
        : `job ${job.id} is ${job.state}: nothing of it is unknown.`,
      fix: "`dsgen status --verbose` lists the jobs with their ids.",
    });
  }
  return ok(book.record({ t: "forgotten", job: job.id as JobId, at: clock.now() }));
}
