import { isSimulator } from "../api/made-up.ts";
import type { ResponseEntry } from "../api/responses.ts";
import type { Usage } from "../api/usage.ts";
import type { Clock, Journal } from "../engine/ports.ts";
import type { Digest, Fingerprint } from "../graph/digest.ts";
import { isOpen, type Job, type JobId } from "./job.ts";
import type { JobBook } from "./job-book.ts";
import {
  type AnswerIndexes,
  type BoughtRecord,
  boughtBy,
  isLedgerRecord,
  type LedgerRecord,
  type LedgerRecordOf,
  type Purchase,
  recordsOf,
  type StoredLine,
  unjournaled,
} from "./ledger-record.ts";
import { addTallies, costOf, costOfTally, NO_ANSWERS, type Price, sumKnown, tallyOf } from "./money.ts";

export interface LedgerSources {
  readonly namespace: string;
  readonly book: JobBook;
  readonly journal: Journal;
  readonly indexes: AnswerIndexes;
  readonly priceOf: (model: string) => Price | undefined;
  readonly clock: Pick<Clock, "now">;
  /** Jobs that are about to be sent, and in no journal yet. */
  readonly planned: () => readonly Pending[];
}

/** A job under way, or one that is about to be. */
export type Pending = Pick<Job, "task" | "model" | "maxCostUsd" | "requests">;

/** What has gone from a budget, at most, in US dollars; null is unknown. */
export interface Spending {
  readonly spent: number | null;
  readonly inFlight: number | null;
}

/** A request file whose answers are read. */
export interface ReadFile {
  /** Its digest. */
  readonly from: Digest;
  readonly task: string | null;
  readonly model: string;
  /** How many it holds. */
  readonly requests: number;
}

/** What a task's requests are like: answers to others say nothing of how long theirs will be. */
export interface AskedAs {
  readonly task: string | null;
  readonly model: string;
  /** See `shapeOf` of ledger-record.ts. */
  readonly shape: Fingerprint;
  /** Entries that one answer holds, as asked for; null when the requests are not of dsgen's making. */
  readonly entries: number | null;
}

/**
 * Everything that was paid, is under way, or was saved: one fold over the journal. Batch jobs tell what they came to when they
 * are collected, an answer asked directly when it is stored, and answers from elsewhere when they are taken in. What a crash
 * left stored and not journaled, what a damaged line said, and what an older dsgen never journaled, is found in the index of
 * answers, read once, and journaled by `settle`. So every answer counts once, by the blob it lies in.
 */
export class Ledger {
  readonly #sources: LedgerSources;
  readonly #bought: BoughtRecord[] = [];
  readonly #asked = new Map<Digest, LedgerRecordOf<"asked">>();
  readonly #reused = new Map<Digest, LedgerRecordOf<"reuse">>();
  /** What is stored and was never journaled, once that was looked for. */
  #left: readonly BoughtRecord[] | undefined;
  /** The jobs that were over when this process began, and what it has bought directly since: what it has spent. */
  readonly #overBefore: ReadonlySet<JobId>;
  readonly #direct: Purchase[] = [];

  constructor(sources: LedgerSources) {
    this.#sources = sources;
    for (const line of sources.journal.records()) if (isLedgerRecord(line)) this.#apply(line);
    this.#overBefore = new Set(sources.book.all().flatMap((job) => (isOpen(job) ? [] : [job.id])));
  }

  /** What a call in real time came to, once its answer is stored. On disk when it returns. */
  boughtDirectly(of: Omit<Purchase, "namespace" | "via" | "job">, blob: Digest): void {
    const { namespace, clock } = this.#sources;
    const purchase = { namespace, via: "direct", ...of } as const;
    this.#record({ t: "bought", v: 1, ...purchase, blobs: [blob], at: clock.now() });
    this.#direct.push(purchase);
  }

