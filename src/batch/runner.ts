import { type RequestId, type RequestLine, textOf } from "../api/request-file.ts";
import type { GateNeed } from "../engine/gate.ts";
import type { Problem } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import type { WaitingOn } from "../graph/state.ts";
import { adopt, askedBy, fetchLines } from "./adopt.ts";
import type { OthersAsking } from "./colleagues.ts";
import { EnqueuedLimits } from "./enqueued-limits.ts";
import { batchStatus, isOpen, isTerminal, type Job, type JobId } from "./job.ts";
import { type JobContext, notice, tellJob } from "./job-context.ts";
import { lookFirst } from "./look-first.ts";
import { type JobSummary, queuedOn, summaryOf, waitingOn } from "./metadata.ts";
import { type CountTokens, estimate, type Price } from "./money.ts";
import { type PlannedJob, pack } from "./packing.ts";
import { providerProblem } from "./provider-problem.ts";
import { type IfAbsent, type NotSent, reconcile, submit } from "./send.ts";
import { Watcher } from "./watch.ts";

/** Refusals for want of room, with nothing else under way, after which a job is taken not to fit. */
const REFUSALS_ALONE = 5;

export interface RunnerOptions {
  readonly maxRequestsPerFile: number;
  readonly maxFileBytes: number;
  readonly enqueuedTokenLimits: ReadonlyMap<string, number>;
  readonly priceOf: (model: string) => Price | undefined;
  readonly countTokens: CountTokens;
}

/** Why requests cannot be answered in this invocation. The next one tries again. */
export interface Obstacle {
  readonly problem: Problem;
  /** Nothing went wrong: a limit that a person set forbids it. */
  readonly refused: boolean;
}

/** What came of asking to cancel a job. Without a problem, the job ends at the provider's own pace. */
export interface CancelResult {
  readonly job: JobSummary;
  readonly problem: Problem | null;
}

