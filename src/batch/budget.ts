import type { RequestId, RequestLine } from "../api/request-file.ts";
import type { GateNeed } from "../engine/gate.ts";
import type { Ask } from "../events/schema.ts";
import type { Problem } from "../graph/problem.ts";
import { type AskedAs, Ledger, type LedgerSources, type Spending } from "./ledger.ts";
import { shapeOf } from "./ledger-record.ts";
import { type CountTokens, dollars, type Estimate, estimate, type Rate, sumKnown } from "./money.ts";

/** In US dollars; null, or a task that is not there: no limit. */
export interface SpendingLimits {
  /** For everything this project spends: what was spent, is in flight, and would be asked. */
  readonly budget: number | null;
  /** The same for each task that has a budget of its own. */
  readonly taskBudgets: ReadonlyMap<string, number>;
  /** For what this invocation spends and has in flight. */
  readonly maxCost: number | null;
}

/** Requests that would be asked for one target. */
export interface Asking {
  readonly task: string | undefined;
  readonly ask: Ask;
}

export interface BudgetOptions extends LedgerSources {
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
export class Budget {
  readonly ledger: Ledger;
  readonly #options: BudgetOptions;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.ledger = new Ledger(options);
  }

  /** @param of `rate`: another than this invocation's, since what comes after a pilot goes in batch jobs */
  ask(
    need: GateNeed,
    lines: readonly RequestLine[],
    of: { readonly reused?: number; readonly model?: string; readonly rate?: Rate } = {},
  ): Ask {
    const { reused = 0, model = lines[0]?.model ?? "", rate } = of;
    return { ...this.estimate(need, lines, rate), requests: lines.length, reused, model };
  }

  estimate(need: GateNeed, lines: readonly RequestLine[], rate?: Rate): Estimate {
    const { countTokens, priceOf, realtime } = this.#options;
    const meanOutput = lines.length === 0 ? null : this.ledger.meanOutput(this.askedAs(need, lines));
    const expected = { rate: rate ?? (realtime === null ? "batch" : "full"), meanOutput };
    return estimate(lines, priceOf(lines[0]?.model ?? ""), countTokens, expected);
  }

  /** What requests of this file are like; they are of one kind. */
  askedAs(need: GateNeed, [first]: readonly RequestLine[]): AskedAs {
    if (first === undefined) throw new Error(`${need.requestFile}: nothing is asked`);
    const task = need.task ?? null;
    const entries = task === null ? null : this.#options.entriesOf(task);
    return { task, model: first.model, shape: shapeOf(first), entries };
  }

  /** Which of these are not asked, and why: a limit forbids it, or whoever is told what it costs. */
  async forbidden<A extends Asking>(asking: readonly A[], signal: AbortSignal): Promise<ReadonlyMap<A, Problem>> {
    const over = this.overLimits(asking);
    const within = asking.filter((one) => !over.has(one));
    const asks = within.map(({ ask }) => ask);
    const declined = asks.length > 0 ? await this.#options.beforeSending?.(asks, signal) : undefined;
    return declined === undefined ? over : new Map([...over, ...within.map((one) => [one, declined] as const)]);
  }

  /** Which of these a limit forbids. */
  overLimits<A extends Asking>(asking: readonly A[]): ReadonlyMap<A, Problem> {
    return overLimits(asking, this.ledger, this.#options.limits);
  }
}

/**
 * Which of these may not be asked, and why. Held against the most they can cost (every answer as long as allowed), so that a
 * limit is a promise; a limit that cannot be checked because a price is unknown refuses as well. A task that passes its own
 * budget stops only itself; what the others ask is then held to the limits for all.
 */
export function overLimits<A extends Asking>(
  asking: readonly A[],
  ledger: Pick<Ledger, "spending" | "spendingNow">,
  { budget, taskBudgets, maxCost }: SpendingLimits,
): ReadonlyMap<A, Problem> {
  const refused = new Map<A, Problem>();
  const hold = (held: readonly A[], where: string, limit: number | null, spending: () => Spending) => {
    const problem = limit === null || held.length === 0 ? undefined : overLimit(held, where, limit, spending());
    for (const one of held) if (problem !== undefined) refused.set(one, problem);
  };
  for (const [task, limit] of taskBudgets) {
    const own = asking.filter((one) => one.task === task);
    hold(own, `${task}.budget`, limit, () => ledger.spending(task));
  }
  const left = asking.filter((one) => !refused.has(one));
  hold(left, "budget", budget, () => ledger.spending());
  hold(left, "--max-cost", maxCost, () => ledger.spendingNow());
  return refused;
}

function overLimit(
  asking: readonly Asking[],
  where: string,
  limit: number,
  { spent, inFlight }: Spending,
): Problem | undefined {
  const requests = asking.reduce((sum, { ask }) => sum + ask.requests, 0);
  if (requests === 0) return undefined;
  const asked = sumKnown(asking.map(({ ask }) => ask.maxCostUsd));
  const unpriced = asking.find(({ ask }) => ask.maxCostUsd === null)?.ask.model ?? "the model";
  const unknown = [
    {
      of: asked,
      what: `what ${unpriced} costs at most is unknown`,
      fix: "Give the model's price and encoding in config/models.yaml and the request a max_tokens, or drop the limit.",
    },
    {
      of: inFlight,
      what: "what is in flight may cost any amount",
      fix: "Wait until it has come, give its model's price in config/models.yaml, or drop the limit.",
    },
    {
      of: spent,
      what: "what was spent is unknown",
      fix: "dsgen cost says of which answers. Give their model's price in config/models.yaml, or drop the limit.",
    },
  ].find(({ of }) => of === null);
  if (unknown !== undefined) {
    const message = `a limit of ${dollars(limit)} is set, but ${unknown.what}, so it cannot be kept.`;
    return { kind: "budget", where, message, fix: unknown.fix };
  }
  if ((asked ?? 0) + (inFlight ?? 0) + (spent ?? 0) <= limit) return undefined;
  return {
    kind: "budget",
    where,
    message: `sending ${requests} requests may cost up to ${dollars(asked)}, with ${dollars(inFlight)} in flight and ${dollars(spent)} spent; the limit is ${dollars(limit)}.`,
    fix: "None of these were sent. Raise the limit, or ask for less (fewer batches, a smaller max_tokens).",
  };
}

/** Under `--limit`, the requests that an invocation may ask: given out in the order in which they are wanted, and kept. */
export class Allotment {
  readonly #limit: number;
  #given: Set<RequestId> = new Set();

  constructor(limit: number | null) {
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
  }

  /** Of these, what may be asked. */
  of(lines: readonly RequestLine[]): readonly RequestLine[] {
    return lines.filter(({ id }) => this.#given.has(id) || (this.#given.size < this.#limit && this.#given.add(id)));
  }

  /** Gives out anew what was not asked: it may be that nobody needs it any more. */
  again(asked: ReadonlySet<RequestId>): void {
    this.#given = new Set(asked);
  }
}
