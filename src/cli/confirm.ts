import type { Emit } from "../engine/events.ts";
import type { Ask } from "../engine/gate.ts";
import type { Problem } from "../graph/problem.ts";
import { countOf, money } from "../report/format.ts";
import { sumAsks } from "../report/plan.ts";

export interface Confirming {
  /** Asks a person; undefined where nobody is there to be asked. */
  readonly ask: ((question: string, signal: AbortSignal) => Promise<boolean>) | undefined;
  /** US dollars above which a person is asked; null: nobody is, because of `--yes` or because nothing is paid. */
  readonly above: () => number | null;
  readonly emit: Emit;
  /** Has what was told so far written to the terminal, with room below it. */
  readonly pause: () => Promise<void>;
}

/**
 * Tells what is about to be sent and what it may cost, and asks a person at a terminal when that may be more than the
 * config allows unasked, or is not known. A build may send in rounds: what was agreed to is not counted again.
 */
export function confirmer(
  options: Confirming,
): (asks: readonly Ask[], signal: AbortSignal) => Promise<Problem | undefined> {
  const { ask, emit, pause } = options;
  let unasked = 0;
  return async (asks, signal) => {
    const sum = sumAsks(asks);
    emit({ type: "asking", files: asks.length, ...sum });
    // What it may cost is on the terminal before anything is sent, not below a display that is redrawn.
    await pause();
    const above = options.above();
    unasked += sum.maxCostUsd ?? Number.POSITIVE_INFINITY;
    if (above === null || unasked <= above || ask === undefined) return undefined;
    const most = sum.maxCostUsd === null ? "at a cost that is not known" : `for at most ${money(sum.maxCostUsd)}`;
    const agreed = await ask(`Send ${countOf(sum.requests, "request")} ${most}?`, signal);
    unasked = 0;
    return agreed ? undefined : DECLINED;
  };
}

const DECLINED: Problem = {
  kind: "budget",
  where: "dsgen build",
  message: "it was not confirmed, so nothing more was sent.",
  fix: "Run it again, or with --yes; confirm_above in config/dsgen.yaml is the bound.",
};
