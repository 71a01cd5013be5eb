import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { digestOf, fingerprintOfJson, isFingerprint } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { CollectPorts } from "./collect.ts";
import type { Job, JobId } from "./job.ts";
import type { Call, RemoteBatch } from "./provider.ts";
import { providerProblem } from "./provider-problem.ts";
import { remoteView } from "./remote-view.ts";
import { isEndpoint, parseRequestFile, requestIdOf } from "./request-file.ts";
import { JOB_KEY } from "./submit.ts";

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
 * and nothing that was answered is paid for again.
 */
export async function recover(
  tasks: ReadonlySet<string>,
  ports: CollectPorts,
): Promise<Result<RecoverReport, Problem>> {
  const adopted: RecoverReport["adopted"][number][] = [];
  const left: string[] = [];
  let known = 0;
  const batches = await listAll(ports);
  if (!batches.ok) return err(providerProblem(batches.error, "recover", "list the batches"));
  // Oldest first, so that jobs stand in the journal in the order in which they were sent.
  for (const batch of [...batches.value].reverse()) {
    const job = batch.metadata[JOB_KEY];
    const task = batch.metadata["dsgen_task"] ?? "";
    if (job === undefined || !isFingerprint(job) || (task !== "" && !tasks.has(task))) continue;
    // Nothing of it was executed: its requests are free to be asked.
    if (batch.status === "failed") continue;
    const id = idFor(batch, job as JobId, ports);
    const requestFile = batch.metadata["dsgen_request_file"] ?? "";
    const before = ports.book.job(id);
    if (before?.batchId === batch.id) {
      known++;
      // The file that was gone may be there again: the next look tries once more.
      if (before.state === "lost")
        ports.book.record({ t: "observed", job: id, remote: remoteView(batch), at: ports.clock.now() });
      const lost = await fetchAgain(before, ports);
      if (lost !== undefined) left.push(`batch ${batch.id} (${requestFile}): ${lost}`);
      continue;
    }
    const failure = await adopt(id, batch, task, requestFile, ports);
    if (failure === undefined) adopted.push({ jobId: id, batchId: batch.id, requestFile, status: batch.status });
    else left.push(`batch ${batch.id} (${requestFile}): ${failure}`);
  }
  return ok({ adopted, known, left });
}

/**
 * The job that a batch belongs to. A job that has another batch already was created twice (it was listed later than the
 * bound): the second batch becomes a job of its own, so that what it answered is taken in as well.
 */
function idFor(batch: RemoteBatch, job: JobId, { book }: CollectPorts): JobId {
  const taken = book.job(job)?.batchId ?? batch.id;
  return taken === batch.id ? job : (fingerprintOfJson([job, batch.id]) as JobId);
}

/** For a collected job whose stored files are damaged or gone: the provider may still have them. The reason when not. */
async function fetchAgain(job: Job, ports: CollectPorts): Promise<string | undefined> {
  const wanted = [
    { digest: job.collected?.output ?? null, file: job.remote?.outputFileId ?? null },
    { digest: job.collected?.errors ?? null, file: job.remote?.errorFileId ?? null },
  ];
  for (const { digest, file } of wanted) {
    if (digest === null || file === null || ports.blobs.has(digest)) continue;
    const text = await downloaded(file, ports);
    if (text === undefined) return "its stored answers are gone, and the provider no longer has them";
    const blob = await ports.blobs.put(text);
    if (blob.digest !== digest) return "what the provider has now is not what was stored; both are kept";
  }
  return undefined;
}

async function listAll(ports: CollectPorts): Promise<Call<readonly RemoteBatch[]>> {
  const all: RemoteBatch[] = [];
  let after: string | undefined;
  for (let pages = 0; pages < 10_000; pages++) {
    const page = await patientPage(after, ports);
    if (!page.ok) return page;
    all.push(...page.value.items);
    if (page.value.next === null) break;
    after = page.value.next;
  }
  return { ok: true, value: all };
}

