import type { Ask, GateNeed } from "../engine/gate.ts";
import type { Clock, Journal } from "../engine/ports.ts";
import type { Problem } from "../graph/problem.ts";
import { type Asking, overBudget, type SpendingLimits } from "./budget.ts";
import type { JobBook } from "./job-book.ts";
import { type AskedAs, Ledger, type Pending } from "./ledger.ts";
import { shapeOf } from "./ledger-record.ts";
import { type CountTokens, type Estimate, estimate, type Price, type Rate } from "./money.ts";
import type { RequestId, RequestLine } from "./request-file.ts";
import type { AnswerIndexes } from "./unjournaled.ts";

export interface ReckoningOptions {
  readonly namespace: string;
  readonly book: JobBook;
  readonly journal: Journal;
  readonly indexes: AnswerIndexes;
  readonly clock: Clock;
  readonly priceOf: (model: string) => Price | undefined;
  readonly countTokens: CountTokens;
  /** Entries that one answer of a task is asked for; null when its requests are not of dsgen's making. */
  readonly entriesOf: (task: string) => number | null;
  readonly limits: SpendingLimits;
  /** Not null when requests are asked one by one, at the full price. */
  readonly realtime: object | null;
  /**
   * Told all that is about to be asked, when it is known to be within the limits, before any of it is sent. A problem that
   * it answers is why nothing is sent.
   */
  readonly beforeSending?: (asks: readonly Ask[], signal: AbortSignal) => Promise<Problem | undefined>;
}

/** What asking would cost, and whether it may: this invocation's prices and limits over the ledger. */
export class Reckoning {
  readonly ledger: Ledger;
  readonly #options: ReckoningOptions;

  constructor(options: ReckoningOptions) {
    this.#options = options;
    this.ledger = new Ledger({ ...options, now: () => options.clock.now() });
  }

  ask(need: GateNeed, lines: readonly RequestLine[], reused: number, model = lines[0]?.model ?? ""): Ask {
    return { ...this.estimate(need, lines), requests: lines.length, reused, model };
  }

  /** The same where requests go in batch jobs, whatever this invocation does: for what comes after a pilot. */
  askInBatches(need: GateNeed, lines: readonly RequestLine[]): Ask {
    const model = lines[0]?.model ?? "";
    return { ...this.estimate(need, lines, "batch"), requests: lines.length, reused: 0, model };
  }

  estimate(need: GateNeed, lines: readonly RequestLine[], rate: Rate = this.#rate()): Estimate {
    const { priceOf, countTokens } = this.#options;
    const meanOutput = lines.length === 0 ? null : this.ledger.meanOutput(this.askedAs(need, lines));
    return estimate(lines, priceOf(lines[0]?.model ?? ""), countTokens, { rate, meanOutput });
  }

  #rate(): Rate {
    return this.#options.realtime === null ? "batch" : "full";
  }

  /** What requests of this file are like; they are of one kind. */
  askedAs(need: GateNeed, [first]: readonly RequestLine[]): AskedAs {
    if (first === undefined) throw new Error(`${need.requestFile}: nothing is asked`);
    const task = need.task ?? null;
    const entries = task === null ? null : this.#options.entriesOf(task);
    return { task, model: first.model, shape: shapeOf(first), entries };
  }

  /** Which of these are not asked, and why: a limit forbids it, or whoever is told what it costs. */
  async forbidden<A extends Asking>(
    asking: readonly A[],
    planned: readonly Pending[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<A, Problem>> {
    const over = this.overBudget(asking, planned);
    const within = asking.filter((one) => !over.has(one));
    const asks = within.map(({ ask }) => ask);
    const declined = asks.length > 0 ? await this.#options.beforeSending?.(asks, signal) : undefined;
    return declined === undefined ? over : new Map([...over, ...within.map((one) => [one, declined] as const)]);
  }

  /** Which of these may not be asked, and why. @param planned jobs that are about to be sent */
  overBudget<A extends Asking>(asking: readonly A[], planned: readonly Pending[]): ReadonlyMap<A, Problem> {
    const { ledger } = this;
    const books = {
      ofProject: (task?: string) => ({ spent: ledger.spentUsd(task), inFlight: ledger.inFlightUsd(planned, task) }),
      ofInvocation: () => ({ spent: ledger.spentNowUsd(), inFlight: ledger.inFlightUsd(planned) }),
    };
    return overBudget(asking, books, this.#options.limits);
  }
}

/** Under `--limit`, the requests that an invocation may ask: given out in the order in which they are wanted, and kept. */
export class Allotment {
  readonly #limit: number | null;
  #given: Set<RequestId> = new Set();

  constructor(limit: number | null) {
    this.#limit = limit;
  }

  /** Of these, what may be asked. */
  of(lines: readonly RequestLine[]): readonly RequestLine[] {
    const limit = this.#limit;
    if (limit === null) return lines;
    return lines.filter(({ id }) => {
      if (!this.#given.has(id) && this.#given.size < limit) this.#given.add(id);
      return this.#given.has(id);
    });
  }

  /** Gives out anew what was not asked: it may be that nobody needs it any more. */
  again(asked: ReadonlySet<RequestId>): void {
    this.#given = new Set(asked);
  }
}
