import { type Problem, ProblemError } from "../graph/problem.ts";
import { fetchLines } from "./adopt.ts";
import { collect } from "./collect.ts";
import { type BatchStatus, batchStatus, failedValidation, isTerminal, type Job, type JobId, namesFile } from "./job.ts";
import { hasChanged } from "./job-book.ts";
import { type JobContext, notice, tellJob } from "./job-context.ts";
import { unknownLines } from "./job-lines.ts";
import type { ProviderError } from "./provider.ts";
import { providerProblem } from "./provider-problem.ts";

/** What one look at a job came to. */
export interface Look {
  readonly changed: boolean;
  /** Its batch was let in. */
  readonly admitted?: boolean;
  /** Why its requests cannot be answered in this invocation. */
  readonly problem?: Problem | undefined;
  /** The provider's words when its queue of tokens was full: the job is to go out again. */
  readonly queueFull?: string;
}

/** Looks that fail although the provider answers, after which this invocation gives up on a job. */
const LOOKS_IN_VAIN = 5;
/** How long the provider may stay out of reach before this invocation gives up on a job. */
const SILENCE_MS = 86_400_000;
/** How long after its creation a batch with a window of 24 hours is waited for, by the provider's clock. */
const OVERDUE_MS = 3 * 86_400_000;
/** A terminal batch that leaves requests open is looked at again for so many listing lags. */
const SETTLE_LAGS = 10;

const NOTHING_NEW: Look = { changed: false };

/** Looks at jobs that the provider has, and takes in what they produced. Every wait here has an end that is told. */
export class Watcher {
  readonly #inVain = new Map<JobId, number>();
  readonly #told = new Map<JobId, string>();
  readonly #silentSince = new Map<JobId, number>();
  readonly #unsettledSince = new Map<JobId, number>();

  async look(job: Job, context: JobContext): Promise<Look> {
    if (job.batchId === null) return NOTHING_NEW;
    let [remote, current] = [job.remote, job];
    // A terminal batch is asked about again only while it leaves something open: its files and counts may come late.
    if (remote === null || !isTerminal(remote.status) || this.#unsettledSince.has(job.id) || !namesFile(remote)) {
      const call = await context.provider.retrieveBatch(job.batchId, context.signal);
      if (!call.ok) return this.#notSeen(job, call.error, context);
      this.#silentSince.delete(job.id);
      if (this.#told.delete(job.id) && this.#told.size === 0)
        notice(context, "info", "poll-again", "the provider answers again");
      const changed = hasChanged(remote, batchStatus(call.value));
      remote = batchStatus(call.value);
      if (changed) current = context.book.observe(job, remote, context.clock.now());
      if (changed) tellJob(context, job.id);
      if (!isOver(remote))
        return { changed, admitted: remote.status !== "validating", problem: overdue(current, context) };
    }
    const look = failedValidation(remote)
      ? takeFailure(current, remote, context)
      : await this.#takeIn(current, remote, context);
    tellJob(context, job.id);
    return { ...look, admitted: remote.status !== "failed" };
  }

  /** A look that got no batch. Nothing is concluded from it but, in time, that this invocation stops waiting. */
  #notSeen(job: Job, error: ProviderError, context: JobContext): Look {
    const { clock, timing } = context;
    const problem = providerProblem(error, job.requestFile, `look at batch ${job.batchId}`);
    switch (error.kind) {
      case "aborted":
        return NOTHING_NEW;
      case "auth":
        return { changed: false, problem };
      case "not-found":
        // What was only just created may not be found for as long as it may not be listed.
        return job.remote !== null || clock.now() >= job.changedAt + timing.listingLagMs
          ? { changed: false, problem: notOurs(job, problem) }
          : NOTHING_NEW;
      case "refused":
        return this.#lookedInVain(job, problem, context);
      case "unreachable":
      case "rate-limited":
      case "ambiguous": {
        const since = this.#silentSince.get(job.id) ?? clock.monotonic();
        this.#silentSince.set(job.id, since);
        if (clock.monotonic() - since >= SILENCE_MS) return { changed: false, problem };
        return this.#tell(job, problem, context);
      }
    }
  }

  /** A trouble that goes on for hours is told when it begins, and again when it becomes another. */
  #tell(job: Job, { where, message }: Problem, context: JobContext): Look {
    if (this.#told.get(job.id) !== message) notice(context, "warning", "poll", `${where}: ${message}`);
    this.#told.set(job.id, message);
    return NOTHING_NEW;
  }

