import { statSync } from "node:fs";
import { NO_REASON } from "../api/failure.ts";
import { type OutputLine, readOutputLine } from "../api/output-line.ts";
import { type RequestId, type RequestLine, requestIdOf } from "../api/request-file.ts";
import type { ResponseEntry, Responses } from "../api/responses.ts";
import { faultPoint } from "../engine/fault-points.ts";
import { fileLines } from "../engine/file-lines.ts";
import type { Digest, Fingerprint } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { downloaded, isWholeOutput, longestFile, notesOf } from "./download.ts";
import { type BatchStatus, type Job, namesFile } from "./job.ts";
import type { JobContext } from "./job-context.ts";
import { aliasesOf } from "./job-lines.ts";
import { addTallies, chargeOf, NO_ANSWERS, type Tally, tallyOf } from "./money.ts";
import { providerProblem } from "./provider-problem.ts";

type LineOutcome = Exclude<OutputLine<RequestId>, { readonly kind: "foreign" | "unreadable" }>;

/** What one look at a terminal batch's files came to. What could be read is stored and indexed in every case. */
export type CollectReport =
  /** Every request is accounted for, or was waited for long enough. */
  | { readonly kind: "collected"; readonly warnings: readonly string[] }
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
  remote: BatchStatus,
  lines: readonly RequestLine[],
  last: boolean,
  context: JobContext,
): Promise<Result<CollectReport, Problem>> {
  const taken = new Taken(job, lines);
  const output = await fetched(job, remote.outputFileId, taken, context);
  if (!output.ok) return output;
  const errors = await fetched(job, remote.errorFileId, taken, context);
  if (!errors.ok) return errors;
  const { outcomes, warnings } = taken;
  const { usage, unreported } = boughtHere(job, outcomes, context.responses);
  context.responses.add([...taken.entries.values()]);
  faultPoint("batch.collect.indexed");
  const silent = lines.filter(({ id }) => !outcomes.has(id)).map(({ id }) => id);
  const notExecuted = taken.absent.length === 0 && saysNotExecuted(remote, lines.length, outcomes, last);
  if (silent.length > 0 && !notExecuted) {
    const why = whyUnsettled(job, silent.length, remote, taken.absent);
    if (!last) return ok({ kind: "unsettled", why });
    if (outcomes.size === 0) return ok({ kind: "lost", why });
    warnings.push(
      `${job.requestFile}: ${why}. They may have been charged and are not sent again; \`dsgen recover\` looks once more, batch.resend_lost: true pays anew`,
    );
  }
  const result = {
    output: output.value,
    errors: errors.value,
    answered: countOf(outcomes, "answer"),
    refused: countOf(outcomes, "refusal") + countOf(outcomes, "liftable"),
    unanswered: unansweredOf(outcomes, notExecuted ? silent : [], remote),
    lost: notExecuted ? [] : silent,
    usage,
    unreported,
  };
  context.book.record({ t: "collected", job: job.id, result, at: context.clock.now() });
  faultPoint("batch.collect.marked");
  return ok({ kind: "collected", warnings });
}

/** Stores one of a batch's files as it came, and reads it. Null where the batch names none, or the provider has it no more. */
async function fetched(
  job: Job,
  fileId: string | null,
  taken: Taken,
  context: JobContext,
): Promise<Result<Digest | null, Problem>> {
  if (fileId === null) return ok(null);
  const { blobs } = context;
  const before = context.fetched.get(fileId);
  const name = `${fileId} of batch ${job.batchId ?? "?"}`;
  const stored =
    before?.sure === true
      ? ok(before)
      : await downloaded(
          fileId,
          longestFile(job.requests),
          context,
          async (file) => {
            faultPoint("batch.collect.downloaded");
            const { digest } = await blobs.adopt(file.path);
            faultPoint("batch.collect.stored");
            const notes = notesOf(`${job.requestFile}: ${name}`, file);
            return { blob: digest, bytes: file.bytes, sure: before?.blob === digest, notes };
          },
          // As many bytes as at the last look: what the provider has.
          (path) => statSync(path).size === before?.bytes || isWholeOutput(path),
        );
  if (!stored.ok && stored.error.kind === "not-found") {
    taken.absent.push(fileId);
    return ok(null);
  }
  if (!stored.ok) return err(providerProblem(stored.error, job.requestFile, `download ${name}`));
  const { blob, notes } = stored.value;
  context.fetched.set(fileId, stored.value);
  for (const each of notes) taken.warnings.push(each);
  taken.read(name, blob, blobs.pathOf(blob));
  return ok(blob);
}

