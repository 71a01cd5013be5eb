import { statSync } from "node:fs";
import { faultPoint } from "../engine/fault-points.ts";
import type { BlobStore, Clock } from "../engine/ports.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Job, JobId } from "./job.ts";
import type { JobBook } from "./job-book.ts";
import type { BatchProvider, Call, ProviderError, RemoteBatch, RemoteFile } from "./provider.ts";
import { providerProblem } from "./provider-problem.ts";

/** How patiently to send. All in milliseconds but the counts. */
export interface Patience {
  /** How long a batch or file may take to show up in a listing after it was created. */
  readonly listingLagMs: number;
  /** How long a call may go without an answer. A create may be acted on as late as that, and only then begin to lag. */
  readonly unansweredMs: number;
  /** Wait before looking or trying again; doubles up to a minute. */
  readonly firstWaitMs: number;
  /** Tries of one step after answers that prove that nothing was done. */
  readonly tries: number;
}

export interface SendPorts {
  readonly provider: BatchProvider;
  readonly book: JobBook;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly patience: Patience;
  readonly signal: AbortSignal;
}

/** When creates can last have been acted on: what the listing lag is counted from. */
export interface CreateCalls {
  /** When this process began. Calls of an earlier one, which held the lock, were over by then. */
  readonly startedAt: number;
  /** When the last unclear create of a job ended, for creates of this process. */
  readonly ended: Map<JobId, number>;
}

export interface SubmitPorts extends SendPorts {
  readonly creates: CreateCalls;
}

/** Key of the remote batch's metadata that names the job. */
export const JOB_KEY = "dsgen_job";

export function uploadName(job: JobId): string {
  return `dsgen-${job}.jsonl`;
}

/**
 * Takes an intended (or uploaded) job to `submitted`. The journal is ahead of the provider at every step: a crash
 * anywhere in here leaves a job that `reconcile` finds by its id on the provider's side.
 *
 * A step is repeated only after an answer that proves that nothing was done. After an ambiguous one the provider's own
 * listing decides, once the listing can be believed.
 */
export async function submit(job: Job, ports: SubmitPorts): Promise<Result<Job, Problem>> {
  const uploaded = job.fileId === null ? await uploadStep(job, ports) : ok(job);
  return uploaded.ok ? createStep(uploaded.value, ports) : uploaded;
}

async function uploadStep(job: Job, ports: SendPorts): Promise<Result<Job, Problem>> {
  const { provider, book, clock, signal } = ports;
  const filename = uploadName(job.id);
  const doing = `upload ${job.requestFile}`;
  faultPoint("batch.upload.before");
  const path = ports.blobs.pathOf(job.lines);
  const call = await patiently(ports, async () => {
    let sent = await provider.upload({ path, filename }, signal);
    for (let tries = 1; !sent.ok && sent.error.kind === "ambiguous" && tries < ports.patience.tries; tries++) {
      // A second copy of a file costs nothing, so one look for the first is enough.
      sent =
        (await findFile(filename, statSync(path).size, ports)) ?? (await provider.upload({ path, filename }, signal));
    }
    return sent;
  });
  faultPoint("batch.upload.after");
  if (!call.ok) return giveUp(job, call.error, doing, ports);
  return ok(book.record({ t: "uploaded", job: job.id, file: call.value.id, at: clock.now() }));
}

async function createStep(job: Job, ports: SubmitPorts): Promise<Result<Job, Problem>> {
  const { provider, clock, signal } = ports;
  const doing = `create the batch for ${job.requestFile}`;
  const fileId = job.fileId;
  if (fileId === null) throw new Error(`job ${job.id} has no uploaded file`);
  const batch = {
    inputFileId: fileId,
    endpoint: job.endpoint,
    metadata: { [JOB_KEY]: job.id, dsgen_task: job.task ?? "", dsgen_request_file: job.requestFile.slice(-512) },
  };
  for (let round = 1; ; round++) {
    faultPoint("batch.create.before");
    const call = await patiently(ports, () => {
      ports.book.record({ t: "creating", job: job.id, at: clock.now() });
      faultPoint("batch.create.intended");
      return provider.createBatch(batch, signal);
    });
    faultPoint("batch.create.after");
    if (call.ok) return ok(recordSubmitted(job, call.value, false, ports));
    if (call.error.kind !== "ambiguous") return giveUp(job, call.error, doing, ports);
    // It may have been done, as late as now, and a second create is a second bill: the listing decides.
    const ended = clock.now();
    ports.creates.ended.set(job.id, ended);
    const search = await findBatchUntil(job, ended + ports.patience.listingLagMs, ports);
    if (!search.ok) return err(providerProblem(search.error, job.requestFile, doing));
    if (search.value !== undefined) return ok(recordSubmitted(job, search.value, true, ports));
    if (round >= ports.patience.tries) return giveUp(job, call.error, doing, ports);
  }
}

