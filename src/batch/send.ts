import { statSync } from "node:fs";
import { faultPoint } from "../engine/fault-points.ts";
import { backoffMs } from "../engine/retry.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { askedByAnother } from "./colleagues.ts";
import type { Job } from "./job.ts";
import type { JobContext } from "./job-context.ts";
import { JOB_KEY, readBatches, type Search, searchFor, uploadName } from "./listing.ts";
import type { Call, ProviderError, RemoteBatch, RemoteFile } from "./provider.ts";
import { providerProblem } from "./provider-problem.ts";
import { LOOKING, provesNothingDone, retry } from "./retry.ts";

/**
 * Why a job is not on its way. `person`: no later look can settle it, a person must look at the provider's side; `unlisted`:
 * the provider's list could not be read at all; `claimed`: somebody else asks it, and it waits for them.
 */
export interface NotSent {
  readonly problem: Problem;
  readonly why: "person" | "unlisted" | "failed" | "claimed";
}

/** A build sends a job on; whoever cancels or recovers must not buy anything on the way. */
export type IfAbsent = "send" | "abandon";

/** How often a create is tried while its file is not ready yet. */
const FILE_TRIES = 10;

/**
 * Takes an intended (or uploaded) job to `submitted`. The journal is ahead of the provider at every step: a crash
 * anywhere in here leaves a job that `reconcile` finds by its id on the provider's side.
 *
 * A step is repeated only after an answer that proves that nothing was done. After an ambiguous one the provider's own
 * listing decides, once the listing can be believed.
 */
export async function submit(job: Job, context: JobContext): Promise<Result<Job, NotSent>> {
  const claimed = await claim(job, context);
  if (claimed !== undefined) return claimed;
  const uploaded = job.fileId === null ? await upload(job, context) : ok(job);
  return uploaded.ok ? create(uploaded.value, context) : uploaded;
}

/** Before any byte leaves. Who comes second sends nothing, and what it had intended is given up. */
async function claim(job: Job, context: JobContext): Promise<Result<never, NotSent> | undefined> {
  const { book, clock, colleagues, jobLines, signal } = context;
  const requests = (jobLines.of(job) ?? []).map(({ id }) => id);
  const first = await colleagues?.claim(job, requests, signal);
  if (first === undefined) return undefined;
  const problem = askedByAnother(job.requestFile, first, "Nothing of it was sent.");
  book.record({ t: "abandoned", job: job.id, why: problem.message, at: clock.now() });
  return err({ problem, why: "claimed" });
}

async function upload(job: Job, context: JobContext): Promise<Result<Job, NotSent>> {
  const { provider, book, clock, signal } = context;
  const filename = uploadName(job.id);
  const damaged = await context.jobLines.whole(job);
  if (damaged !== undefined) return err({ problem: damaged, why: "person" });
  const path = context.blobs.pathOf(job.lines);
  const { size } = statSync(path);
  faultPoint("batch.upload.before");
  let unclear = false;
  const sizes = new Set<number>();
  // A second copy of a file costs nothing, so after an unclear upload one look for the first is enough.
  const attempt = async (): Promise<Call<RemoteFile>> => {
    const found = unclear ? await findFile(filename, size, context) : undefined;
    const sent = found === undefined ? await provider.upload({ path, filename }, signal) : ok(found);
    unclear = !sent.ok && sent.error.kind === "ambiguous";
    // Another size may be half a file, so it is sent once more; reported again, it is a gateway that rewrites what it is
    // sent (LiteLLM does), and what it holds shows in what it answers.
    const { bytes } = sent.ok ? sent.value : { bytes: null };
    if (bytes === null || bytes === size || sizes.has(bytes)) return sent;
    sizes.add(bytes);
    const message = `${size} bytes were uploaded, and the provider says it holds ${bytes}`;
    return err({ kind: "ambiguous", message });
  };
  const call = await retry(attempt, LOOKING, context);
  faultPoint("batch.upload.after");
  // Whatever became of the upload, no create has left.
  if (!call.ok) return giveUp(job, call.error, `upload ${job.requestFile}`, context, true);
  return ok(book.record({ t: "uploaded", job: job.id, file: call.value.id, at: clock.now() }));
}

async function create(job: Job, context: JobContext): Promise<Result<Job, NotSent>> {
  const { book, clock, provider, signal, timing } = context;
  const doing = `create the batch for ${job.requestFile}`;
  if (job.fileId === null) throw new Error(`job ${job.id} has no uploaded file`);
  const batch = {
    inputFileId: job.fileId,
    endpoint: job.endpoint,
    metadata: { [JOB_KEY]: job.id, dsgen_task: job.task ?? "", dsgen_request_file: job.requestFile.slice(-512) },
  };
  let current = job;
  const attempt = () => {
    current = book.record({ t: "creating", job: job.id, serverAt: provider.serverNow(), at: clock.now() });
    faultPoint("batch.create.intended");
    return provider.createBatch(batch, signal);
  };
  for (let round = 1; ; round++) {
    faultPoint("batch.create.before");
    let others = 0;
    const mayRepeat = (error: ProviderError, tries: number) =>
      tries < Math.max(FILE_TRIES, timing.tries) &&
      (isFileNotReady(error) || (provesNothingDone(error) && ++others < timing.tries));
    const call = await retry(attempt, mayRepeat, context);
    faultPoint("batch.create.after");
    if (call.ok) return ok(recordSubmitted(job, call.value, false, context));
    if (call.error.kind !== "ambiguous") return giveUp(job, call.error, doing, context);
    // It may have been done, as late as now, and a second create is a second bill: the listing decides.
    const ended = clock.monotonic();
    context.creates.ended.set(job.id, ended);
    const search = await searchUntil(current, () => ended + timing.listingLagMs, context);
    if (!search.ok) return err({ problem: providerProblem(search.error, job.requestFile, doing), why: "failed" });
    switch (search.value.kind) {
      case "found":
        return ok(recordSubmitted(job, search.value.batch, true, context));
      case "unproven":
        return err({ problem: unprovenAbsence(current, search.value.why), why: "person" });
      case "absent":
        // Proven to have done nothing, time and again.
        if (round >= timing.tries) return giveUp(job, call.error, doing, context, true);
    }
  }
}

