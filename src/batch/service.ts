import type { AnswerReader } from "../api/answers.ts";
import { answerIn } from "../api/output-line.ts";
import type { RequestId, RequestLine } from "../api/request-file.ts";
import type { ResponseEntry } from "../api/responses.ts";
import type { Answers, GateNeed, GateView } from "../engine/gate.ts";
import type { Ask } from "../events/schema.ts";
import { type Digest, fingerprintOfJson } from "../graph/digest.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import type { LiveTarget } from "../graph/target.ts";
import { Allotment, Budget, type BudgetOptions } from "./budget.ts";
import { askDirect } from "./direct.ts";
import type { ImportPorts } from "./import.ts";
import type { Job, JobId } from "./job.ts";
import type { JobContext } from "./job-context.ts";
import { JobLines, unknownLines } from "./job-lines.ts";
import type { Ledger } from "./ledger.ts";
import { unguardedIn } from "./look-first.ts";
import { Meeting } from "./meeting.ts";
import { type JobSummary, renderMetadata, summaryOf } from "./metadata.ts";
import { costOf, type Tally } from "./money.ts";
import { OtherNamespaces } from "./other-namespaces.ts";
import { forget, type RecoverReport, recover } from "./recover.ts";
import { type AskingRules, Requests } from "./requests.ts";
import { type CancelResult, JobRunner, type RunnerOptions } from "./runner.ts";
import { nothingAnswered, refusedProblem, saidOf } from "./unanswered.ts";

/** What a service is given of the surroundings of its jobs; the rest is its own. */
type Surroundings = Omit<JobContext, "signal" | "jobLines" | "creates" | "fetched">;

export interface ServiceOptions
  extends RunnerOptions,
    Surroundings,
    AskingRules,
    Omit<BudgetOptions, "namespace" | "planned" | "clock" | "book" | "journal"> {
  /** Asks one by one instead of in batch jobs; `limit` bounds how many in this invocation. */
  readonly realtime: { readonly concurrency: number; readonly limit: number | null } | null;
  readonly poll: { readonly minMs: number; readonly maxMs: number };
}

/** Others may come first again; what is left then is asked when it is looked at next. */
const MOST_ROUNDS = 10;

/** The answers of one provider, behind the engine's gate: what is there, what is under way, what would be asked. */
export class AnswerService implements Answers {
  readonly namespace: string;
  readonly #options: ServiceOptions;
  readonly #context: Omit<JobContext, "signal">;
  readonly #runner: JobRunner;
  readonly #requests: Requests;
  #pollMs: number;
  readonly #allotment: Allotment;
  /** What was refused of request files that were looked at and are as answered as they will be. */
  readonly #refused = new Map<TargetName, readonly ResponseEntry[]>();
  readonly #meeting: Meeting;
  readonly others: OtherNamespaces;
  readonly money: Budget;
  readonly ledger: Ledger;

