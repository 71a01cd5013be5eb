import type { Journal } from "../engine/ports.ts";
import type { Digest, Fingerprint } from "../graph/digest.ts";
import { isOpen, type Job, type JobId } from "./job.ts";
import type { JobBook } from "./job-book.ts";
import {
  type AskedRecord,
  type BoughtRecord,
  boughtRecord,
  type CostReport,
  isSimulator,
  type Purchase,
  type ReuseRecord,
  readLedgerRecord,
  type SpendingLine,
  usageSaid,
} from "./ledger-record.ts";
import { addTallies, costOf, costOfTally, NO_ANSWERS, type Price, sumKnown, type Tally, tallyOf } from "./money.ts";
import type { RequestLine } from "./request-file.ts";
import type { Responses } from "./responses.ts";
import { type AnswerIndexes, type Unjournaled, unjournaled } from "./unjournaled.ts";

export interface LedgerSources {
  readonly namespace: string;
  readonly book: JobBook;
  readonly journal: Journal;
  readonly indexes: AnswerIndexes;
  readonly priceOf: (model: string) => Price | undefined;
  readonly now: () => number;
}

/** A job under way, or one that is about to be. */
export type Pending = Pick<Job, "task" | "model" | "maxCostUsd"> & { readonly requests: number };

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
 * are collected, an answer asked directly when it is stored, and answers from elsewhere when they are first looked at. What a
 * crash left stored and not journaled, what a damaged line said, and what an older dsgen never journaled, is found in the index of answers, read once,
 * and journaled by `settle`. So every answer counts once, by the blob it lies in.
 */
export class Ledger {
  readonly #sources: LedgerSources;
  readonly #bought: BoughtRecord[] = [];
  readonly #asked = new Map<Digest, AskedRecord>();
  readonly #reused = new Map<Digest, ReuseRecord>();
  /** The jobs that were over when this process began, and what it has bought directly since: what it has spent. */
  readonly #overBefore: ReadonlySet<JobId>;
  readonly #direct: Purchase[] = [];
  #settled = false;

  constructor(sources: LedgerSources) {
    this.#sources = sources;
    for (const line of sources.journal.records()) {
      const record = readLedgerRecord(line);
      if (record !== undefined) this.#apply(record);
    }
    this.#overBefore = new Set(sources.book.all().flatMap((job) => (isOpen(job) ? [] : [job.id])));
  }

  /** What a call in real time came to, once its answer is stored. On disk when it returns. */
  boughtDirectly(
    of: { readonly task: string | null; readonly model: string; readonly from: Digest; readonly blob: Digest },
    tally: Tally,
    maxCostUsd: number | null,
  ): void {
    const { namespace, now } = this.#sources;
    const { blob, ...origin } = of;
    const record = boughtRecord({ namespace, via: "direct", ...origin, maxCostUsd, ...tally }, [blob], now());
    this.#record(record);
    this.#direct.push(record);
  }

  /** Journals what is stored and was never journaled, after reading it once. */
  settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    for (const { purchase, blobs } of this.#unjournaled())
      this.#record(boughtRecord(purchase, blobs, this.#sources.now()));
  }