/**
 * What to do with a job whose last step is not known: `intended` or `uploaded` in the journal says that a create may have
 * left. The remote listing is asked; what is there is adopted. Only when the listing proves that nothing is there (the
 * listing lag has passed since a create can last have been acted on) is the job sent on.
 */
export async function reconcile(job: Job, context: JobContext, ifAbsent: IfAbsent): Promise<Result<Job, NotSent>> {
  const { book, clock } = context;
  const found = await searchUntil(job, () => believableFrom(job, context), context);
  if (!found.ok) {
    const problem = providerProblem(found.error, job.requestFile, `look for job ${job.id} among the batches`);
    return err({ problem, why: "unlisted" });
  }
  const search = found.value;
  if (search.kind === "found") return ok(recordSubmitted(job, search.batch, true, context));
  // No create leaves before its intent is on disk: then the journal itself is the proof.
  if (search.kind === "unproven" && (job.creatingAt !== null || !book.isWhole()))
    return err({ problem: unprovenAbsence(job, search.why), why: "person" });
  if (ifAbsent === "send") return submit(job, context);
  const why = "it was never sent, and sending it was called off";
  return ok(book.record({ t: "abandoned", job: job.id, why, at: clock.now() }));
}

/**
 * From when on a listing without the job proves something, by the monotonic clock. A create is acted on while its call is
 * open: until it ended, if this process saw that, or until the process that made it died, at the latest when this one
 * started. The provider's own clock may show that it was long enough ago; this machine's may have jumped.
 */
function believableFrom(job: Job, { book, clock, creates, provider, timing }: JobContext): number {
  if (job.creatingAt === null && book.isWhole()) return Number.NEGATIVE_INFINITY;
  const ended = creates.ended.get(job.id);
  if (ended !== undefined) return ended + timing.listingLagMs;
  const serverNow = provider.serverNow();
  const age = serverNow === null || job.creatingServerAt === null ? 0 : serverNow - job.creatingServerAt;
  const left = timing.unansweredMs + timing.listingLagMs - age;
  return Math.min(creates.startedAt + timing.listingLagMs, clock.monotonic() + left);
}

function recordSubmitted(job: Job, batch: RemoteBatch, adopted: boolean, { book, clock }: JobContext): Job {
  faultPoint("batch.submitted.before");
  const at = clock.now();
  const createdAt = batch.createdAt === null ? at : batch.createdAt * 1000;
  return book.record({ t: "submitted", job: job.id, batch: batch.id, createdAt, adopted, at });
}

/** What a person is told, and asked, when nobody but them can find out whether a batch was created. */
function unprovenAbsence(job: Job, why: string): Problem {
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
  { book, clock }: JobContext,
  proven: boolean = error.kind !== "ambiguous",
): Result<Job, NotSent> {
  const problem = providerProblem(error, job.requestFile, doing);
  if (proven && error.kind !== "aborted")
    book.record({ t: "abandoned", job: job.id, why: problem.message, at: clock.now() });
  return err({ problem, why: "failed" });
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
async function findFile(filename: string, bytes: number, context: JobContext): Promise<RemoteFile | undefined> {
  const page = await context.provider.listFiles({ limit: 100 }, context.signal);
  return page.ok ? page.value.items.find((file) => file.filename === filename && file.bytes === bytes) : undefined;
}

/** A day: how far this machine's clock and the provider's are taken to be apart where the provider's is not known. */
const CLOCK_SLACK_S = 86_400;
/** The coarseness of `Date` headers and of `created_at`, and what lies between a server's front and its database. */
const SERVER_SLACK_S = 60;

/** The oldest that a batch of this job can be, in seconds since the epoch by the provider's clock. */
function oldestOf(job: Job): number {
  return job.creatingServerAt === null
    ? job.intendedAt / 1000 - CLOCK_SLACK_S
    : job.creatingServerAt / 1000 - SERVER_SLACK_S;
}

/**
 * Looks for a job's batch until it shows up or the listing can be believed.
 * @param until by the monotonic clock; asked after each look, which may have shown the provider's time
 * An error means that the provider did not say, which is no answer: nothing may be sent on it.
 */
async function searchUntil(job: Job, until: () => number, context: JobContext): Promise<Call<Search>> {
  const { book, clock, timing, signal } = context;
  const known = book.batchIds();
  let unproven: string | undefined;
  for (let looks = 1; ; looks++) {
    const started = clock.monotonic();
    // A list that could not be read to its end will not be by the next look: only the batch itself may still turn up.
    const listing = await readBatches(oldestOf(job), context, ...(unproven === undefined ? [] : [2]));
    if (!listing.ok) return listing;
    unproven ??= listing.value.unproven;
    const search = searchFor(job, { ...listing.value, unproven }, oldestOf(job), known);
    const left = until() - started;
    if (search.kind === "found" || left <= 0) return ok(search);
    if (signal.aborted) return err({ kind: "aborted" });
    await clock.sleep(Math.max(1, Math.min(backoffMs(timing, looks), left)), signal);
  }
}
