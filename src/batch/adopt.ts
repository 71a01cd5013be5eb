import { readFileSync } from "node:fs";
import { isEndpoint, parseRequestFile, type RequestLine, requestIdOf, taskOf } from "../api/request-file.ts";
import { fileLines } from "../engine/file-lines.ts";
import { digestOf, fingerprintOfJson, isFingerprint } from "../graph/digest.ts";
import { downloaded, longestFile } from "./download.ts";
import type { Job, JobId } from "./job.ts";
import type { JobContext } from "./job-context.ts";
import { JOB_KEY, jobOfUpload, readFiles } from "./listing.ts";
import type { Download, RemoteBatch } from "./provider.ts";

/*
 * Batches of dsgen's that the journal does not know: recognised by what their create wrote into them, and taken into the
 * journal as if it had never been without them.
 */

/** A batch that a dsgen sent. What it does not carry itself (servers drop metadata) is null. */
export interface Ours {
  readonly batch: RemoteBatch;
  readonly job: JobId;
  readonly task: string | null;
  readonly requestFile: string | null;
}

/** The files listing is read no further than so many pages: newest first, it is wanted for recent batches. */
const FILE_PAGES = 10;

/**
 * The batches among these that a dsgen sent, by metadata, or by the name of their input file where a server keeps none;
 * and how many show neither. Oldest first, so that jobs stand in the journal in the order in which they were sent.
 */
export async function oursAmong(
  batches: readonly RemoteBatch[],
  context: JobContext,
): Promise<{ readonly ours: readonly Ours[]; readonly unrecognised: number }> {
  const bare = batches.filter((batch) => Object.keys(batch.metadata).length === 0 && batch.inputFileId !== null);
  const files = bare.length === 0 ? undefined : await readFiles(context, FILE_PAGES);
  const ours: Ours[] = [];
  let unrecognised = 0;
  for (const batch of batches) {
    const file = batch.inputFileId === null || !files?.ok ? undefined : files.value.get(batch.inputFileId);
    const job = batch.metadata[JOB_KEY] ?? jobOfUpload(file?.filename ?? null);
    if (Object.keys(batch.metadata).length === 0 && (file?.filename ?? null) === null) unrecognised++;
    if (job === undefined || !isFingerprint(job)) continue;
    const noted = (key: string) => batch.metadata[key] || null;
    const [task, requestFile] = [noted("dsgen_task"), noted("dsgen_request_file")];
    ours.push({ batch, job: job as JobId, task, requestFile });
  }
  ours.sort((a, b) => (a.batch.createdAt ?? 0) - (b.batch.createdAt ?? 0));
  return { ours, unrecognised };
}

/** What is read of a batch to know what it asked. */
type BatchFiles = Pick<RemoteBatch, "id" | "endpoint" | "inputFileId" | "outputFileId" | "errorFileId">;

/** What a batch asked, as lines of a request file; or why that cannot be known any more. */
export type Asked =
  | {
      readonly ok: true;
      readonly text: string;
      readonly lines: readonly RequestLine[];
      /** Not what was sent, but the ids of what was answered so far. */
      readonly standIns: boolean;
    }
  | { readonly ok: false; readonly why: string };

/** More than the API takes (200 MB), and less than a text can hold. */
const LONGEST_INPUT = 256 * 1024 * 1024;

/** Reads what was sent from the batch's input file; where that is gone, the ids that its output and error files speak of. */
export async function askedBy(batch: BatchFiles, context: JobContext): Promise<Asked> {
  if (!isEndpoint(batch.endpoint)) return { ok: false, why: `its endpoint ${batch.endpoint} is not one dsgen uses` };
  const wholeText = ({ path, cut }: Download) => (cut ? undefined : readFileSync(path, "utf8"));
  const input = batch.inputFileId;
  const read = input === null ? undefined : await downloaded(input, LONGEST_INPUT, context, wholeText);
  const sent = read?.ok ? read.value : undefined;
  const text = sent ?? (await standIns(batch, context));
  if (text === undefined)
    return { ok: false, why: "neither what was sent nor what was answered can be downloaded any more" };
  const parsed = parseRequestFile(batch.id, text);
  if (!parsed.ok) return { ok: false, why: parsed.error.message };
  return parsed.value.length === 0
    ? { ok: false, why: "it holds no request" }
    : { ok: true, text, lines: parsed.value, standIns: sent === undefined };
}

