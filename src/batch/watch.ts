import type { RequestLine } from "../api/request-file.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { collect } from "./collect.ts";
import { failedValidation, isTerminal, type Job, type JobId, type RemoteView } from "./job.ts";
import { type JobLines, unknownLines } from "./job-lines.ts";
import type { CollectPorts } from "./ports.ts";
import { providerProblem } from "./provider-problem.ts";
import { remoteView, sameRemote } from "./remote-view.ts";

/** What watching needs beside the provider: the runner's side of it. */
export interface WatchPorts extends CollectPorts {
  linesOf(job: Job): readonly RequestLine[];
  readonly jobLines: JobLines;
  /** These requests cannot be answered in this invocation. */
  fail(lines: readonly RequestLine[], problem: Problem): void;
  notice(level: "info" | "warning", code: string, message: string): void;
  changed(id: JobId): void;
  /** A batch of this model was let in. */
  admitted(model: string): void;
  /** Queues a job again that a full queue refused; the problem when no wait will let it in. */
  backInLine(job: Job, message: string): Promise<Problem | undefined>;
}

/** Looks that fail although the provider answers, after which this invocation gives up on a job. */
const LOOKS_IN_VAIN = 5;
/** How long the provider may stay out of reach before this invocation gives up on a job. */
const SILENCE_MS = 86_400_000;
/** How long after its creation a batch with a window of 24 hours is waited for, by the provider's clock. */
const OVERDUE_MS = 3 * 86_400_000;
/** A terminal batch that leaves requests open is looked at again for so many listing lags. */
const SETTLE_LAGS = 10;

/** Looks at jobs that the provider has, and takes in what they produced. Every wait here has an end that is told. */
export class Watcher {
  readonly #inVain = new Map<JobId, number>();
  readonly #told = new Map<JobId, string>();
  readonly #silentSince = new Map<JobId, number>();
  readonly #unsettledSince = new Map<JobId, number>();
  readonly #fetched: NonNullable<CollectPorts["fetched"]> = new Map();
  readonly #ports: (signal: AbortSignal) => WatchPorts;

  constructor(ports: (signal: AbortSignal) => WatchPorts) {
    this.#ports = ports;
  }

  /** One remote batch. True when it changed. */
  async look(job: Job, signal: AbortSignal): Promise<boolean> {
    if (job.batchId === null) return false;
    const ports = this.#ports(signal);
    let remote = job.remote;
    let current = job;
    // A terminal batch is asked about again only while it leaves something open: its files and counts may come late.
    if (remote === null || !isTerminal(remote.status) || this.#unsettledSince.has(job.id) || !namesFile(remote)) {
      const call = await ports.provider.retrieveBatch(job.batchId, signal);
      if (!call.ok) return this.#notSeen(job, call.error, ports);
      this.#silentSince.delete(job.id);
      this.#told.delete(job.id);
      const seen = remoteView(call.value);
      const changed = !sameRemote(remote, seen);
      remote = seen;
      if (changed) {
        current = ports.book.record({ t: "observed", job: job.id, remote, at: ports.clock.now() });
        ports.changed(job.id);
      }
      if (!isOver(remote)) {
        if (remote.status !== "validating") ports.admitted(job.model);
        this.#checkDue(current, ports);
        return changed;
      }
    }
    if (remote.status !== "failed") ports.admitted(job.model);
    const moved = failedValidation(remote)
      ? await this.#takeFailure(current, remote, ports)
      : await this.#takeIn(current, remote, ports);
    ports.changed(job.id);
    return moved;
  }

