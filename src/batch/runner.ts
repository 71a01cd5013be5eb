import { readFileSync } from "node:fs";
import type { Emit } from "../engine/events.ts";
import type { GateNeed } from "../engine/gate.ts";
import type { BlobStore, Clock } from "../engine/ports.ts";
import type { TargetName } from "../graph/names.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { type CollectPorts, collect } from "./collect.ts";
import { isOpen, isTerminal, type Job, type JobId, type RemoteView } from "./job.ts";
import type { JobBook } from "./job-book.ts";
import { type JobView, jobView, statusOf } from "./metadata.ts";
import { type CountTokens, estimate, type Price } from "./money.ts";
import { pack } from "./packing.ts";
import type { BatchProvider } from "./provider.ts";
import { providerProblem } from "./provider-problem.ts";
import { EnqueuedLimits, type PlannedJob } from "./queue.ts";
import { type IfAbsent, needsReconciling, reconcile } from "./reconcile.ts";
import { remoteView } from "./remote-view.ts";
import { parseRequestFile, type RequestId, type RequestLine } from "./request-file.ts";
import type { Responses } from "./responses.ts";
import { type CreateCalls, type Patience, type SubmitPorts, submit } from "./submit.ts";

export interface RunnerOptions {
  readonly provider: BatchProvider;
  readonly book: JobBook;
  readonly responses: Responses;
  readonly blobs: BlobStore;
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
  readonly #linesOf = new Map<JobId, readonly RequestLine[]>();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#creates = { startedAt: options.clock.now(), ended: new Map() };
    this.#limits = new EnqueuedLimits(options.enqueuedTokenLimits, options.patience.firstWaitMs * 4);
  }

  get namespace(): string {
    return this.#options.provider.namespace.id;
  }

  /** Jobs that the provider may have in hand. */
  open(): readonly Job[] {
    return this.#options.book.open(this.namespace);
  }

  linesOf(job: Job): readonly RequestLine[] {
    const known = this.#linesOf.get(job.id);
    if (known !== undefined) return known;
    const parsed = parseRequestFile(`job ${job.id}`, readFileSync(this.#options.blobs.pathOf(job.lines), "utf8"));
    if (!parsed.ok) throw new ProblemError(parsed.error);
    this.#linesOf.set(job.id, parsed.value);
    return parsed.value;
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
      const blob = await blobs.put(`${part.lines.map((line) => line.raw).join("\n")}\n`);
      this.planned.push({
        requestFile: origin.requestFile,
        task: origin.task,
        from: origin.from,
        model: first.model,
        endpoint: first.url,
        lines: part.lines,
        blob: blob.digest,
        tokens: part.tokens,
        maxCostUsd: estimate(part.lines, priceOf(first.model), countTokens, null).maxCostUsd,
        plannedAt: clock.now(),
      });
    }
  }

  /** Sends what the enqueued-token limits let out. True when anything was sent. */
  async send(signal: AbortSignal): Promise<boolean> {
    let sent = false;
    for (const planned of [...this.planned]) {
      if (signal.aborted) break;
      if (!this.#limits.admits(planned.model, planned.tokens, this.open(), this.#options.clock.now())) continue;
      const job = this.#intend(planned);
      const submitted = await submit(job, this.#ports(signal));
      this.#emitJob(job.id);
      if (submitted.ok) {
        sent = true;
        continue;
      }
      this.#notSubmitted(job.id, submitted.error);
      // A key that is refused once is refused for every job: said once, everything kept.
      if (submitted.error.kind === "auth") {
        for (const other of this.planned.splice(0))
          this.hinder(other.lines, { problem: submitted.error, refused: false });
        break;
      }
    }
    return sent;
  }

  /** Finds out what became of jobs that were left between intent and submission, by a crash or by an unclear answer. */
  async reconcile(signal: AbortSignal, ifAbsent: IfAbsent = "send"): Promise<void> {
    for (const warning of this.#options.book.warnings.splice(0)) this.#notice("warning", "journal", warning);
    for (const job of this.open().filter(needsReconciling)) {
      const settled = await reconcile(job, this.#ports(signal), ifAbsent);
      if (!settled.ok) this.#notSubmitted(job.id, settled.error.problem);
      this.#emitJob(job.id);
      // A listing that cannot be read for one job cannot be for the next: all of them wait for the next look.
      if (!settled.ok && !settled.error.listed) break;
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
      if (await this.#watchJob(job, signal)) changed = true;
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
    this.#linesOf.set(id, planned.lines);
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

  #notSubmitted(id: JobId, problem: Problem): void {
    const job = this.#options.book.job(id);
    if (job === undefined) return;
    // A job left open may have been done: its requests wait for the next look, they have not failed. A refused key ends
    // the waiting all the same: no look will help before a person has set another.
    if (isOpen(job) && problem.kind !== "auth")
      this.#notice("warning", "job-unclear", `${job.requestFile}: ${problem.message} ${problem.fix ?? ""}`);
    else this.hinder(this.linesOf(job), { problem, refused: false });
  }

  /** One remote batch. True when it changed. */
  async #watchJob(job: Job, signal: AbortSignal): Promise<boolean> {
    if (job.batchId === null) return false;
    const { clock, patience } = this.#options;
    let remote = job.remote;
    if (remote === null || !isTerminal(remote.status)) {
      const call = await this.#options.provider.retrieveBatch(job.batchId, signal);
      if (!call.ok) {
        const problem = providerProblem(call.error, job.requestFile, `look at batch ${job.batchId}`);
        // What was only just created may not be found for as long as it may not be listed.
        const young = job.remote === null && clock.now() < job.changedAt + patience.listingLagMs;
        if (call.error.kind === "not-found" && !young) this.#notOurs(job, problem);
        else if (call.error.kind === "auth") this.hinder(this.linesOf(job), { problem, refused: false });
        else if (call.error.kind !== "aborted" && call.error.kind !== "not-found")
          this.#notice("warning", "poll", `${problem.where}: ${problem.message}`);
        return false;
      }
      remote = remoteView(call.value);
      if (sameRemote(job.remote, remote)) return false;
      this.#options.book.record({ t: "observed", job: job.id, remote, at: clock.now() });
      this.#emitJob(job.id);
    }
    if (remote.status !== "failed" && remote.status !== "validating") this.#limits.admitted(job.model);
    if (!isTerminal(remote.status)) return true;
    const current = this.#options.book.job(job.id) ?? job;
    const moved =
      remote.status === "failed"
        ? await this.#takeFailure(current, remote)
        : await this.#collect(current, remote, signal);
    this.#emitJob(job.id);
    return moved;
  }

  /** A batch that another key or project owns: known to exist, paid for by whoever owns it, not to be sent again. */
  #notOurs(job: Job, problem: Problem): void {
    const fix = `Batch ${job.batchId ?? "?"} was submitted as ${job.namespace}; run with the key and project it belongs to. It is not sent again.`;
    this.hinder(this.linesOf(job), { problem: { ...problem, fix }, refused: false });
  }

  /** Validation failed: nothing was executed. A full queue puts the job back in line; anything else is said. */
  async #takeFailure(job: Job, remote: RemoteView): Promise<boolean> {
    const { book, clock } = this.#options;
    const full = remote.errors.find((error) => error.code === "token_limit_exceeded");
    const reasons = remote.errors.map(
      (error) => `${error.line === null ? "" : `line ${error.line}: `}${error.message}`,
    );
    const why = reasons.join("; ") || "no reason given";
    book.record({ t: "abandoned", job: job.id, why, at: clock.now() });
    const problem: Problem = {
      kind: "provider",
      where: job.requestFile,
      message: `batch ${job.batchId ?? "?"} failed validation: ${why}`,
      fix: "Nothing was executed or charged. Correct what it names and run again.",
    };
    if (full === undefined || !(await this.#backInLine(job, full.message))) {
      this.hinder(this.linesOf(job), { problem, refused: false });
    }
    return true;
  }

  /** False when the job alone is more than the limit, so that no wait will let it in. */
  async #backInLine(job: Job, message: string): Promise<boolean> {
    const open = this.open().filter((other) => other.model === job.model);
    const openTokens = open.reduce((sum, other) => sum + (other.tokens ?? 0), 0);
    const limit = this.#limits.learn(job, message, openTokens, this.#options.clock.now());
    if (job.tokens !== null && limit !== null && job.tokens > limit && job.requests === 1) return false;
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
    return true;
  }

  async #collect(job: Job, remote: RemoteView, signal: AbortSignal): Promise<boolean> {
    const result = await collect(job, remote, this.linesOf(job), this.#ports(signal));
    if (result.ok) {
      for (const warning of result.value.warnings) this.#notice("warning", "collect", warning);
      return true;
    }
    if (result.error.kind === "missing-input") {
      const why = `the output of batch ${job.batchId ?? "?"} no longer exists at the provider`;
      this.#options.book.record({ t: "lost", job: job.id, why, at: this.#options.clock.now() });
      this.#notice(
        "warning",
        "output-gone",
        `${job.requestFile}: ${why}. Its requests were paid for and are not sent again; set batch.resend_lost: true to pay for them anew`,
      );
      return true;
    }
    if (result.error.kind === "disk-full" || result.error.kind === "permission") throw new ProblemError(result.error);
    if (result.error.kind === "auth") this.hinder(this.linesOf(job), { problem: result.error, refused: false });
    else this.#notice("warning", "collect", `${result.error.where}: ${result.error.message}`);
    return false;
  }

  #ports(signal: AbortSignal): CollectPorts & SubmitPorts {
    return { ...this.#options, signal, creates: this.#creates };
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

function sameRemote(a: RemoteView | null, b: RemoteView): boolean {
  return a !== null && a.status === b.status && a.completed === b.completed && a.failed === b.failed;
}
