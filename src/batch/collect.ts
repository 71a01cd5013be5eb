import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { faultPoint } from "../engine/fault-points.ts";
import type { BlobStore } from "../engine/ports.ts";
import type { Digest, Fingerprint } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { fileLines } from "./file-lines.ts";
import type { Job, RemoteView, Usage } from "./job.ts";
import type { Call } from "./provider.ts";
import { providerProblem } from "./provider-problem.ts";
import type { RequestId, RequestLine } from "./request-file.ts";
import { type LineOutcome, type ResponseEntry, type Responses, readOutcome } from "./responses.ts";
import type { SendPorts } from "./submit.ts";

export interface CollectPorts extends SendPorts {
  readonly responses: Responses;
  /** Downloads land here first; on the cache's file system. */
  readonly scratch: string;
}

/** The requests of a job, and the names an adopted job's provider file calls them by. */
interface Ours {
  readonly ids: ReadonlySet<Fingerprint>;
  readonly aliases: ReadonlyMap<string, RequestId>;
}

export interface CollectReport {
  readonly job: Job;
  readonly warnings: readonly string[];
}

/**
 * Takes in what a terminal batch produced. Both files are downloaded and checked whole, stored raw, indexed, and only then
 * is the job marked `collected`; a crash in between repeats free steps.
 */
export async function collect(
  job: Job,
  remote: RemoteView,
  lines: readonly RequestLine[],
  ports: CollectPorts,
): Promise<Result<CollectReport, Problem>> {
  const ours: Ours = {
    ids: new Set(lines.map((line) => line.id)),
    aliases: new Map(lines.flatMap((line) => (line.alias === undefined ? [] : [[line.alias, line.id]]))),
  };
  mkdirSync(ports.scratch, { recursive: true });
  const folder = mkdtempSync(join(ports.scratch, "collect-"));
  try {
    const outcomes = new Map<Fingerprint, LineOutcome>();
    const entries: ResponseEntry[] = [];
    const warnings: string[] = [];
    const blobs: Record<"output" | "errors", Digest | null> = { output: null, errors: null };
    for (const [part, fileId, announced] of [
      ["output", remote.outputFileId, remote.completed],
      ["errors", remote.errorFileId, 0],
    ] as const) {
      if (fileId === null) continue;
      const fetched = await fetchWhole(job, { id: fileId, lines: announced }, join(folder, part), ports);
      if (!fetched.ok) return fetched;
      faultPoint("batch.collect.downloaded");
      const blob = await ports.blobs.adopt(fetched.value);
      blobs[part] = blob.digest;
      faultPoint("batch.collect.stored");
      warnings.push(...index(job, blob.digest, ports.blobs, ours, outcomes, entries));
    }
    const usage = newUsage(entries, outcomes, ports.responses);
    ports.responses.add(entries);
    faultPoint("batch.collect.indexed");
    const result = {
      ...blobs,
      answered: countOf(outcomes, "answer"),
      refused: countOf(outcomes, "refusal"),
      unanswered: unansweredOf(lines, outcomes, remote),
      usage,
    };
    const collected = ports.book.record({ t: "collected", job: job.id, result, at: ports.clock.now() });
    faultPoint("batch.collect.marked");
    return ok({ job: collected, warnings });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file at the provider, and how many answers the batch says it holds at least. */
interface Announced {
  readonly id: string;
  readonly lines: number;
}

/**
 * Downloads until the content is whole: length as announced, every line readable, as many lines as the batch counts. A
 * torn one is fetched again. One that stays short of lines is what the provider has, and is taken: what it lacks was
 * never answered. A file that is not found is asked for again as well: taking it for gone gives up what was paid.
 */
async function fetchWhole(
  job: Job,
  { id: fileId, lines }: Announced,
  path: string,
  ports: CollectPorts,
): Promise<Result<string, Problem>> {
  const doing = `download ${fileId} of batch ${job.batchId ?? "?"}`;
  let wait = ports.patience.firstWaitMs;
  for (let tries = 1; ; tries++) {
    const call: Call<unknown> = await ports.provider.download(fileId, path, ports.signal);
    const { torn, count } = call.ok ? readThrough(path) : { torn: undefined, count: 0 };
    const last = tries >= ports.patience.tries || ports.signal.aborted;
    if (call.ok && torn === undefined && (count >= lines || last)) return ok(path);
    if (!call.ok && (last || call.error.kind === "auth" || call.error.kind === "refused")) {
      const problem = providerProblem(call.error, job.requestFile, doing);
      if (call.error.kind === "not-found") return err({ ...problem, kind: "missing-input" });
      return err(problem);
    }
    if (last) {
      return err({
        kind: "provider",
        where: job.requestFile,
        message: `line ${torn ?? 0} of ${fileId} (batch ${job.batchId ?? "?"}) is no batch output line, after ${tries} downloads.`,
        fix: "Nothing was stored. Run again to download it again.",
      });
    }
    const asked = !call.ok && call.error.kind === "rate-limited" ? call.error.retryAfterMs : null;
    await ports.clock.sleep(Math.min(asked ?? wait, 600_000), ports.signal);
    wait = Math.min(wait * 2, 60_000);
  }
}

/** How many lines a file has, and the number of the first one that does not parse. */
function readThrough(path: string): { readonly torn: number | undefined; readonly count: number } {
  let count = 0;
  for (const { raw } of fileLines(path)) {
    count++;
    if (raw.trim() !== "" && readOutcome(raw) === undefined) return { torn: count, count };
  }
  return { torn: undefined, count };
}

/** Reads the lines of a stored blob by byte offset. Foreign and repeated ids are kept in the blob and left out here. */
function index(
  job: Job,
  blob: Digest,
  blobs: BlobStore,
  ours: Ours,
  outcomes: Map<Fingerprint, LineOutcome>,
  entries: ResponseEntry[],
): string[] {
  let foreign = 0;
  let repeated = 0;
  for (const { raw, offset, length } of fileLines(blobs.pathOf(blob))) {
    const outcome = readOutcome(raw, ours.aliases);
    if (outcome === undefined) continue;
    if (outcome.kind === "foreign" || !ours.ids.has(outcome.id)) {
      foreign++;
      continue;
    }
    const before = outcomes.get(outcome.id);
    if (before !== undefined && (before.kind === "answer" || outcome.kind !== "answer")) {
      repeated++;
      continue;
    }
    outcomes.set(outcome.id, outcome);
    if (outcome.kind === "unanswered") continue;
    // An answer after a refusal takes its place: left beside it, its tokens would be counted for both.
    if (before?.kind === "refusal") {
      const replaced = entries.findIndex((entry) => entry.requestId === outcome.id);
      if (replaced !== -1) entries.splice(replaced, 1);
    }
    entries.push({
      requestId: outcome.id,
      blob,
      offset,
      length,
      kind: outcome.kind,
      jobId: job.id,
      batchId: job.batchId,
      via: "batch",
    });
  }
  const warnings: string[] = [];
  if (foreign > 0)
    warnings.push(
      `${job.requestFile}: ${foreign} lines of batch ${job.batchId ?? "?"} answer requests that were not in it; kept, not used`,
    );
  if (repeated > 0)
    warnings.push(
      `${job.requestFile}: ${repeated} lines of batch ${job.batchId ?? "?"} repeat a request; the first answer counts`,
    );
  return warnings;
}

/** Lines with their byte offsets; the line's end is not part of it. */
export function* linesOf(bytes: Uint8Array): Generator<{ raw: string; offset: number; length: number }> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset < buffer.length; ) {
    const newline = buffer.indexOf(10, offset);
    const end = newline === -1 ? buffer.length : newline;
    if (end > offset) yield { raw: buffer.toString("utf8", offset, end), offset, length: end - offset };
    offset = end + 1;
  }
}