  /** A look that got no batch. Nothing is concluded from it but, in time, that this invocation stops waiting. */
  #notSeen(job: Job, error: Parameters<typeof providerProblem>[0], ports: WatchPorts): false {
    const { clock, patience } = ports;
    const problem = providerProblem(error, job.requestFile, `look at batch ${job.batchId}`);
    switch (error.kind) {
      case "aborted":
        return false;
      case "auth":
        ports.fail(ports.linesOf(job), problem);
        return false;
      case "not-found":
        // What was only just created may not be found for as long as it may not be listed.
        if (job.remote !== null || clock.now() >= job.changedAt + patience.listingLagMs)
          this.#notOurs(job, problem, ports);
        return false;
      case "refused":
        this.#countInVain(job, problem, ports);
        return false;
      case "unreachable":
      case "rate-limited":
      case "ambiguous": {
        const since = this.#silentSince.get(job.id) ?? clock.monotonic();
        this.#silentSince.set(job.id, since);
        if (clock.monotonic() - since >= SILENCE_MS) ports.fail(ports.linesOf(job), problem);
        else this.#tell(job, problem, ports);
        return false;
      }
    }
  }

  /** A trouble that goes on for hours is told when it begins, and again when it becomes another. */
  #tell(job: Job, { where, message }: Problem, ports: WatchPorts): void {
    if (this.#told.get(job.id) !== message) ports.notice("warning", "poll", `${where}: ${message}`);
    this.#told.set(job.id, message);
  }

  #countInVain(job: Job, problem: Problem, ports: WatchPorts): void {
    const looks = (this.#inVain.get(job.id) ?? 0) + 1;
    this.#inVain.set(job.id, looks);
    if (looks < LOOKS_IN_VAIN) this.#tell(job, problem, ports);
    else
      ports.fail(ports.linesOf(job), {
        ...problem,
        message: `${problem.message} Given up for now, after ${looks} looks.`,
        fix: "Nothing is lost and nothing is sent again: run again later, and dsgen goes on with this batch.",
      });
  }

  /** A batch that another key or project owns: known to exist, paid for by whoever owns it, not to be sent again. */
  #notOurs(job: Job, problem: Problem, ports: WatchPorts): void {
    const fix = `Batch ${job.batchId ?? "?"} was submitted as ${job.namespace}; run with the key and project it belongs to. It is not sent again.`;
    ports.fail(ports.linesOf(job), { ...problem, fix });
  }

  /** A batch that is never over is not waited for for ever. Both times are the provider's own. */
  #checkDue(job: Job, ports: WatchPorts): void {
    const now = ports.provider.serverNow();
    if (now === null || job.createdAt === null || now - job.createdAt < OVERDUE_MS) return;
    ports.fail(ports.linesOf(job), {
      kind: "provider",
      where: job.requestFile,
      message: `batch ${job.batchId ?? "?"} is still ${job.state === "unknown" ? "in a state that dsgen does not know" : job.state}, days after its window of 24 hours.`,
      fix: `Ask the provider about it. \`dsgen cancel ${job.id}\` ends it and takes in what it has answered; the next build looks at it again.`,
    });
  }

  /** The provider says that the file was refused before anything of it was executed. */
  async #takeFailure(job: Job, remote: RemoteView, ports: WatchPorts): Promise<boolean> {
    const reasons = remote.errors.map(
      (error) => `${error.line === null ? "" : `line ${error.line}: `}${error.message || (error.code ?? "no reason")}`,
    );
    const why = reasons.join("; ");
    ports.book.record({ t: "abandoned", job: job.id, why, at: ports.clock.now() });
    const full = remote.errors.find((error) => error.code === "token_limit_exceeded");
    const problem =
      full === undefined
        ? {
            kind: "provider" as const,
            where: job.requestFile,
            message: `batch ${job.batchId ?? "?"} failed validation: ${why}`,
            fix: "The provider executes nothing of a batch that fails validation. Correct what it names and run again.",
          }
        : await ports.backInLine(job, full.message);
    if (problem !== undefined) ports.fail(ports.linesOf(job), problem);
    return true;
  }

  async #takeIn(job: Job, remote: RemoteView, ports: WatchPorts): Promise<boolean> {
    const { clock, patience } = ports;
    const settleMs = patience.listingLagMs * SETTLE_LAGS;
    const since = this.#unsettledSince.get(job.id);
    const waited = Math.max(
      since === undefined ? 0 : clock.monotonic() - since,
      job.endedAt === null ? 0 : clock.now() - job.endedAt,
    );
    let lines = ports.linesOf(job);
    // Known to exist, but not what it asked: the next invocation reads that from its files.
    if (lines.length === 0 && !(await ports.jobLines.fetch(job, ports))) {
      ports.notice("warning", "lines-unknown", `${job.requestFile}: ${unknownLines(job).message}`);
      return false;
    }
    lines = ports.linesOf(job);
    const result = await collect(job, remote, lines, waited >= settleMs, { ...ports, fetched: this.#fetched });
    if (!result.ok) {
      const { error } = result;
      if (error.kind === "disk-full" || error.kind === "permission") throw new ProblemError(error);
      if (error.kind === "auth") ports.fail(ports.linesOf(job), error);
      else if (!ports.signal.aborted) this.#countInVain(job, error, ports);
      return false;
    }
    switch (result.value.kind) {
      case "collected":
        this.#unsettledSince.delete(job.id);
        for (const warning of result.value.warnings) ports.notice("warning", "collect", warning);
        return true;
      case "unsettled":
        if (since === undefined) {
          this.#unsettledSince.set(job.id, clock.monotonic());
          const seconds = Math.ceil(Math.max(0, settleMs - waited) / 1000);
          ports.notice(
            "info",
            "unsettled",
            `${job.requestFile}: ${result.value.why}; looked at again for up to ${seconds} s`,
          );
        }
        return false;
      case "lost": {
        const { why } = result.value;
        this.#unsettledSince.delete(job.id);
        ports.book.record({ t: "lost", job: job.id, why, at: clock.now() });
        ports.notice(
          "warning",
          "output-gone",
          `${job.requestFile}: ${why}. Its requests may have been charged and are not sent again: \`dsgen recover\` looks once more, \`dsgen recover --forget ${job.id}\` or batch.resend_lost: true pay anew`,
        );
        return true;
      }
    }
  }
}

/** Over, or in a state of unknown name that names files: whether it is over is then what they say. */
function isOver(remote: RemoteView): boolean {
  return isTerminal(remote.status) || (remote.status === "unknown" && namesFile(remote));
}

function namesFile(remote: RemoteView): boolean {
  return remote.outputFileId !== null || remote.errorFileId !== null;
}