  constructor(options: ServiceOptions) {
    const { blobs, book, clock, colleagues, emit, journal, provider, responses, scratch, timing } = options;
    if (options.writable) book.compact();
    this.#options = options;
    this.#context = {
      ...{ blobs, book, clock, colleagues, emit, journal, provider, responses, scratch, timing },
      jobLines: new JobLines(blobs, responses),
      creates: { startedAt: clock.monotonic(), ended: new Map() },
      fetched: new Map(),
    };
    this.#runner = new JobRunner(options, this.#context);
    this.#requests = new Requests(options, this.#context, this.#runner);
    this.namespace = options.provider.namespace.id;
    const planned = () => this.#runner.planned.map((job) => ({ ...job, requests: job.lines.length }));
    this.money = new Budget({ ...options, namespace: this.namespace, planned });
    this.ledger = this.money.ledger;
    this.#allotment = new Allotment(options.realtime?.limit ?? null);
    const linesOf = (job: Job) => this.#runner.linesOf(job);
    this.others = new OtherNamespaces({ ...options, namespace: this.namespace, linesOf });
    this.#meeting = new Meeting(this.#context, {
      costOf: (need, claim) => this.money.estimate(need, this.#requests.heldBy(need, claim)).costUsd,
      takeOver: (other, signal) => this.#runner.takeOver(other, signal),
    });
    this.#pollMs = options.poll.minMs;
  }

  assess(need: GateNeed): GateView {
    const file = this.#requests.file(need);
    const { answered, ask, waitingOn, others, given, refused, obstacle } = this.#requests.split(need);
    const unknown = ask.length === 0 ? undefined : this.#runner.unknown(need.task ?? null);
    if (unknown !== undefined) return { state: "failed", problem: unknownLines(unknown) };
    if (obstacle !== undefined) return { state: obstacle.refused ? "refused" : "failed", problem: obstacle.problem };
    const refusal = this.#meeting.noteOf(need, others.values());
    if (refusal !== undefined) return { state: "refused", problem: refusal };
    if (ask.length > 0) {
      const allowed = this.#allotment.of(ask);
      this.others.wanted(need.requestsDigest, allowed);
      const left = ask.length - allowed.length;
      const asking = this.money.ask(need, allowed, { reused: answered, model: file.model });
      return { state: "needed", ask: left === 0 ? asking : { ...asking, left } };
    }
    if (waitingOn.length > 0) return { state: "waiting", on: waitingOn };
    if (file.size > 0 && answered === 0) {
      const whys = [...file.ids()].map(this.#requests.why());
      return { state: "failed", problem: nothingAnswered(need.target, whys) };
    }
    this.#refused.set(need.requestFile, refused);
    const open = [...given, ...refused.map(nameOf)];
    return {
      state: "answered",
      settled: open.length === 0,
      hash: open.length === 0 ? "" : fingerprintOfJson(open),
      unanswered: given.length,
      ask: this.money.ask(need, [], { reused: answered, model: file.model }),
    };
  }

  async open(needs: readonly GateNeed[], signal: AbortSignal): Promise<ReadonlyMap<TargetName, GateView>> {
    await this.#meeting.hear(signal);
    await this.#runner.reconcile(signal);
    const about = needs.flatMap((need) => this.#requests.split(need).ask);
    if (this.#options.realtime === null) await this.#runner.lookFirst(about, signal);
    this.ledger.settle();
    // Where somebody else came first to some requests of a job, the rest is asked in another.
    for (let round = 0; round < MOST_ROUNDS && (await this.#ask(needs, signal)) > 0; round++);
    await this.#meeting.tell(signal);
    return new Map(needs.map((need) => [need.target, this.assess(need)]));
  }

  /** Asks what is unanswered. How many jobs were not sent since others ask some of theirs. */
  async #ask(needs: readonly GateNeed[], signal: AbortSignal): Promise<number> {
    const before = this.#runner.claimed;
    let second = 0;
    this.#allotment.again(this.#requests.asked);
    const asked = new Set<RequestId>();
    const asking = needs.flatMap((need) => {
      if (this.#runner.unknown(need.task ?? null) !== undefined) return [];
      // Two request files may hold one request: it is asked once, and both wait for it.
      const { ask } = this.#requests.split(need);
      const lines = this.#allotment.of(ask.filter(({ id }) => !asked.has(id) && !this.#runner.obstacles.has(id)));
      for (const line of lines) asked.add(line.id);
      return lines.length === 0 ? [] : [{ need, task: need.task, lines, ask: this.money.ask(need, lines) }];
    });
    this.others.warn(asking.flatMap(({ lines }) => lines));
    const forbidden = await this.money.forbidden(asking, signal);
    for (const [{ lines }, problem] of forbidden) this.#runner.block(lines, problem, true);
    for (const { need, lines, ask } of asking.filter((one) => !forbidden.has(one))) {
      this.ledger.noteAsked(need.requestsDigest, this.money.askedAs(need, lines));
      this.#options.emit({ type: "asked", target: need.requestFile, ask });
      for (const line of lines) this.#requests.asked.add(line.id);
      if (this.#options.realtime === null) await this.#runner.plan(need, lines);
      else if (await this.#meeting.isFirst(lines, signal))
        await this.#askDirectly(need, lines, this.#options.realtime.concurrency, signal);
      else second++;
    }
    await this.#runner.send(signal);
    return this.#runner.claimed - before + second;
  }

  /** The requests of a file that have no answer yet, each with the refusal that stands in its place. */
  missing(need: GateNeed): readonly string[] {
    return [...this.#requests.file(need).ids()].flatMap((id) => {
      const entry = this.#options.responses.lookup(id);
      if (entry === undefined) return [id];
      return entry.kind === "answer" ? [] : [nameOf(entry)];
    });
  }

  /** How much of a request file is answered, and what asking the rest in batch jobs would take. */
  progress(need: GateNeed): { readonly requests: number; readonly answered: number; readonly rest: Ask } {
    const { answered, ask } = this.#requests.split(need);
    return { requests: this.#requests.file(need).size, answered, rest: this.money.ask(need, ask, { rate: "batch" }) };
  }

  async #askDirectly(
    need: GateNeed,
    lines: readonly RequestLine[],
    concurrency: number,
    signal: AbortSignal,
  ): Promise<void> {
    const of = { task: need.task ?? null, from: need.requestsDigest };
    const bought = (line: RequestLine, blob: Digest, tally: Tally) => {
      const { maxCostUsd } = this.money.estimate(need, [line]);
      this.ledger.boughtDirectly({ ...of, model: line.model, maxCostUsd, ...tally }, blob);
    };
    const { maxAttempts } = this.#options;
    const unasked = await askDirect(lines, { concurrency, maxAttempts, bought }, { ...this.#context, signal });
    for (const { line, problem } of unasked) this.#runner.block([line], problem);
  }

  async poll(signal: AbortSignal): Promise<boolean> {
    const met = await this.#meeting.hear(signal);
    const changed = (await this.#runner.watch(signal)) || met;
    await this.#meeting.tell(signal);
    this.#pollMs = changed ? this.#options.poll.minMs : Math.min(this.#pollMs * 1.5, this.#options.poll.maxMs);
    return changed;
  }

  /**
   * Takes in what has come and sends nothing: whoever cancels or recovers has not asked to buy. A job that was left before
   * it was sent is given up; its requests are asked for by the next build.
   */
  async look(signal: AbortSignal): Promise<void> {
    await this.#runner.reconcile(signal, "abandon");
    await this.#runner.look(signal);
    await this.#meeting.tell(signal);
  }

  nextPollMs(): number {
    return this.#pollMs;
  }

  reader(need: GateNeed): AnswerReader {
    const { responses } = this.#options;
    const why = this.#requests.why();
    const { model, size: requests } = this.#requests.file(need);
    const noteReuse = this.ledger.reuseOf({ from: need.requestsDigest, task: need.task ?? null, model, requests });
    return {
      line: (id) => {
        const entry = responses.lookup(id as RequestId);
        const raw = entry === undefined ? undefined : responses.readRaw(entry.requestId);
        if (entry === undefined || raw === undefined) return undefined;
        const { kind, batchId, via } = entry;
        const usage = kind === "answer" ? (answerIn(raw)?.usage ?? null) : null;
        noteReuse(entry, usage);
        return { raw, kind, batchId, via, usage };
      },
      why: (id) => why(id as RequestId),
    };
  }

  /** What a job came to: the tokens of its new answers, and what they cost; at most, while it is under way. */
  cameTo(id: string) {
    const job = this.#requests.jobs().find((one) => one.id === id);
    const usage = job?.collected?.usage ?? null;
    const price = job === undefined ? undefined : this.#options.priceOf(job.model);
    const unreported = job?.collected?.unreported ?? 0;
    const costUsd = usage === null || unreported > 0 ? null : costOf(usage, price, "batch");
    return { usage, costUsd, atMostUsd: job?.maxCostUsd ?? null };
  }

  /** What is known of one request, whoever asked it: what is stored, which job has it in hand, why there is no answer. */
  traced(id: RequestId) {
    const { responses } = this.#options;
    const entry = responses.lookup(id);
    const raw = entry === undefined ? undefined : responses.readRaw(id);
    return { entry, raw, underWay: this.#runner.inFlight().get(id), why: this.#requests.why()(id).message };
  }

  view({ requests }: LiveTarget, isTarget: (name: string) => boolean): string | undefined {
    return renderMetadata(this.#requests.jobs(), requests, isTarget);
  }

  /** Asks the provider to end these jobs (all open ones by default). What they have answered by then is paid and collected. */
  cancel(ids: readonly string[] | undefined, signal: AbortSignal): Promise<readonly CancelResult[]> {
    return this.#runner.cancel(ids, signal);
  }

  /** Finds this project's jobs again from the provider's listing alone, and takes in what they answered. */
  async recover(tasks: ReadonlySet<string>, signal: AbortSignal): Promise<Result<RecoverReport, Problem>> {
    const report = await recover(tasks, { ...this.#context, signal });
    if (report.ok) await this.look(signal);
    return report;
  }

  /** Takes a person's word that what is not known of a job was not executed; see `forget`. */
  forget(name: string, signal: AbortSignal): Result<JobSummary, Problem> {
    const forgotten = forget(name, { ...this.#context, signal });
    return forgotten.ok ? { ok: true, value: summaryOf(forgotten.value) } : forgotten;
  }

  /** What is not guarded against with this provider, which does not list its batches; undefined when it does. */
  unguarded(): string | undefined {
    return unguardedIn(this.#context);
  }

  importPorts(signal: AbortSignal): ImportPorts {
    return { ...this.#context, ledger: this.ledger, signal };
  }

  /** Every job of this provider, for `status`, in the order they were intended. */
  jobs(): readonly JobSummary[] {
    const { responses } = this.#options;
    const [why, inFlight] = [this.#requests.why(), this.#runner.inFlight()];
    const isToAsk = (id: RequestId) =>
      responses.lookup(id) === undefined && !inFlight.has(id) && why(id).kind === "pending";
    return this.#requests.jobs().map((job) => {
      const left = Object.values(job.collected?.unanswered ?? {}).flat();
      const toAsk = left.filter((id) => isToAsk(id as RequestId)).length;
      return summaryOf(job, saidOf(job, responses), toAsk);
    });
  }

  /** Refusals that may be lifted, of every request ever asked, by request file where that is known: for `status`. */
  refusals(): readonly Problem[] {
    const { book, responses } = this.#options;
    const byPlace = new Map<string, ResponseEntry[]>();
    for (const entry of responses.entries()) {
      if (entry.kind !== "liftable" || this.#runner.inFlight().has(entry.requestId as RequestId)) continue;
      const place = book.job(entry.jobId as JobId)?.requestFile ?? "real-time calls";
      const known = byPlace.get(place);
      if (known === undefined) byPlace.set(place, [entry]);
      else known.push(entry);
    }
    return [...byPlace].map(([place, entries]) => refusedProblem(place, entries, responses));
  }

  /** The same of the request files that this invocation has made do without them. */
  madeDoWithout(): readonly Problem[] {
    return [...this.#refused].flatMap(([file, refused]) => {
      const liftable = refused.filter(({ kind }) => kind === "liftable");
      return liftable.length === 0 ? [] : [refusedProblem(file, liftable, this.#options.responses)];
    });
  }
}

/** A refusal by what it is, so that what is made of it is made again when another takes its place. */
function nameOf({ requestId, blob, offset }: ResponseEntry): string {
  return `${requestId} ${blob} ${offset}`;
}