  #lookedInVain(job: Job, problem: Problem, context: JobContext): Look {
    const looks = (this.#inVain.get(job.id) ?? 0) + 1;
    this.#inVain.set(job.id, looks);
    if (looks < LOOKS_IN_VAIN) return this.#tell(job, problem, context);
    const message = `${problem.message} Given up for now, after ${looks} looks.`;
    const fix = "Nothing is lost and nothing is sent again: run again later, and dsgen goes on with this batch.";
    return { changed: false, problem: { ...problem, message, fix } };
  }

  async #takeIn(job: Job, remote: BatchStatus, context: JobContext): Promise<Look> {
    const { book, clock, jobLines, timing } = context;
    const settleMs = timing.listingLagMs * SETTLE_LAGS;
    const since = this.#unsettledSince.get(job.id);
    const waited = Math.max(
      since === undefined ? 0 : clock.monotonic() - since,
      job.endedAt === null ? 0 : clock.now() - job.endedAt,
    );
    // Known to exist, but not what it asked: the next invocation reads that from its files.
    if (jobLines.of(job) === undefined && !(await fetchLines(job, context))) {
      notice(context, "warning", "lines-unknown", `${job.requestFile}: ${unknownLines(job).message}`);
      return NOTHING_NEW;
    }
    const result = await collect(job, remote, jobLines.of(job) ?? [], waited >= settleMs, context);
    if (!result.ok) {
      const { error } = result;
      if (error.kind === "disk-full" || error.kind === "permission") throw new ProblemError(error);
      if (error.kind === "auth") return { changed: false, problem: error };
      return context.signal.aborted ? NOTHING_NEW : this.#lookedInVain(job, error, context);
    }
    const report = result.value;
    if (report.kind === "unsettled") {
      if (since !== undefined) return NOTHING_NEW;
      this.#unsettledSince.set(job.id, clock.monotonic());
      const seconds = Math.ceil(Math.max(0, settleMs - waited) / 1000);
      notice(context, "info", "unsettled", `${job.requestFile}: ${report.why}; looked at again for up to ${seconds} s`);
      return NOTHING_NEW;
    }
    this.#unsettledSince.delete(job.id);
    if (report.kind === "collected") {
      for (const warning of report.warnings) notice(context, "warning", "collect", warning);
      return { changed: true };
    }
    const { why } = report;
    book.record({ t: "lost", job: job.id, why, at: clock.now() });
    notice(
      context,
      "warning",
      "output-gone",
      `${job.requestFile}: ${why}. Its requests may have been charged and are not sent again: \`dsgen recover\` looks once more, \`dsgen recover --forget ${job.id}\` or batch.resend_lost: true pay anew`,
    );
    return { changed: true };
  }
}

/** A batch that another key or project owns: known to exist, paid for by whoever owns it, not to be sent again. */
function notOurs(job: Job, problem: Problem): Problem {
  const fix = `Batch ${job.batchId ?? "?"} was submitted as ${job.namespace}; run with the key and project it belongs to. It is not sent again.`;
  return { ...problem, fix };
}

/** A batch that is never over is not waited for for ever. Both times are the provider's own. */
function overdue(job: Job, { provider }: JobContext): Problem | undefined {
  const now = provider.serverNow();
  if (now === null || job.createdAt === null || now - job.createdAt < OVERDUE_MS) return undefined;
  return {
    kind: "provider",
    where: job.requestFile,
    message: `batch ${job.batchId ?? "?"} is still ${job.state === "unknown" ? "in a state that dsgen does not know" : job.state}, days after its window of 24 hours.`,
    fix: `Ask the provider about it. \`dsgen cancel ${job.id}\` ends it and takes in what it has answered; the next build looks at it again.`,
  };
}

/** The provider says that the file was refused before anything of it was executed. */
function takeFailure(job: Job, { errors }: BatchStatus, { book, clock }: JobContext): Look {
  const why = errors
    .map(({ line, message, code }) => `${line === null ? "" : `line ${line}: `}${message || (code ?? "no reason")}`)
    .join("; ");
  book.record({ t: "abandoned", job: job.id, why, at: clock.now() });
  const full = errors.find(({ code }) => code === "token_limit_exceeded");
  if (full !== undefined) return { changed: true, queueFull: full.message };
  return {
    changed: true,
    problem: {
      kind: "provider",
      where: job.requestFile,
      message: `batch ${job.batchId ?? "?"} failed validation: ${why}`,
      fix: "The provider executes nothing of a batch that fails validation. Correct what it names and run again.",
    },
  };
}

/** Over, or in a state of unknown name that names files: whether it is over is then what they say. */
function isOver(remote: BatchStatus): boolean {
  return isTerminal(remote.status) || (remote.status === "unknown" && namesFile(remote));
}
