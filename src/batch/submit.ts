import { statSync } from "node:fs";
import { faultPoint } from "../engine/fault-points.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Job, JobId } from "./job.ts";

import type { JobLines } from "./job-lines.ts";
import { JOB_KEY, readBatches, type Search, searchFor, uploadName } from "./listing.ts";
import type { SendPorts } from "./ports.ts";
import type { Call, ProviderError, RemoteBatch, RemoteFile } from "./provider.ts";
import { providerProblem } from "./provider-problem.ts";
import { backoffMs, passing, retry } from "./retry.ts";

/** When creates can last have been acted on, by the monotonic clock: what the listing lag is counted from. */
export interface CreateCalls {
  /** When this process began. Calls of an earlier one, which held the lock, were over by then. */
  readonly startedAt: number;
  /** When the last unclear create of a job ended, for creates of this process. */
  readonly ended: Map<JobId, number>;
}

export interface SubmitPorts extends SendPorts {
  readonly creates: CreateCalls;
  readonly jobLines: JobLines;
}

/** Why a job is not on its way. */
export interface SubmitFailure {
  readonly problem: Problem;
  /** No later look can settle it: a person must look at the provider's side. */
  readonly needsPerson: boolean;
}

/** How often a create is tried while its file is not ready yet. */
const FILE_TRIES = 10;

/**
 * Takes an intended (or uploaded) job to `submitted`. The journal is ahead of the provider at every step: a crash
 * anywhere in here leaves a job that `reconcile` finds by its id on the provider's side.
 *
 * A step is repeated only after an answer that proves that nothing was done. After an ambiguous one the provider's own
 * listing decides, once the listing can be believed.
 */
export async function submit(job: Job, ports: SubmitPorts): Promise<Result<Job, SubmitFailure>> {
  const uploaded = job.fileId === null ? await uploadStep(job, ports) : ok(job);
  return uploaded.ok ? createStep(uploaded.value, ports) : uploaded;
}

async function uploadStep(job: Job, ports: SubmitPorts): Promise<Result<Job, SubmitFailure>> {
  const { provider, book, clock, signal } = ports;
  const filename = uploadName(job.id);
  const damaged = await ports.jobLines.whole(job);
  if (damaged !== undefined) return err({ problem: damaged, needsPerson: true });
  const path = ports.blobs.pathOf(job.lines);
  const { size } = statSync(path);
  const { tries, firstWaitMs } = ports.patience;
  faultPoint("batch.upload.before");
  let unclear = false;
  const sizes = new Set<number>();
  // A second copy of a file costs nothing, so after an unclear upload one look for the first is enough.
  const attempt = async () => {
    const found = unclear ? await findFile(filename, size, ports) : undefined;
    const sent: Call<RemoteFile> =
      found === undefined ? await provider.upload({ path, filename }, signal) : { ok: true, value: found };
    unclear = !sent.ok && sent.error.kind === "ambiguous";
    // Another size may be half a file, so it is sent once more; reported again, it is a gateway that rewrites what it is
    // sent (LiteLLM does), and what it holds shows in what it answers.
    const { bytes } = sent.ok ? sent.value : { bytes: null };
    if (bytes === null || bytes === size || sizes.has(bytes)) return sent;
    sizes.add(bytes);
    const message = `${size} bytes were uploaded, and the provider says it holds ${bytes}`;
    return { ok: false, error: { kind: "ambiguous", message } } as const;
  };
  const call = await retry(attempt, { tries, firstWaitMs, worthIt: passing }, ports);
  faultPoint("batch.upload.after");
  // Whatever became of the upload, no create has left.
  if (!call.ok) return giveUp(job, call.error, `upload ${job.requestFile}`, ports, true);
  return ok(book.record({ t: "uploaded", job: job.id, file: call.value.id, at: clock.now() }));
}

async function createStep(job: Job, ports: SubmitPorts): Promise<Result<Job, SubmitFailure>> {
  const { provider, clock, patience, signal } = ports;
  const doing = `create the batch for ${job.requestFile}`;
  const fileId = job.fileId;
  if (fileId === null) throw new Error(`job ${job.id} has no uploaded file`);
  const batch = {
    inputFileId: fileId,
    endpoint: job.endpoint,
    metadata: { [JOB_KEY]: job.id, dsgen_task: job.task ?? "", dsgen_request_file: job.requestFile.slice(-512) },
  };
  let current = job;
  for (let round = 1; ; round++) {
    faultPoint("batch.create.before");
    let others = 0;
    const call = await retry(
      () => {
        current = ports.book.record({ t: "creating", job: job.id, serverAt: provider.serverNow(), at: clock.now() });
        faultPoint("batch.create.intended");
        return provider.createBatch(batch, signal);
      },
      {
        tries: Math.max(FILE_TRIES, patience.tries),
        firstWaitMs: patience.firstWaitMs,
        worthIt: (error) => isFileNotReady(error) || (provesNothingDone(error) && ++others < patience.tries),
      },
      ports,
    );
    faultPoint("batch.create.after");
    if (call.ok) return ok(recordSubmitted(job, call.value, false, ports));
    if (call.error.kind !== "ambiguous") return giveUp(job, call.error, doing, ports);
    // It may have been done, as late as now, and a second create is a second bill: the listing decides.
    const ended = clock.monotonic();
    ports.creates.ended.set(job.id, ended);
    const search = await searchUntil(current, () => ended + patience.listingLagMs, ports);
    if (!search.ok) return err({ problem: providerProblem(search.error, job.requestFile, doing), needsPerson: false });
    switch (search.value.kind) {
      case "found":
        return ok(recordSubmitted(job, search.value.batch, true, ports));
      case "unproven":
        return err({ problem: unprovenAbsence(current, search.value.why), needsPerson: true });
      case "absent":
        // Proven to have done nothing, time and again.
        if (round >= patience.tries) return giveUp(job, call.error, doing, ports, true);
    }
  }
}