/** What the lines of a batch's files say of its requests. */
class Taken {
  readonly outcomes = new Map<Fingerprint, LineOutcome>();
  readonly entries = new Map<Fingerprint, ResponseEntry>();
  readonly warnings: string[] = [];
  /** Files that the provider does not have. */
  readonly absent: string[] = [];
  readonly #job: Job;
  readonly #ids: ReadonlySet<Fingerprint>;
  readonly #idOf: (custom: string) => RequestId | undefined;

  constructor(job: Job, lines: readonly RequestLine[]) {
    this.#job = job;
    this.#ids = new Set(lines.map((line) => line.id));
    const aliases = aliasesOf(lines);
    this.#idOf = (custom) => aliases.get(custom) ?? requestIdOf(custom);
  }

  /** Reads the lines of a stored blob. Foreign, repeated and unreadable ones are kept in it and left out here. */
  read(file: string, blob: Digest, path: string): void {
    let [foreign, repeated] = [0, 0];
    const unreadable: number[] = [];
    const { id: jobId, batchId, requestFile } = this.#job;
    for (const { raw, offset, length, number } of fileLines(path)) {
      if (raw?.trim() === "") continue;
      const outcome = raw === null ? ({ kind: "unreadable" } as const) : readOutputLine(raw, this.#idOf);
      if (outcome.kind === "unreadable") {
        unreadable.push(number);
        continue;
      }
      if (outcome.kind === "foreign" || !this.#ids.has(outcome.id)) {
        foreign++;
        continue;
      }
      const { id: requestId, kind } = outcome;
      const before = this.outcomes.get(requestId);
      if (before !== undefined && (before.kind === "answer" || kind !== "answer")) {
        repeated++;
        continue;
      }
      // An answer after a refusal takes its place: left beside it, its tokens would be counted for both.
      this.outcomes.set(requestId, outcome);
      if (kind !== "unanswered")
        this.entries.set(requestId, { requestId, blob, offset, length, kind, jobId, batchId, via: "batch" });
    }
    const warn = (what: string) => this.warnings.push(`${requestFile}: ${what}`);
    const of = `of batch ${batchId ?? "?"}`;
    if (foreign > 0) warn(`${foreign} lines ${of} answer requests that were not in it; kept, not used`);
    if (repeated > 0) warn(`${repeated} lines ${of} repeat a request; the first answer counts`);
    if (unreadable.length > 0)
      warn(
        `line ${shownNumbers(unreadable)} of ${file} cannot be read as batch output; the file is kept as it came (blob ${blob})`,
      );
  }
}

function shownNumbers(numbers: readonly number[]): string {
  const shown = numbers.slice(0, 10).join(", ");
  return numbers.length > 10 ? `${shown} and ${numbers.length - 10} more` : shown;
}

/**
 * Whether the provider's own counts say that the requests without a line were not executed: they cover every request that
 * was sent, and agree with the lines that came. Counts come late as files do, so a zero is believed only when it was
 * waited for long enough, and a batch that calls itself completed must count every request as completed or failed.
 */
function saysNotExecuted(
  { status, total, completed, failed }: BatchStatus,
  sent: number,
  outcomes: ReadonlyMap<Fingerprint, LineOutcome>,
  last: boolean,
): boolean {
  if (total !== sent || completed < countOf(outcomes, "answer") || completed > outcomes.size) return false;
  return status === "completed" ? completed + failed === total : last || outcomes.size > 0;
}

function whyUnsettled(job: Job, silent: number, remote: BatchStatus, absent: readonly string[]): string {
  const missing = `batch ${job.batchId ?? "?"} (${remote.status}) says nothing of ${silent} of its ${job.requests} requests`;
  if (absent.length > 0) return `${missing}: the provider does not have its file ${absent.join(", ")}`;
  return namesFile(remote) ? missing : `${missing} and names no file`;
}

function countOf(outcomes: ReadonlyMap<Fingerprint, LineOutcome>, kind: LineOutcome["kind"]): number {
  return [...outcomes.values()].filter((outcome) => outcome.kind === kind).length;
}

/** Requests to ask again, by reason: what their lines say, or how the batch ended for those that it did not execute. */
function unansweredOf(
  outcomes: ReadonlyMap<Fingerprint, LineOutcome>,
  notExecuted: readonly string[],
  { status }: BatchStatus,
): Record<string, string[]> {
  const byReason: Record<string, string[]> = {};
  const add = (why: string, id: string) => {
    byReason[why] ??= [];
    byReason[why].push(id);
  };
  for (const [id, outcome] of outcomes) {
    if (outcome.kind !== "unanswered") continue;
    // The provider's own words, where it was asked and said some: they are what a person is shown in the end.
    const said = outcome.status !== null && outcome.message !== NO_REASON;
    add(said ? `${outcome.why} ${outcome.message}` : outcome.why, id);
  }
  for (const id of notExecuted) add(status === "completed" ? "missing" : `batch_${status}`, id);
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
