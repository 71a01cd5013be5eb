import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { NO_REASON } from "../api/failure.ts";
import { type OutputLine, readOutputLine } from "../api/output-line.ts";
import { type RequestId, type RequestLine, requestIdOf } from "../api/request-file.ts";
import { faultPoint } from "../engine/fault-points.ts";
import { fileLines } from "../engine/file-lines.ts";
import type { BlobStore } from "../engine/ports.ts";
import type { Digest, Fingerprint } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { fetchFile, longestFile, notesOf } from "./fetch-file.ts";
import type { Job, RemoteView } from "./job.ts";
import { addTallies, chargeOf, NO_ANSWERS, type Tally, tallyOf } from "./money.ts";
import type { CollectPorts } from "./ports.ts";
import { providerProblem } from "./provider-problem.ts";
import type { ResponseEntry, Responses } from "./responses.ts";

type LineOutcome = Exclude<OutputLine<RequestId>, { readonly kind: "foreign" | "unreadable" }>;

interface Taken {
  readonly outcomes: Map<Fingerprint, LineOutcome>;
  readonly entries: ResponseEntry[];
  readonly warnings: string[];
}

/** The requests of a job, and the names an adopted job's provider file calls them by. */
interface Ours {
  readonly ids: ReadonlySet<Fingerprint>;
  readonly aliases: ReadonlyMap<string, RequestId>;
}

/** What one look at a terminal batch's files came to. What could be read is stored and indexed in every case. */
export type CollectReport =
  /** Every request is accounted for, or was waited for long enough. */
  | { readonly kind: "collected"; readonly job: Job; readonly warnings: readonly string[] }
  /** Requests of which nothing is known yet: look again. */
  | { readonly kind: "unsettled"; readonly why: string }
  /** Waited for long enough, and nothing of it was ever found. */
  | { readonly kind: "lost"; readonly why: string };

/**
 * Takes in what a terminal batch produced, whatever its status word: both files are downloaded, stored raw, indexed, and
 * only then is the job marked `collected`; a crash in between repeats free steps.
 *
 * A request is accounted for when a line speaks of it, or when the provider's counts say that it was not executed. A
 * terminal batch with requests that are neither is looked at again, since files and counts come late.
 * @param last whether it has been waited for long enough: what is unaccounted for then is lost, not asked again
 */