function countOf(outcomes: ReadonlyMap<Fingerprint, LineOutcome>, kind: LineOutcome["kind"]): number {
  let count = 0;
  for (const outcome of outcomes.values()) if (outcome.kind === kind) count++;
  return count;
}

/** Requests without an answer or a refusal, by reason. One that no line speaks of is `missing`, or what ended the batch. */
function unansweredOf(
  lines: readonly RequestLine[],
  outcomes: ReadonlyMap<Fingerprint, LineOutcome>,
  remote: RemoteView,
): Record<string, string[]> {
  const silent = remote.status === "completed" ? "missing" : `batch_${remote.status}`;
  const byReason: Record<string, string[]> = {};
  for (const { id } of lines) {
    const outcome = outcomes.get(id);
    if (outcome?.kind === "answer" || outcome?.kind === "refusal") continue;
    const why = outcome?.kind === "unanswered" ? outcome.why : silent;
    const ids = byReason[why] ?? [];
    ids.push(id);
    byReason[why] = ids;
  }
  return byReason;
}

/** Tokens of the answers that were not there yet: a file collected twice is paid once. */
function newUsage(
  entries: readonly ResponseEntry[],
  outcomes: ReadonlyMap<Fingerprint, LineOutcome>,
  responses: Responses,
): Usage {
  let [input, cachedInput, output] = [0, 0, 0];
  for (const entry of entries) {
    const outcome = outcomes.get(entry.requestId);
    // After a crash between index and mark the entry is there already, by this very job: it still counts, once.
    const known = responses.lookup(entry.requestId);
    if (outcome?.kind !== "answer" || (known?.kind === "answer" && known.jobId !== entry.jobId)) continue;
    input += outcome.usage.input;
    cachedInput += outcome.usage.cachedInput;
    output += outcome.usage.output;
  }
  return { input, cachedInput, output };
}