/** Reads back from the provider what a job was sent, or what it has answered. False when it does not say. */
export async function fetchLines(job: Job, context: JobContext): Promise<boolean> {
  const { endpoint, fileId: inputFileId, remote } = job;
  const { outputFileId, errorFileId } = remote ?? { outputFileId: null, errorFileId: null };
  const batch = { id: job.batchId ?? job.id, endpoint, inputFileId, outputFileId, errorFileId };
  const asked = await askedBy(batch, context);
  if (!asked.ok || (asked.standIns && asked.lines.length < job.requests)) return false;
  if (!asked.standIns) await context.blobs.put(asked.text);
  context.jobLines.set(job.id, asked.lines);
  return true;
}

/**
 * Writes the journal lines that the journal lacks. A job that has another batch already was created twice (it was listed
 * later than the bound): the second batch becomes a job of its own, so that what it answered is taken in as well.
 */
export async function adopt(
  ours: Pick<Ours, "job" | "task" | "requestFile"> & {
    readonly batch: Pick<RemoteBatch, "id" | "endpoint" | "inputFileId" | "createdAt">;
  },
  asked: { readonly text: string; readonly lines: readonly Pick<RequestLine, "customId" | "model">[] },
  context: JobContext,
): Promise<JobId> {
  const { batch } = ours;
  const taken = context.book.job(ours.job)?.batchId ?? batch.id;
  const job = taken === batch.id ? ours.job : (fingerprintOfJson([ours.job, batch.id]) as JobId);
  const [first] = asked.lines;
  if (first === undefined || !isEndpoint(batch.endpoint)) throw new Error(`batch ${batch.id} was not read whole`);
  const blob = await context.blobs.put(asked.text);
  const at = context.clock.now();
  const createdAt = batch.createdAt === null ? at : batch.createdAt * 1000;
  if (context.book.job(job) === undefined) {
    context.book.record({
      t: "intended",
      v: 1,
      job,
      namespace: context.provider.namespace.id,
      requestFile: ours.requestFile ?? `batch ${batch.id}`,
      task: ours.task ?? taskOf(first.customId),
      model: first.model,
      endpoint: batch.endpoint,
      attempt: 1,
      requests: asked.lines.length,
      from: digestOf(asked.text),
      lines: blob.digest,
      tokens: null,
      maxCostUsd: null,
      at: createdAt,
    });
    if (batch.inputFileId !== null) context.book.record({ t: "uploaded", job, file: batch.inputFileId, at });
  }
  context.book.record({ t: "submitted", job, batch: batch.id, createdAt, adopted: true, at });
  return job;
}

/** Lines with the ids that the output speaks of: enough to take the answers in. */
async function standIns(batch: BatchFiles, context: JobContext): Promise<string | undefined> {
  const ids = new Set<string>();
  for (const file of [batch.outputFileId, batch.errorFileId]) {
    if (file === null) continue;
    await downloaded(file, longestFile(Number.POSITIVE_INFINITY), context, ({ path }) => {
      for (const { raw } of fileLines(path)) {
        const custom = /"custom_id":\s*"([^"]+)"/.exec(raw ?? "")?.[1];
        if (custom !== undefined && requestIdOf(custom) !== undefined) ids.add(custom);
      }
    });
  }
  const stand = (custom: string) =>
    JSON.stringify({ custom_id: custom, method: "POST", url: batch.endpoint, body: { model: "unknown" } });
  return ids.size === 0 ? undefined : `${[...ids].map(stand).join("\n")}\n`;
}