/** Listing costs nothing: any passing failure is worth another look. */
async function patientPage(after: string | undefined, ports: CollectPorts) {
  let wait = ports.patience.firstWaitMs;
  for (let tries = 1; ; tries++) {
    const page = await ports.provider.listBatches(
      { limit: 100, ...(after === undefined ? {} : { after }) },
      ports.signal,
    );
    if (page.ok || tries >= ports.patience.tries || page.error.kind === "auth" || page.error.kind === "aborted")
      return page;
    await ports.clock.sleep(wait, ports.signal);
    wait = Math.min(wait * 2, 60_000);
  }
}

/** Writes the journal lines that the lost journal had. The reason when it cannot. */
async function adopt(
  id: JobId,
  batch: RemoteBatch,
  task: string,
  requestFile: string,
  ports: CollectPorts,
): Promise<string | undefined> {
  if (!isEndpoint(batch.endpoint)) return `its endpoint ${batch.endpoint} is not one dsgen uses`;
  const text = await requestsOf(batch, ports);
  if (text === undefined) return "neither what was sent nor what was answered can be downloaded any more";
  const parsed = parseRequestFile(batch.id, text);
  if (!parsed.ok) return parsed.error.message;
  const [first] = parsed.value;
  if (first === undefined) return "it holds no request";
  const blob = await ports.blobs.put(text);
  const at = ports.clock.now();
  if (ports.book.job(id) === undefined) {
    ports.book.record({
      t: "intended",
      v: 1,
      job: id,
      namespace: ports.provider.namespace.id,
      requestFile,
      task: task === "" ? null : task,
      model: first.model,
      endpoint: batch.endpoint,
      attempt: 1,
      requests: parsed.value.length,
      from: digestOf(text),
      lines: blob.digest,
      tokens: null,
      maxCostUsd: null,
      at: batch.createdAt * 1000,
    });
    ports.book.record({ t: "uploaded", job: id, file: batch.inputFileId, at });
  }
  ports.book.record({ t: "submitted", job: id, batch: batch.id, createdAt: batch.createdAt * 1000, adopted: true, at });
  return undefined;
}

/** The lines that were sent; where that file is gone, stand-ins with the ids that the output speaks of. */
async function requestsOf(batch: RemoteBatch, ports: CollectPorts): Promise<string | undefined> {
  const input = await downloaded(batch.inputFileId, ports);
  if (input !== undefined) return input;
  const ids: string[] = [];
  for (const file of [batch.outputFileId, batch.errorFileId]) {
    const text = file === null ? undefined : await downloaded(file, ports);
    for (const raw of text?.split("\n") ?? []) {
      const custom = /"custom_id":\s*"([^"]+)"/.exec(raw)?.[1];
      if (custom !== undefined && requestIdOf(custom) !== undefined) ids.push(custom);
    }
  }
  if (ids.length === 0) return undefined;
  const stand = (custom: string) =>
    JSON.stringify({ custom_id: custom, method: "POST", url: batch.endpoint, body: { model: "unknown" } });
  return `${[...new Set(ids)].map(stand).join("\n")}\n`;
}

async function downloaded(fileId: string, ports: CollectPorts): Promise<string | undefined> {
  mkdirSync(ports.scratch, { recursive: true });
  const folder = mkdtempSync(join(ports.scratch, "recover-"));
  try {
    let wait = ports.patience.firstWaitMs;
    for (let tries = 1; tries <= ports.patience.tries; tries++) {
      const call = await ports.provider.download(fileId, join(folder, "file"), ports.signal);
      if (call.ok) return readFileSync(join(folder, "file"), "utf8");
      if (call.error.kind === "not-found" || call.error.kind === "refused" || call.error.kind === "auth")
        return undefined;
      await ports.clock.sleep(wait, ports.signal);
      wait = Math.min(wait * 2, 60_000);
    }
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