  /** Notes what the requests of a file are like, before they are first sent: later estimates go by it. */
  noteAsked(from: Digest, { shape, entries }: AskedAs): void {
    if (!this.#asked.has(from)) this.#record({ t: "asked", v: 1, from, shape, entries, at: this.#sources.now() });
  }

  /**
   * Notes that a request file found these answers already bought, by a job that was cut from another file, or elsewhere.
   * Once per file content, however often it is built.
   */
  noteReuse(from: Digest, task: string | null, lines: readonly RequestLine[], responses: Responses): void {
    if (this.#reused.has(from)) return;
    const found = lines.flatMap((line) => {
      const entry = responses.lookup(line.id);
      if (entry === undefined || entry.kind !== "answer" || entry.via === "direct") return [];
      return this.#sources.book.job(entry.jobId as JobId)?.from === from ? [] : [line.id];
    });
    if (found.length === 0) return;
    const { usage, unreported } = tallyOf(found.map((id) => usageSaid(responses.readRaw(id) ?? "")));
    const origin = { from, namespace: this.#sources.namespace, task, model: lines[0]?.model ?? "unknown" };
    this.#record({ t: "reuse", ...origin, requests: found.length, usage, unreported, at: this.#sources.now() });
  }

  /**
   * US dollars that were spent at most, over every namespace whose bills come together: a real provider's other address or
   * organisation is paid by the same project. Null when it is not known.
   * @param task only what was bought for this one
   */
  spentUsd(task?: string | null): number | null {
    const purchases = [...this.#journaled(), ...this.#unjournaled().map(({ purchase }) => purchase)];
    return this.#most(purchases, task);
  }

  /** The same for this invocation: what it asked directly, and what came of batches that were under way. */
  spentNowUsd(): number | null {
    return this.#most([...this.#ofJobs((job) => !this.#overBefore.has(job.id)), ...this.#direct]);
  }

  /** What is under way may come to at most. @param planned jobs that are about to be sent */
  inFlightUsd(planned: readonly Pending[], task?: string | null): number | null {
    const pending = this.#pending(planned);
    return sumKnown(
      (task === undefined ? pending : pending.filter((job) => job.task === task)).map((job) => job.maxCostUsd),
    );
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
    const own = this.#journaled().filter(
      (of) => of.task === task && of.via !== "import" && of.namespace === this.#sources.namespace,
    );
    return {
      answers: own.reduce((sum, { answers }) => sum + answers, 0),
      usd: sumKnown(own.map((of) => (of.unreported > 0 ? null : this.#costOf(of)))),
    };
  }

  report(planned: readonly Pending[]): CostReport {
    const spent = this.#lines();
    const inFlight = this.#pending(planned).map(({ task, model, requests, maxCostUsd }) => ({
      task: task ?? "",
      model,
      requests,
      usd: maxCostUsd,
    }));
    const saved = [...this.#reused.values()]
      .filter((record) => record.namespace === this.#sources.namespace)
      .map(({ task, model, requests, usage }) => ({
        task: task ?? "",
        model,
        requests,
        usd: costOf(usage, this.#sources.priceOf(model), "batch"),
      }));
    return {
      spent,
      spentUsd: sumKnown(spent.map((line) => line.usd)),
      inFlight,
      inFlightUsd: sumKnown(inFlight.map((line) => line.usd)),
      saved,
      savedUsd: sumKnown(saved.map((line) => line.usd)),
    };
  }

  /** One line a task, model and way, and namespace. */
  #lines(): readonly SpendingLine[] {
    const groups = new Map<string, Purchase>();
    for (const purchase of [...this.#journaled(), ...this.#unjournaled().map((left) => left.purchase)]) {
      const { namespace, task, model, via } = purchase;
      const key = [task ?? "", model, via, namespace].join("\n");
      groups.set(key, { ...purchase, ...addTallies(groups.get(key) ?? NO_ANSWERS, purchase) });
    }
    return [...groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, purchase]) => {
        const { namespace, model, via, answers, unreported, usage } = purchase;
        const usd = this.#costOf(purchase);
        return { namespace, task: purchase.task ?? "", model, via, answers, unreported, usage, usd };
      });
  }

  /** At least; null when nothing of it is known. Answers from elsewhere were paid for elsewhere. */
  #costOf(purchase: Purchase): number | null {
    if (purchase.via === "import") return 0;
    return costOfTally(purchase, this.#sources.priceOf(purchase.model), purchase.via === "batch" ? "batch" : "full");
  }

  /** At most: where the provider did not say what an answer took, it took all that it was allowed. */
  #most(purchases: readonly Purchase[], task?: string | null): number | null {
    return sumKnown(
      purchases
        .filter((purchase) => task === undefined || purchase.task === task)
        .map((purchase) => {
          if (purchase.via === "import" || purchase.unreported === 0) return this.#costOf(purchase);
          if (purchase.maxCostUsd === null) return null;
          return Math.max(this.#costOf(purchase) ?? 0, purchase.maxCostUsd);
        }),
    );
  }

  #pending(planned: readonly Pending[]): readonly Pending[] {
    const { book } = this.#sources;
    const namespaces = new Set(book.all().map((job) => job.namespace));
    return [
      ...[...namespaces].filter((other) => this.#billedHere(other)).flatMap((other) => book.open(other)),
      ...planned,
    ];
  }

  #journaled(): readonly Purchase[] {
    return [
      ...this.#ofJobs(() => true),
      ...this.#bought.filter((record) => this.#billedHere(record.namespace) && !this.#isJob(record.job)),
    ];
  }

  #ofJobs(wanted: (job: Job) => boolean): Purchase[] {
    return this.#sources.book.all().flatMap((job) => {
      const { collected, namespace, task, model, from, maxCostUsd, requests } = job;
      if (isOpen(job) || !this.#billedHere(namespace) || !wanted(job)) return [];
      const of = { namespace, via: "batch", task, model, from, maxCostUsd } as const;
      // Executed and paid for, though its answers can no longer be had: nobody can say for how much.
      if (job.state === "lost") return [{ ...of, ...NO_ANSWERS, answers: requests, unreported: requests }];
      // The same of single requests of a batch that no line speaks of.
      const unknown = collected?.lost?.length ?? 0;
      if (collected === null) return [];
      const { answered, unreported = 0, usage } = collected;
      if (answered + unknown + usage.input + usage.output === 0) return [];
      return [{ ...of, answers: answered + unknown, unreported: unreported + unknown, usage }];
    });
  }

  #unjournaled(): readonly Unjournaled[] {
    return unjournaled(
      this.#sources.indexes,
      (namespace) => this.#billedHere(namespace),
      (job) => this.#isJob(job),
      new Set(this.#bought.flatMap((record) => record.blobs)),
    );
  }

  #isJob(id: string | undefined): boolean {
    return id !== undefined && this.#sources.book.job(id as JobId) !== undefined;
  }

  /** What is simulated is nobody's bill, and each simulator's is its own. */
  #billedHere(other: string): boolean {
    const { namespace } = this.#sources;
    return other === namespace || (!isSimulator(other) && !isSimulator(namespace));
  }

  #record(record: BoughtRecord | AskedRecord | ReuseRecord): void {
    this.#sources.journal.append(record);
    this.#apply(record);
  }

  #apply(record: BoughtRecord | AskedRecord | ReuseRecord): void {
    switch (record.t) {
      case "bought":
        this.#bought.push(record);
        return;
      case "asked":
        this.#asked.set(record.from, record);
        return;
      case "reuse":
        this.#reused.set(record.from, record);
        return;
    }
  }
}