export function recordSubmitted(
  job: Job,
  batch: RemoteBatch,
  adopted: boolean,
  ports: Pick<SendPorts, "book" | "clock">,
): Job {
  faultPoint("batch.submitted.before");
  const at = ports.clock.now();
  const createdAt = batch.createdAt === null ? at : batch.createdAt * 1000;
  return ports.book.record({ t: "submitted", job: job.id, batch: batch.id, createdAt, adopted, at });
}

/** What a person is told, and asked, when nobody but them can find out whether a batch was created. */
export function unprovenAbsence(job: Job, why: string): Problem {
  return {
    kind: "provider",
    where: job.requestFile,
    message: `it is not known whether the provider created a batch for it: the create got no clear answer, and the list of batches does not tell (${why}).`,
    fix: `Nothing is sent until that is known. Look for a batch of file ${job.fileId ?? uploadName(job.id)} in the provider's own pages: if there is none, \`dsgen recover --forget ${job.id}\` frees its requests; if there is one, wait and run again.`,
  };
}

/** Nothing was done for this job, provably: its requests are free again. An unproven step is left open instead. */
function giveUp(
  job: Job,
  error: ProviderError,
  doing: string,
  ports: SendPorts,
  proven: boolean = error.kind !== "ambiguous",
): Result<Job, SubmitFailure> {
  const problem = providerProblem(error, job.requestFile, doing);
  if (proven && error.kind !== "aborted") {
    ports.book.record({ t: "abandoned", job: job.id, why: problem.message, at: ports.clock.now() });
  }
  return err({ problem, needsPerson: false });
}

function provesNothingDone(error: ProviderError): boolean {
  return error.kind === "unreachable" || error.kind === "rate-limited";
}

/** A create straight after its upload may say that the file does not exist, or is still pending (seen by several projects). */
function isFileNotReady(error: ProviderError): boolean {
  if (error.kind !== "refused" && error.kind !== "not-found") return false;
  return (
    /\bfile\b/i.test(error.message) &&
    /not (be )?(found|exist|find|ready)|no such|can't find|pending|processing|not yet/i.test(error.message)
  );
}

/** The uploaded file, if it is listed whole among the newest: what was cut off in the middle must not become a batch. */
async function findFile(filename: string, bytes: number, ports: SendPorts): Promise<RemoteFile | undefined> {
  const page = await ports.provider.listFiles({ limit: 100 }, ports.signal);
  return page.ok ? page.value.items.find((file) => file.filename === filename && file.bytes === bytes) : undefined;
}

/** A day: how far this machine's clock and the provider's are taken to be apart where the provider's is not known. */
const CLOCK_SLACK_S = 86_400;
/** The coarseness of `Date` headers and of `created_at`, and what lies between a server's front and its database. */
const SERVER_SLACK_S = 60;

/** The oldest that a batch of this job can be, in seconds since the epoch by the provider's clock. */
export function oldestOf(job: Job): number {
  return job.creatingServerAt === null
    ? job.intendedAt / 1000 - CLOCK_SLACK_S
    : job.creatingServerAt / 1000 - SERVER_SLACK_S;
}

/**
 * Looks for a job's batch until it shows up or the listing can be believed.
 * @param until by the monotonic clock; asked after each look, which may have shown the provider's time
 * An error means that the provider did not say, which is no answer: nothing may be sent on it.
 */
export async function searchUntil(job: Job, until: () => number, ports: SendPorts): Promise<Call<Search>> {
  const { book, clock, patience, signal } = ports;
  const known = new Set(book.all().flatMap((other) => (other.batchId === null ? [] : [other.batchId])));
  let unproven: string | undefined;
  for (let looks = 1; ; looks++) {
    const started = clock.monotonic();
    // A list that could not be read to its end will not be by the next look: only the batch itself may still turn up.
    const listing = await readBatches(oldestOf(job), ports, ...(unproven === undefined ? [] : [2]));
    if (!listing.ok) return listing;
    unproven ??= listing.value.unproven;
    const search = searchFor(job, { ...listing.value, unproven }, oldestOf(job), known);
    const left = until() - started;
    if (search.kind === "found" || left <= 0) return { ok: true, value: search };
    if (signal.aborted) return { ok: false, error: { kind: "aborted" } };
    await clock.sleep(Math.max(1, Math.min(backoffMs(patience.firstWaitMs, looks), left)), signal);
  }
}