export function recordSubmitted(
  job: Job,
  batch: RemoteBatch,
  adopted: boolean,
  ports: Pick<SendPorts, "book" | "clock">,
): Job {
  faultPoint("batch.submitted.before");
  const record = {
    t: "submitted",
    job: job.id,
    batch: batch.id,
    createdAt: batch.createdAt * 1000,
    adopted,
    at: ports.clock.now(),
  } as const;
  return ports.book.record(record);
}

/** Nothing was done for this job, provably: its requests are free again. An unproven step is left open instead. */
function giveUp(job: Job, error: ProviderError, doing: string, ports: SendPorts): Result<Job, Problem> {
  const problem = providerProblem(error, job.requestFile, doing);
  if (error.kind !== "ambiguous" && error.kind !== "aborted") {
    ports.book.record({ t: "abandoned", job: job.id, why: problem.message, at: ports.clock.now() });
  }
  return err(problem);
}

/** Repeats a call while its failures prove that nothing was done and waiting may help. */
async function patiently<T>(ports: SendPorts, attempt: () => Promise<Call<T>>): Promise<Call<T>> {
  let wait = ports.patience.firstWaitMs;
  for (let tries = 1; ; tries++) {
    const call = await attempt();
    if (call.ok || tries >= ports.patience.tries || ports.signal.aborted || !worthRepeating(call.error)) return call;
    const asked = call.error.kind === "rate-limited" ? call.error.retryAfterMs : null;
    await ports.clock.sleep(Math.min(asked ?? wait, 600_000), ports.signal);
    wait = Math.min(wait * 2, 60_000);
  }
}

function worthRepeating(error: ProviderError): boolean {
  switch (error.kind) {
    case "unreachable":
    case "rate-limited":
      return true;
    case "refused":
    case "not-found":
      // A create straight after its upload may say that the file does not exist (seen by several projects).
      return /file/i.test(error.message) && /not (found|exist|find)|no such|can't find/i.test(error.message);
    case "auth":
    case "ambiguous":
    case "aborted":
      return false;
  }
}

/** The uploaded file, if it is listed whole among the newest: what was cut off in the middle must not become a batch. */
async function findFile(filename: string, bytes: number, ports: SendPorts): Promise<Call<RemoteFile> | undefined> {
  const { clock, patience, provider, signal } = ports;
  await clock.sleep(patience.firstWaitMs, signal);
  const page = await provider.listFiles({ limit: 100 }, signal);
  const found = page.ok
    ? page.value.items.find((file) => file.filename === filename && file.bytes === bytes)
    : undefined;
  return found === undefined ? undefined : { ok: true, value: found };
}

/**
 * Looks for a job's batch until it shows up or the listing can be believed that there is none. An error means that the
 * provider did not say, which is no answer: nothing may be sent on it.
 */
export async function findBatchUntil(
  job: Job,
  until: number,
  ports: SendPorts,
): Promise<Call<RemoteBatch | undefined>> {
  const { clock, patience, signal } = ports;
  let failures = 0;
  for (let wait = patience.firstWaitMs; ; wait = Math.min(wait * 2, 60_000)) {
    const started = clock.now();
    const found = await findBatch(job, ports);
    if (found.ok && (found.value !== undefined || started >= until)) return found;
    if (!found.ok && (found.error.kind === "auth" || found.error.kind === "aborted" || ++failures >= patience.tries))
      return found;
    if (signal.aborted) return { ok: false, error: { kind: "aborted" } };
    const asked =
      !found.ok && found.error.kind === "rate-limited" ? Math.min(found.error.retryAfterMs ?? wait, 600_000) : wait;
    await clock.sleep(found.ok ? Math.min(wait, Math.max(1, until - clock.now())) : asked, signal);
  }
}

/** One pass over the remote listing, newest first, down to batches older than the job's intent. */
async function findBatch(job: Job, ports: SendPorts): Promise<Call<RemoteBatch | undefined>> {
  let after: string | undefined;
  // Clocks differ: a day of slack on the provider's timestamps. A page too many is cheaper than a second bill.
  const oldest = job.intendedAt / 1000 - 86_400;
  for (let pages = 0; pages < 1000; pages++) {
    const page = await ports.provider.listBatches(
      { limit: 100, ...(after === undefined ? {} : { after }) },
      ports.signal,
    );
    if (!page.ok) return page;
    const found = page.value.items.filter((batch) => batch.metadata[JOB_KEY] === job.id);
    // Should there ever be two (a listing later than its bound), one that does something goes before one that failed.
    const best = found.find((batch) => batch.status !== "failed") ?? found[0];
    if (best !== undefined) return { ok: true, value: best };
    const last = page.value.items.at(-1);
    if (page.value.next === null || (last !== undefined && last.createdAt < oldest)) break;
    after = page.value.next;
  }
  return { ok: true, value: undefined };
}