/** Takes jobs through their states: queue, submit, watch, collect. Every step that costs money goes through here. */
export class JobRunner {
  readonly planned: PlannedJob[] = [];
  /** Jobs of this process that others' claims came before. */
  claimed = 0;
  /** Requests that could not be asked, or whose batch this key may not see. */
  readonly obstacles = new Map<RequestId, Obstacle>();
  readonly #options: RunnerOptions;
  readonly #context: Omit<JobContext, "signal">;
  readonly #limits: EnqueuedLimits;
  readonly #watcher = new Watcher();
  #lookedFirst = false;
  /** Requests under way, of what was known when that was asked last. */
  #inFlight: { readonly of: string; readonly requests: ReadonlyMap<RequestId, WaitingOn> } = {
    of: "",
    requests: new Map(),
  };

  constructor(options: RunnerOptions, context: Omit<JobContext, "signal">) {
    this.#options = options;
    this.#context = context;
    this.#limits = new EnqueuedLimits(options.enqueuedTokenLimits, context.timing.firstWaitMs * 4);
  }

  /** Jobs that the provider may have in hand. */
  open(): readonly Job[] {
    return this.#context.book.open(this.#context.provider.namespace.id);
  }

  /** What a job asked; empty when that is not known (see `unknown`). */
  linesOf(job: Job): readonly RequestLine[] {
    return this.#context.jobLines.of(job) ?? [];
  }

  /** A job of a task that may have requests under way of which nobody knows which. */
  unknown(task: string | null): Job | undefined {
    return this.open().find((job) => job.task === task && this.#context.jobLines.of(job) === undefined);
  }

  /** Which job has a request in hand, or is about to. */
  inFlight(): ReadonlyMap<RequestId, WaitingOn> {
    const { book, jobLines } = this.#context;
    const of = `${book.changes} ${jobLines.changes} ${this.planned.length}`;
    if (this.#inFlight.of === of) return this.#inFlight.requests;
    const requests = new Map<RequestId, WaitingOn>();
    const enter = (lines: readonly RequestLine[], on: WaitingOn) => {
      for (const { id } of lines) requests.set(id, on);
    };
    for (const job of this.open()) enter(this.linesOf(job), waitingOn(job));
    for (const planned of this.planned) enter(planned.lines, queuedOn(planned));
    this.#inFlight = { of, requests };
    return requests;
  }

  block(lines: readonly RequestLine[], problem: Problem, refused = false): void {
    for (const line of lines) this.obstacles.set(line.id, { problem, refused });
  }

  /** Cuts requests into jobs and queues them. The bytes to upload are stored now, before the intent that names them. */
  async plan({ requestFile, task, requestsDigest: from }: GateNeed, lines: readonly RequestLine[]): Promise<void> {
    await this.#queue({ requestFile, task: task ?? null, from }, lines);
  }

  async #queue(
    { requestFile, task, from }: Pick<PlannedJob, "requestFile" | "task" | "from">,
    lines: readonly RequestLine[],
  ): Promise<void> {
    const { countTokens, maxFileBytes: maxBytes, maxRequestsPerFile: maxRequests, priceOf } = this.#options;
    const { blobs, clock } = this.#context;
    const maxTokens = this.#limits.limitOf(lines[0]?.model ?? "");
    for (const { lines: packed, tokens } of pack(lines, { maxRequests, maxBytes, maxTokens }, countTokens)) {
      const [first] = packed;
      if (first === undefined) continue;
      const { model, url: endpoint } = first;
      const blob = (await blobs.put(textOf(packed))).digest;
      const atBatchPrice = { rate: "batch", meanOutput: null } as const;
      const { maxCostUsd } = estimate(packed, priceOf(model), countTokens, atBatchPrice);
      const origin = { requestFile, task, from, model, endpoint };
      this.planned.push({ ...origin, lines: packed, blob, tokens, maxCostUsd, plannedAt: clock.now() });
    }
  }

  /** Sends what the enqueued-token limits let out. True when anything was sent. */
  async send(signal: AbortSignal): Promise<boolean> {
    let sent = false;
    for (const planned of [...this.planned]) {
      if (signal.aborted) break;
      const { clock } = this.#context;
      if (!this.#limits.admits(planned.model, planned.tokens, this.open(), clock.monotonic())) continue;
      const job = this.#intend(planned);
      const problem = this.#settled(job.id, await submit(job, { ...this.#context, signal }));
      if (problem === undefined) sent = true;
      // A key that is refused once is refused for every job: said once, everything kept.
      if (problem?.kind === "auth") {
        for (const other of this.planned.splice(0)) this.block(other.lines, problem);
        break;
      }
    }
    return sent;
  }

  /** Finds out what became of jobs that were left between intent and submission, by a crash or by an unclear answer. */
  async reconcile(signal: AbortSignal, ifAbsent: IfAbsent = "send"): Promise<void> {
    const context = { ...this.#context, signal };
    for (const warning of context.book.warnings.splice(0)) notice(context, "warning", "journal", warning);
    for (const job of this.open()) if (context.jobLines.of(job) === undefined) await fetchLines(job, context);
    for (const job of this.open()) {
      if (job.state !== "intended" && job.state !== "uploaded") continue;
      const settled = await reconcile(job, context, ifAbsent);
      this.#settled(job.id, settled);
      // A listing that cannot be read for one job cannot be for the next: all of them wait for the next look.
      if (!settled.ok && settled.error.why === "unlisted") break;
    }
  }

  /**
   * Once an invocation, before its first create: takes over what the provider has of these requests and the journal does
   * not know. Where that cannot be told, they are not sent.
   */
  async lookFirst(lines: readonly RequestLine[], signal: AbortSignal): Promise<void> {
    if (this.#lookedFirst || lines.length === 0) return;
    const context = { ...this.#context, signal };
    const adopted = await lookFirst(lines, context);
    if (!adopted.ok) return this.block(lines, adopted.error);
    this.#lookedFirst = true;
    for (const id of adopted.value) {
      tellJob(context, id);
      const job = context.book.job(id);
      const what = `batch ${job?.batchId ?? "?"} holds requests of it and was not known here; taken over, not sent again`;
      notice(context, "info", "adopted", `${job?.requestFile ?? id}: ${what}`);
    }
  }

  /**
   * Takes over a batch that another clone sent for the same account: it is waited for and collected here too, and sent by
   * nobody else. False where the provider does not show it with this key, or what it asked cannot be read.
   */
  async takeOver({ batch: id, job }: OthersAsking, signal: AbortSignal): Promise<boolean> {
    const context = { ...this.#context, signal };
    if (id === null || job === null || context.book.batchIds().has(id)) return false;
    const batch = await context.provider.retrieveBatch(id, signal);
    if (!batch.ok) return false;
    const asked = await askedBy(batch.value, context);
    if (!asked.ok) return false;
    const ours = { batch: batch.value, job: job as JobId, task: batch.value.metadata["dsgen_task"] || null };
    const requestFile = batch.value.metadata["dsgen_request_file"] || null;
    tellJob(context, await adopt({ ...ours, requestFile }, asked, context));
    return true;
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
    const context = { ...this.#context, signal };
    let changed = false;
    for (const job of this.open()) {
      if (signal.aborted) break;
      const look = await this.#watcher.look(job, context);
      if (look.changed) changed = true;
      if (look.admitted === true) this.#limits.admitted(job.model);
      const { queueFull } = look;
      const problem = queueFull === undefined ? look.problem : await this.#backInLine(job, queueFull, context);
      if (problem !== undefined) this.block(this.linesOf(job), problem);
    }
    return changed;
  }

  /** Ends jobs at the provider. Only what is open there can be; the next looks collect what it had answered. */
  async cancel(ids: readonly string[] | undefined, signal: AbortSignal): Promise<readonly CancelResult[]> {
    await this.reconcile(signal, "abandon");
    const chosen = this.open().filter(
      ({ id, batchId }) => ids === undefined || ids.includes(id) || (batchId !== null && ids.includes(batchId)),
    );
    const results: CancelResult[] = [];
    for (const job of chosen) results.push(await this.#cancelOne(job, { ...this.#context, signal }));
    return results;
  }

  async #cancelOne(job: Job, context: JobContext): Promise<CancelResult> {
    const { book, clock, provider, signal } = context;
    if (job.batchId === null || (job.remote !== null && isTerminal(job.remote.status)))
      return { job: summaryOf(job), problem: null };
    const call = await provider.cancelBatch(job.batchId, signal);
    const now = call.ok ? book.observe(job, batchStatus(call.value), clock.now()) : job;
    tellJob(context, job.id);
    // 409: it ended in this very moment; the next look takes in what it made.
    const over = !call.ok && call.error.kind === "refused" && call.error.status === 409;
    const problem =
      call.ok || over ? null : providerProblem(call.error, job.requestFile, `cancel batch ${job.batchId}`);
    return { job: summaryOf(now), problem };
  }

  #intend(planned: PlannedJob): Job {
    const { book, clock, jobLines, provider } = this.#context;
    const { id: job, attempt } = book.nextJob(planned.lines.map((line) => line.id));
    const { lines: asked, blob: lines, plannedAt: _, ...origin } = planned;
    jobLines.set(job, asked);
    const namespace = provider.namespace.id;
    const sizes = { attempt, requests: asked.length, lines };
    const intended = book.record({ t: "intended", v: 1, job, namespace, ...origin, ...sizes, at: clock.now() });
    this.planned.splice(this.planned.indexOf(planned), 1);
    return intended;
  }

  /** Tells what became of a job that was to be sent; the problem when it was not. */
  #settled(id: JobId, sent: Result<Job, NotSent>): Problem | undefined {
    tellJob(this.#context, id);
    const job = this.#context.book.job(id);
    if (sent.ok || job === undefined) return undefined;
    const { problem, why } = sent.error;
    // They wait for whoever asked them first.
    if (why === "claimed") {
      this.claimed++;
      notice(this.#context, "info", "claimed", `${job.requestFile}: ${problem.message}`);
      return problem;
    }
    // A job left open may have been done: its requests wait for the next look, they have not failed. A refused key ends
    // the waiting all the same: no look will help before a person has set another.
    if (!isOpen(job) || problem.kind === "auth" || why === "person") this.block(this.linesOf(job), problem);
    else notice(this.#context, "warning", "job-unclear", `${job.requestFile}: ${problem.message} ${problem.fix ?? ""}`);
    return problem;
  }

  /**
   * Puts a job back in the queue that the provider refused because its queue of tokens is full. The problem instead when
   * no wait will let it in, or when it was refused too often while nothing else of this project was under way.
   */
  async #backInLine(job: Job, message: string, context: JobContext): Promise<Problem | undefined> {
    const open = this.open().filter((other) => other.model === job.model);
    const openTokens = open.reduce((sum, other) => sum + (other.tokens ?? 0), 0);
    const limit = this.#limits.learn(job, message, openTokens, context.clock.monotonic());
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
    const room = `${job.model} has room for ${limit ?? "too few"} enqueued tokens; it goes out again when there is a place`;
    notice(context, "info", "token-limit", `${job.requestFile}: ${room}`);
    const lines = this.linesOf(job);
    // Refused although nothing else was open, and of unknown size: it may be too large by itself, so it goes in halves.
    const half = job.tokens === null && open.length === 0 ? Math.ceil(lines.length / 2) : lines.length;
    // What is known to be larger than the limit by itself is cut to fit; what fits goes back as it was.
    await this.#queue(job, lines.slice(0, half));
    await this.#queue(job, lines.slice(half));
    return undefined;
  }
}
