import type { Ask } from "../engine/gate.ts";
import type { Problem } from "../graph/problem.ts";
import { dollars, sumKnown } from "./money.ts";

/** In US dollars; null, or a task that is not there: no limit. */
export interface SpendingLimits {
  /** For everything this project spends: what was spent, is in flight, and would be asked. */
  readonly budget: number | null;
  /** The same for each task that has a budget of its own. */
  readonly taskBudgets: ReadonlyMap<string, number>;
  /** For what this invocation spends and has in flight. */
  readonly maxCost: number | null;
}

/** What has gone from a budget, at most; null is unknown. */
export interface Spending {
  readonly spent: number | null;
  readonly inFlight: number | null;
}

/** What the limits are held against. */
export interface Books {
  /** Of one task, or of the whole project. */
  ofProject(task?: string): Spending;
  ofInvocation(): Spending;
}

/** Requests that would be asked for one target. */
export interface Asking {
  readonly task: string | undefined;
  readonly ask: Ask;
}

/**
 * Which of these may not be asked, and why. Held against the most they can cost (every answer as long as allowed), so that a
 * limit is a promise; a limit that cannot be checked because a price is unknown refuses as well. A task that passes its own
 * budget stops only itself; what the others ask is then held to the limits for all.
 */
export function overBudget<A extends Asking>(
  asking: readonly A[],
  books: Books,
  { budget, taskBudgets, maxCost }: SpendingLimits,
): ReadonlyMap<A, Problem> {
  const refused = new Map<A, Problem>();
  const hold = (held: readonly A[], where: string, limit: number | null, spending: () => Spending) => {
    const problem = limit === null ? undefined : overLimit(held, where, limit, spending);
    for (const one of held) if (problem !== undefined) refused.set(one, problem);
  };
  for (const [task, limit] of taskBudgets) {
    const own = asking.filter((one) => one.task === task);
    hold(own, `${task}.budget`, limit, () => books.ofProject(task));
  }
  const left = asking.filter((one) => !refused.has(one));
  hold(left, "budget", budget, () => books.ofProject());
  hold(left, "--max-cost", maxCost, () => books.ofInvocation());
  return refused;
}

function overLimit(
  asking: readonly Asking[],
  where: string,
  limit: number,
  spending: () => Spending,
): Problem | undefined {
  const requests = asking.reduce((sum, { ask }) => sum + ask.requests, 0);
  if (requests === 0) return undefined;
  const asked = sumKnown(asking.map(({ ask }) => ask.maxCostUsd));
  const { spent, inFlight } = spending();
  const unknown = unknownPart(asking, asked, inFlight, spent);
  if (unknown !== undefined) {
    return {
      kind: "budget",
      where,
      message: `a limit of ${dollars(limit)} is set, but ${unknown.what}, so it cannot be kept.`,
      fix: unknown.fix,
    };
  }
  if ((asked ?? 0) + (inFlight ?? 0) + (spent ?? 0) <= limit) return undefined;
  return {
    kind: "budget",
    where,
    message: `sending ${requests} requests may cost up to ${dollars(asked)}, with ${dollars(inFlight)} in flight and ${dollars(spent)} spent; the limit is ${dollars(limit)}.`,
    fix: "None of these were sent. Raise the limit, or ask for less (fewer batches, a smaller max_tokens).",
  };
}

function unknownPart(
  asking: readonly Asking[],
  asked: number | null,
  inFlight: number | null,
  spent: number | null,
): { readonly what: string; readonly fix: string } | undefined {
  if (asked === null) {
    const model = asking.find(({ ask }) => ask.maxCostUsd === null)?.ask.model ?? "the model";
    return {
      what: `what ${model} costs at most is unknown`,
      fix: "Give the model's price and encoding in config/models.yaml and the request a max_tokens, or drop the limit.",
    };
  }
  if (inFlight === null) {
    return {
      what: "what is in flight may cost any amount",
      fix: "Wait until it has come, give its model's price in config/models.yaml, or drop the limit.",
    };
  }
  if (spent === null) {
    return {
      what: "what was spent is unknown",
      fix: "dsgen cost says of which answers. Give their model's price in config/models.yaml, or drop the limit.",
    };
  }
  return undefined;
}
