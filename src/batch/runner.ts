import type { RequestId, RequestLine } from "../api/request-file.ts";
import type { GateNeed } from "../engine/gate.ts";
import type { BlobStore, Clock, Journal } from "../engine/ports.ts";
import type { Emit } from "../events/schema.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { isOpen, isTerminal, type Job, type JobId } from "./job.ts";
import type { JobBook } from "./job-book.ts";
import { JobLines, textOf } from "./job-lines.ts";
import { lookFirst } from "./look-first.ts";
import { type JobView, jobView, statusOf } from "./metadata.ts";
import { type CountTokens, estimate, type Price } from "./money.ts";
import { pack } from "./packing.ts";
import type { Patience } from "./ports.ts";
import type { BatchProvider } from "./provider.ts";
import { providerProblem } from "./provider-problem.ts";
import { EnqueuedLimits, type PlannedJob } from "./queue.ts";
import { type IfAbsent, needsReconciling, reconcile } from "./reconcile.ts";
import { remoteView } from "./remote-view.ts";
import type { Responses } from "./responses.ts";
import { type CreateCalls, type SubmitFailure, type SubmitPorts, submit } from "./submit.ts";
import { Watcher, type WatchPorts } from "./watch.ts";

/** Refusals for want of room, with nothing else under way, after which a job is taken not to fit. */
const REFUSALS_ALONE = 5;

export interface RunnerOptions {
  readonly provider: BatchProvider;
  readonly book: JobBook;
  readonly responses: Responses;
  readonly blobs: BlobStore;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly patience: Patience;
  /** Downloads in progress lie here. */
  readonly scratch: string;
  readonly maxRequestsPerFile: number;
  readonly maxFileBytes: number;
  readonly enqueuedTokenLimits: ReadonlyMap<string, number>;
  readonly priceOf: (model: string) => Price | undefined;
  readonly countTokens: CountTokens;
}

/** Why requests cannot be answered in this invocation. The next one tries again. */
export interface Hindrance {
  readonly problem: Problem;
  /** Nothing went wrong: a limit that a person set forbids it. */
  readonly refused: boolean;
}

/** What came of asking to cancel a job. Without a problem, the job ends at the provider's own pace. */
export interface CancelResult {
  readonly job: JobView;
  readonly problem: Problem | null;
}