  /** What answers from elsewhere came to, once they are stored. On disk when it returns. */
  tookIn(lines: readonly StoredLine[]): void {
    for (const record of recordsOf(lines, this.#sources.clock.now())) this.#record(record);
  }

  /** Journals what is stored and was never journaled. */
  settle(): void {
    for (const record of this.#unjournaled()) this.#record(record);
    this.#left = [];
  }

  /** Notes what the requests of a file are like, before they are first sent: later estimates go by it. */
  noteAsked(from: Digest, { shape, entries }: AskedAs): void {
    if (this.#asked.has(from)) return;
    this.#record({ t: "asked", v: 1, from, shape, entries, at: this.#sources.clock.now() });
  }

  /**
   * Hears of each answer of a request file as it is read, and with the last of all notes those that were already bought, by a
   * job that was cut from another file, or elsewhere. Once per file content, however often it is built.
   */
  reuseOf({ requests, ...of }: ReadFile): (entry: ResponseEntry, usage: Usage | null) => void {
    const { book, clock, namespace } = this.#sources;
    let read = 0;
    let tally = NO_ANSWERS;
    return ({ jobId, kind, via }, usage) => {
      read++;
      const isReused = kind === "answer" && via !== "direct" && book.job(jobId as JobId)?.from !== of.from;
      if (isReused) tally = addTallies(tally, tallyOf([usage]));
      if (read !== requests || tally.answers === 0 || this.#reused.has(of.from)) return;
      const { answers, ...used } = tally;
      this.#record({ t: "reuse", namespace, ...of, requests: answers, ...used, at: clock.now() });
    };
  }

  /**
   * What was spent and is under way, each at its most, over every namespace whose bills come together: a real provider's other
   * address or organisation is paid by the same project.
   * @param task only what is for this one
   */
  spending(task?: string): Spending {
    const ours = (of: Pick<Purchase, "task">) => task === undefined || of.task === task;
    return { spent: this.#most(this.#everything().filter(ours)), inFlight: this.#inFlight(ours) };
  }

  /** The same for this invocation: what it asked directly, what came of batches that were under way, and what still is. */
  spendingNow(): Spending {
    const ended = this.#ofJobs((job) => !this.#overBefore.has(job.id));
    return { spent: this.#most([...ended, ...this.#direct]), inFlight: this.#inFlight(() => true) };
  }

  #inFlight(wanted: (job: Pending) => boolean): number | null {
    return sumKnown(this.#pending().flatMap((job) => (wanted(job) ? [job.maxCostUsd] : [])));
  }

  /** Output tokens that one request like these has come to so far, by what it asked for; null without a history. */
  meanOutput({ task, model, shape, entries }: AskedAs): number | null {
    let [asked, tokens] = [0, 0];
    for (const { answers, unreported, usage, ...of } of this.#journaled()) {
      if (of.task !== task || of.model !== model || of.via === "import") continue;
      const before = of.from === null ? undefined : this.#asked.get(of.from);
      if (before !== undefined && before.shape !== shape) continue;
      // Of what was asked before this was noted nothing is known: it counts as if it had been asked for as much.
      asked += (answers - unreported) * (before?.entries ?? entries ?? 1);
      tokens += usage.output;
    }
    return asked === 0 ? null : (tokens / asked) * (entries ?? 1);
  }

  /** What was bought for a task in this namespace, as the journal has it: no answer is looked at. */
  boughtFor(task: string): { readonly answers: number; readonly usd: number | null } {
    const { namespace } = this.#sources;
    const own = this.#journaled().filter((of) => of.task === task && of.via !== "import" && of.namespace === namespace);
    return {
      answers: own.reduce((sum, { answers }) => sum + answers, 0),
      usd: sumKnown(own.map((of) => (of.unreported > 0 ? null : this.#costOf(of)))),
    };
  }

  /** What a project paid, what is under way (at its most), and what reuse has saved: the `cost` line, as its schema has it. */
  report() {
    const { namespace, priceOf } = this.#sources;
    const spent = this.#lines();
    const inFlight = this.#pending().map(({ maxCostUsd, ...job }) => pendingLine(job, maxCostUsd));
    const saved = [...this.#reused.values()]
      .filter((record) => record.namespace === namespace)
      .map((record) => pendingLine(record, costOf(record.usage, priceOf(record.model), "batch")));
    const total = (lines: readonly { readonly usd: number | null }[]) => sumKnown(lines.map(({ usd }) => usd));
    const [spentUsd, inFlightUsd, savedUsd] = [total(spent), total(inFlight), total(saved)];
    return { spent, spentUsd, inFlight, inFlightUsd, saved, savedUsd };
  }

  /** One line a task, model, way and namespace. */
  #lines() {
    const groups = new Map<string, Purchase>();
    for (const purchase of this.#everything()) {
      const key = [purchase.task ?? "", purchase.model, purchase.via, purchase.namespace].join("\n");
      groups.set(key, { ...purchase, ...addTallies(groups.get(key) ?? NO_ANSWERS, purchase) });
    }
    return [...groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, purchase]) => {
        const { namespace, task, model, via, answers, unreported, usage } = purchase;
        return { namespace, task: task ?? "", model, via, answers, unreported, usage, usd: this.#costOf(purchase) };
      });
  }

  /** At least; null when nothing of it is known. Answers from elsewhere were paid for elsewhere. */
  #costOf(purchase: Purchase): number | null {
    return costOfTally(purchase, this.#sources.priceOf(purchase.model), purchase.via);
  }

  /** At most: where the provider did not say what an answer took, it took all that it was allowed. */
  #most(purchases: readonly Purchase[]): number | null {
    return sumKnown(
      purchases.map((purchase) => {
        if (purchase.via === "import" || purchase.unreported === 0) return this.#costOf(purchase);
        if (purchase.maxCostUsd === null) return null;
        return Math.max(this.#costOf(purchase) ?? 0, purchase.maxCostUsd);
      }),
    );
  }

  #pending(): readonly Pending[] {
    const { book, planned } = this.#sources;
    return [...book.all().filter((job) => isOpen(job) && this.#billedHere(job)), ...planned()];
  }

  #journaled(bought: readonly BoughtRecord[] = this.#bought): readonly Purchase[] {
    const records = bought.filter((record) => this.#billedHere(record) && !this.#isJob(record.job));
    return [...this.#ofJobs(() => true), ...records];
  }

  #everything(): readonly Purchase[] {
    return this.#journaled([...this.#bought, ...this.#unjournaled()]);
  }

  #ofJobs(wanted: (job: Job) => boolean): readonly Purchase[] {
    const jobs = this.#sources.book.all().filter((job) => this.#billedHere(job) && wanted(job));
    return jobs.map(boughtBy).filter((purchase) => purchase !== undefined);
  }

  #unjournaled(): readonly BoughtRecord[] {
    if (this.#left !== undefined) return this.#left;
    const { clock, indexes } = this.#sources;
    const known = new Set(this.#bought.flatMap((record) => record.blobs));
    const told = (entry: ResponseEntry) => known.has(entry.blob) || (entry.via === "batch" && this.#isJob(entry.jobId));
    const billed = indexes.namespaces().filter((namespace) => this.#billedHere({ namespace }));
    this.#left = recordsOf(unjournaled(indexes, billed, told), clock.now());
    return this.#left;
  }

  #isJob(id: string | undefined): boolean {
    return id !== undefined && this.#sources.book.job(id as JobId) !== undefined;
  }

  /** What is simulated is nobody's bill, and each simulator's is its own. */
  #billedHere({ namespace: other }: { readonly namespace: string }): boolean {
    const { namespace } = this.#sources;
    return other === namespace || (!isSimulator(other) && !isSimulator(namespace));
  }

  #record(record: LedgerRecord): void {
    this.#sources.journal.append(record);
    this.#apply(record);
  }

  #apply(record: LedgerRecord): void {
    if (record.t === "bought") this.#bought.push(record);
    else if (record.t === "asked") this.#asked.set(record.from, record);
    else this.#reused.set(record.from, record);
  }
}

function pendingLine({ task, model, requests }: Omit<Pending, "maxCostUsd">, usd: number | null) {
  return { task: task ?? "", model, requests, usd };
}