export async function collect(
  job: Job,
  remote: RemoteView,
  lines: readonly RequestLine[],
  last: boolean,
  ports: CollectPorts,
): Promise<Result<CollectReport, Problem>> {
  const ours: Ours = {
    ids: new Set(lines.map((line) => line.id)),
    aliases: new Map(lines.flatMap((line) => (line.alias === undefined ? [] : [[line.alias, line.id]]))),
  };
  mkdirSync(ports.scratch, { recursive: true });
  const folder = mkdtempSync(join(ports.scratch, "collect-"));
  try {
    const taken: Taken = { outcomes: new Map(), entries: [], warnings: [] };
    const blobs: Record<"output" | "errors", Digest | null> = { output: null, errors: null };
    const absent: string[] = [];
    for (const [part, fileId] of [
      ["output", remote.outputFileId],
      ["errors", remote.errorFileId],
    ] as const) {
      if (fileId === null) continue;
      const before = ports.fetched?.get(fileId);
      if (before?.sure === true) {
        blobs[part] = before.blob;
        taken.warnings.push(...before.notes);
        index(job, fileId, before.blob, ports.blobs, ours, taken);
        continue;
      }
      const fetched = await fetchFile(fileId, join(folder, part), longestFile(job.requests), ports);
      if (!fetched.ok && fetched.error.kind === "not-found") {
        absent.push(fileId);
        continue;
      }
      if (!fetched.ok)
        return err(
          providerProblem(fetched.error, job.requestFile, `download ${fileId} of batch ${job.batchId ?? "?"}`),
        );
      faultPoint("batch.collect.downloaded");
      const blob = await ports.blobs.adopt(fetched.value.path);
      blobs[part] = blob.digest;
      const notes = notesOf(`${job.requestFile}: ${fileId} of batch ${job.batchId ?? "?"}`, fetched.value);
      taken.warnings.push(...notes);
      ports.fetched?.set(fileId, { blob: blob.digest, sure: before?.blob === blob.digest, notes });
      faultPoint("batch.collect.stored");
      index(job, fileId, blob.digest, ports.blobs, ours, taken);
    }
    const { outcomes, entries, warnings } = taken;
    const { usage, unreported } = boughtHere(job, outcomes, ports.responses);
    ports.responses.add(entries);
    faultPoint("batch.collect.indexed");
    const silent = lines.filter(({ id }) => !outcomes.has(id)).map(({ id }) => id);
    const notExecuted = absent.length === 0 && saysNotExecuted(remote, lines.length, outcomes, last);
    if (silent.length > 0 && !notExecuted) {
      const why = whyUnsettled(job, silent.length, remote, absent);
      if (!last) return ok({ kind: "unsettled", why });
      if (outcomes.size === 0) return ok({ kind: "lost", why });
      warnings.push(
        `${job.requestFile}: ${why}. They may have been charged and are not sent again; \`dsgen recover\` looks once more, batch.resend_lost: true pays anew`,
      );
    }
    const result = {
      ...blobs,
      answered: countOf(outcomes, "answer"),
      refused: countOf(outcomes, "refusal") + countOf(outcomes, "liftable"),
      unanswered: unansweredOf(outcomes, notExecuted ? silent : [], remote),
      lost: notExecuted ? [] : silent,
      usage,
      unreported,
    };
    const collected = ports.book.record({ t: "collected", job: job.id, result, at: ports.clock.now() });
    faultPoint("batch.collect.marked");
    return ok({ kind: "collected", job: collected, warnings });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Whether the provider's own counts say that the requests without a line were not executed: they cover every request that
 * was sent, and agree with the lines that came. Counts come late as files do, so a zero is believed only when it was
 * waited for long enough, and a batch that calls itself completed must count every request as completed or failed.
 */
function saysNotExecuted(
  { status, total, completed, failed }: RemoteView,
  sent: number,
  outcomes: ReadonlyMap<Fingerprint, LineOutcome>,
  last: boolean,
): boolean {
  if (total !== sent || completed < countOf(outcomes, "answer") || completed > outcomes.size) return false;
  return status === "completed" ? completed + failed === total : last || outcomes.size > 0;
}

function whyUnsettled(job: Job, silent: number, remote: RemoteView, absent: readonly string[]): string {
  const batch = `batch ${job.batchId ?? "?"} (${remote.status})`;
  const missing = `says nothing of ${silent} of its ${job.requests} requests`;
  if (absent.length > 0) return `${batch} ${missing}: the provider does not have its file ${absent.join(", ")}`;
  if (remote.outputFileId === null && remote.errorFileId === null) return `${batch} ${missing} and names no file`;
  return `${batch} ${missing}`;
}

const TOO_LONG = { kind: "unreadable" } as const;

/** Reads the lines of a stored blob by byte offset. Foreign, repeated and unreadable ones are kept in it and left out here. */
function index(
  job: Job,
  fileId: string,
  blob: Digest,
  blobs: BlobStore,
  ours: Ours,
  { outcomes, entries, warnings }: Taken,
): void {
  let [foreign, repeated] = [0, 0];
  const unreadable: number[] = [];
  for (const { raw, offset, length, number } of fileLines(blobs.pathOf(blob))) {
    if (raw?.trim() === "") continue;
    const outcome =
      raw === null ? TOO_LONG : readOutputLine(raw, (custom) => ours.aliases.get(custom) ?? requestIdOf(custom));
    if (outcome.kind === "unreadable") {
      unreadable.push(number);
      continue;
    }
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
    if (before?.kind === "refusal" || before?.kind === "liftable") {
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
  const of = `of batch ${job.batchId ?? "?"}`;
  if (foreign > 0)
    warnings.push(`${job.requestFile}: ${foreign} lines ${of} answer requests that were not in it; kept, not used`);
  if (repeated > 0)
    warnings.push(`${job.requestFile}: ${repeated} lines ${of} repeat a request; the first answer counts`);
  if (unreadable.length > 0)
    warnings.push(
      `${job.requestFile}: line ${shownNumbers(unreadable)} of ${fileId} ${of} cannot be read as batch output; the file is kept as it came (blob ${blob})`,
    );
}

function shownNumbers(numbers: readonly number[]): string {
  const shown = numbers.slice(0, 10).join(", ");
  return numbers.length > 10 ? `${shown} and ${numbers.length - 10} more` : shown;
}

function countOf(outcomes: ReadonlyMap<Fingerprint, LineOutcome>, kind: LineOutcome["kind"]): number {
  let count = 0;
  for (const outcome of outcomes.values()) if (outcome.kind === kind) count++;
  return count;
}

/** Requests to ask again, by reason: what their lines say, or how the batch ended for those that it did not execute. */
function unansweredOf(
  outcomes: ReadonlyMap<Fingerprint, LineOutcome>,
  notExecuted: readonly string[],
  remote: RemoteView,
): Record<string, string[]> {
  const byReason: Record<string, string[]> = {};
  const add = (why: string, id: string) => {
    const ids = byReason[why] ?? [];
    ids.push(id);
    byReason[why] = ids;
  };
  for (const [id, outcome] of outcomes) {
    if (outcome.kind !== "unanswered") continue;
    // The provider's own words, where it was asked and said some: they are what a person is shown in the end.
    const said = outcome.status !== null && outcome.message !== NO_REASON;
    add(said ? `${outcome.why} ${outcome.message}` : outcome.why, id);
  }
  for (const id of notExecuted) add(remote.status === "completed" ? "missing" : `batch_${remote.status}`, id);
  return byReason;
}

/**
 * Tokens of what this batch was paid for. What another batch, or a call in real time, has answered too was bought twice, and
 * counts twice; a batch that is collected a second time, or whose answers were imported before, counts once.
 */
function boughtHere(
  { id: jobId, batchId }: Job,
  outcomes: ReadonlyMap<Fingerprint, LineOutcome>,
  responses: Responses,
): Tally {
  let sum = NO_ANSWERS;
  for (const [id, outcome] of outcomes) {
    const known = responses.lookup(id);
    // After a crash between index and mark the entry is there already, by this very job: it still counts.
    const elsewhere = known?.kind === "answer" && known.jobId !== jobId;
    if (elsewhere && (known.via === "import" || known.batchId === batchId)) continue;
    sum = addTallies(sum, outcome.kind === "answer" ? tallyOf([outcome.answer.usage]) : chargeOf(outcome.charged));
  }
  return sum;
}