/** Takes jobs through their states: queue, submit, watch, collect. Every step that costs money goes through here. */
export class JobRunner {
  readonly planned: PlannedJob[] = [];
  /** Requests that could not be asked, or whose batch this key may not see. */
  readonly hindered = new Map<RequestId, Hindrance>();
  readonly #options: RunnerOptions;
  readonly #limits: EnqueuedLimits;
  readonly #creates: CreateCalls;
  readonly jobLines: JobLines;
  #lookedFirst = false;
  readonly #watcher = new Watcher((signal) => this.#ports(signal));

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.jobLines = new JobLines(options.blobs, options.responses);
    this.#creates = { startedAt: options.clock.monotonic(), ended: new Map() };
    this.#limits = new EnqueuedLimits(options.enqueuedTokenLimits, options.patience.firstWaitMs * 4);
  }

  get namespace(): string {
    return this.#options.provider.namespace.id;
  }

  /** Jobs that the provider may have in hand. */
  open(): readonly Job[] {
    return this.#options.book.open(this.namespace);
  }

  /** What a job asked; empty when that is not known (see `unknown`). */
  linesOf(job: Job): readonly RequestLine[] {
    return this.jobLines.of(job) ?? [];
  }

  /** A job of a task that may have requests under way of which nobody knows which. */
  unknown(task: string | null): Job | undefined {
    return this.open().find((job) => job.task === task && this.jobLines.of(job) === undefined);
  }

  hinder(lines: readonly RequestLine[], hindrance: Hindrance): void {
    for (const line of lines) this.hindered.set(line.id, hindrance);
  }

  /** Cuts requests into jobs and queues them. The bytes to upload are stored now, before the intent that names them. */
  async plan(need: GateNeed, lines: readonly RequestLine[]): Promise<void> {
    await this.#queue({ requestFile: need.requestFile, task: need.task ?? null, from: need.requestsDigest }, lines);
  }

  async #queue(
    origin: Pick<PlannedJob, "requestFile" | "task" | "from">,
    lines: readonly RequestLine[],
  ): Promise<void> {
    const { blobs, clock, countTokens, priceOf } = this.#options;
    const limits = {
      maxRequests: this.#options.maxRequestsPerFile,
      maxBytes: this.#options.maxFileBytes,
      maxTokens: this.#limits.limitOf(lines[0]?.model ?? ""),
    };
    for (const part of pack(lines, limits, countTokens)) {
      const [first] = part.lines;
      if (first === undefined) continue;
      const blob = await blobs.put(textOf(part.lines));
      this.planned.push({
        requestFile: origin.requestFile,
        task: origin.task,
        from: origin.from,
        model: first.model,
        endpoint: first.url,
        lines: part.lines,
        blob: blob.digest,
        tokens: part.tokens,
        maxCostUsd: estimate(part.lines, priceOf(first.model), countTokens, { rate: "batch", meanOutput: null })
          .maxCostUsd,
        plannedAt: clock.now(),
      });
    }
  }

  /** Sends what the enqueued-token limits let out. True when anything was sent. */
  async send(signal: AbortSignal): Promise<boolean> {
    let sent = false;
    for (const planned of [...this.planned]) {
      if (signal.aborted) break;
      if (!this.#limits.admits(planned.model, planned.tokens, this.open(), this.#options.clock.monotonic())) continue;
      const job = this.#intend(planned);
      const submitted = await submit(job, this.#ports(signal));
      this.#emitJob(job.id);
      if (submitted.ok) {
        sent = true;
        continue;
      }
      this.#notSubmitted(job.id, submitted.error);
      const { problem } = submitted.error;
      // A key that is refused once is refused for every job: said once, everything kept.
      if (problem.kind === "auth") {
        for (const other of this.planned.splice(0)) this.hinder(other.lines, { problem, refused: false });
        break;
      }
    }
    return sent;
  }

  /** Finds out what became of jobs that were left between intent and submission, by a crash or by an unclear answer. */
  async reconcile(signal: AbortSignal, ifAbsent: IfAbsent = "send"): Promise<void> {
    for (const warning of this.#options.book.warnings.splice(0)) this.#notice("warning", "journal", warning);
    for (const job of this.open()) {
      if (this.jobLines.of(job) === undefined) await this.jobLines.fetch(job, this.#ports(signal));
    }
    for (const job of this.open().filter(needsReconciling)) {
      const settled = await reconcile(job, this.#ports(signal), ifAbsent);
      if (!settled.ok) this.#notSubmitted(job.id, settled.error);
      this.#emitJob(job.id);
      // A listing that cannot be read for one job cannot be for the next: all of them wait for the next look.
      if (!settled.ok && !settled.error.listed) break;
    }
  }

  /**
   * Once an invocation, before its first create: takes over what the provider has of these requests and the journal does
   * not know. Where that cannot be told, they are not sent.
   */
  async lookFirst(lines: readonly RequestLine[], signal: AbortSignal): Promise<void> {
    if (this.#lookedFirst || lines.length === 0) return;
    const looked = await lookFirst(new Set(lines.map((line) => line.id)), this.#options.journal, this.#ports(signal));
    if (!looked.ok) return this.hinder(lines, { problem: looked.error, refused: false });
    this.#lookedFirst = true;
    for (const id of looked.value.adopted) {
      this.#emitJob(id);
      const job = this.#options.book.job(id);
      this.#notice(
        "info",
        "adopted",
        `${job?.requestFile ?? id}: batch ${job?.batchId ?? "?"} holds requests of it and was not known here; taken over, not sent again`,
      );
    }
  }

  /** Looks at every open batch, takes in what is done, and sends what there is room for. True when anything changed. */
  async watch(signal: AbortSignal): Promise<boolean> {
    await this.reconcile(signal);
    let changed = await this.look(signal);
    if (this.planned.length > 0 && !signal.aborted && (await this.send(signal))) changed = true;
    return changed;
  }

  /** Looks at every open batch and takes in what is done; sends nothing. True when anything changed. */
  async look(signal: AbortSignal): Promise<boolean> {
    let changed = false;
    for (const job of this.open()) {
      if (signal.aborted) break;
      if (await this.#watcher.look(job, signal)) changed = true;
    }
    return changed;
  }

  /** Ends jobs at the provider. Only what is open there can be; the next looks collect what it had answered. */
  async cancel(ids: readonly string[] | undefined, signal: AbortSignal): Promise<readonly CancelResult[]> {
    await this.reconcile(signal, "abandon");
    const chosen = this.open().filter(
      (job) => ids === undefined || ids.includes(job.id) || (job.batchId !== null && ids.includes(job.batchId)),
    );
    const results: CancelResult[] = [];
    for (const job of chosen) {
      if (job.batchId === null || (job.remote !== null && isTerminal(job.remote.status))) {
        results.push({ job: jobView(job), problem: null });
        continue;
      }
      const call = await this.#options.provider.cancelBatch(job.batchId, signal);
      if (call.ok)
        this.#options.book.record({
          t: "observed",
          job: job.id,
          remote: remoteView(call.value),
          at: this.#options.clock.now(),
        });
      // 409: it ended in this very moment; the next look takes in what it made.
      const over = !call.ok && call.error.kind === "refused" && call.error.status === 409;
      const problem =
        call.ok || over ? null : providerProblem(call.error, job.requestFile, `cancel batch ${job.batchId}`);
      results.push({ job: jobView(this.#options.book.job(job.id) ?? job), problem });
      this.#emitJob(job.id);
    }
    return results;
  }

  #intend(planned: PlannedJob): Job {
    const { id, attempt } = this.#options.book.nextJob(planned.lines.map((line) => line.id));
    this.jobLines.set(id, planned.lines);
    const { requestFile, task, from, model, endpoint, tokens, maxCostUsd } = planned;
    const job = this.#options.book.record({
      t: "intended",
      v: 1,
      job: id,
      namespace: this.namespace,
      requestFile,
      task,
      model,
      endpoint,
      attempt,
      requests: planned.lines.length,
      from,
      lines: planned.blob,
      tokens,
      maxCostUsd,
      at: this.#options.clock.now(),
    });
    this.planned.splice(this.planned.indexOf(planned), 1);
    return job;
  }

  #notSubmitted(id: JobId, { problem, needsPerson }: SubmitFailure): void {
    const job = this.#options.book.job(id);
    if (job === undefined) return;
    // A job left open may have been done: its requests wait for the next look, they have not failed. A refused key ends
    // the waiting all the same: no look will help before a person has set another.
    if (isOpen(job) && problem.kind !== "auth" && !needsPerson)
      this.#notice("warning", "job-unclear", `${job.requestFile}: ${problem.message} ${problem.fix ?? ""}`);
    else this.hinder(this.linesOf(job), { problem, refused: false });
  }

  /**
   * Puts a job back in the queue that the provider refused because its queue of tokens is full. The problem instead when
   * no wait will let it in, or when it was refused too often while nothing else of this project was under way.
   */
  async #backInLine(job: Job, message: string): Promise<Problem | undefined> {
    const open = this.open().filter((other) => other.model === job.model);
    const openTokens = open.reduce((sum, other) => sum + (other.tokens ?? 0), 0);
    const limit = this.#limits.learn(job, message, openTokens, this.#options.clock.monotonic());
    const alone = open.length === 0 ? this.#limits.refusedAlone(job.model) : 0;
    const tooLarge = job.tokens !== null && limit !== null && job.tokens > limit && job.requests === 1;
    if (tooLarge || alone > REFUSALS_ALONE) {
      const size = job.tokens === null ? "" : ` of ${job.tokens} tokens`;
      return {
        kind: "provider",
        where: job.requestFile,
        message: `the provider refuses this job${size} for want of room in its queue, with nothing else of this project in it${tooLarge ? "" : ` (${alone} times)`}: ${message}`,
        fix: "It cannot fit as it is, or others of the organisation hold the room. Ask the provider for a higher limit of enqueued tokens, lower enqueued_token_limit in config/models.yaml, or run again later. Nothing of it was executed.",
      };
    }
    this.#notice(
      "info",
      "token-limit",
      `${job.requestFile}: ${job.model} has room for ${limit ?? "too few"} enqueued tokens; it goes out again when there is a place`,
    );
    const lines = this.linesOf(job);
    // Refused although nothing else was open, and of unknown size: it may be too large by itself, so it goes in halves.
    const half = job.tokens === null && open.length === 0 ? Math.ceil(lines.length / 2) : lines.length;
    // What is known to be larger than the limit by itself is cut to fit; what fits goes back as it was.
    await this.#queue(job, lines.slice(0, half));
    await this.#queue(job, lines.slice(half));
    return undefined;
  }

  #ports(signal: AbortSignal): WatchPorts & SubmitPorts {
    return {
      ...this.#options,
      signal,
      creates: this.#creates,
      jobLines: this.jobLines,
      linesOf: (job) => this.linesOf(job),
      fail: (lines, problem) => this.hinder(lines, { problem, refused: false }),
      notice: (level, code, message) => this.#notice(level, code, message),
      changed: (id) => this.#emitJob(id),
      admitted: (model) => this.#limits.admitted(model),
      backInLine: (job, message) => this.#backInLine(job, message),
    };
  }

  #notice(level: "info" | "warning", code: string, message: string): void {
    this.#options.emit({ type: "notice", level, code, message });
  }

  #emitJob(id: JobId): void {
    const job = this.#options.book.job(id);
    if (job === undefined) return;
    const { jobId, batchId, progress } = jobView(job);
    this.#options.emit({
      type: "job",
      jobId,
      requestFile: job.requestFile as TargetName,
      batchId,
      status: statusOf(job),
      progress,
    });
  }
}
