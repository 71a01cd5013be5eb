import type { Entered } from "./entered.ts";

interface StageTotal {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** How many targets of each stage are needed. What is made and not needed after all counts on. */
export class StageTotals {
  /** What `grown` of the walk was when it was last asked, and how many targets each stage had then. */
  #grown = 0;
  readonly #totals = new Map<string, number>();

  /** The stages to which expansions have added targets since it was last asked. */
  grown({ grown, needed }: Entered): readonly StageTotal[] {
    if (grown === this.#grown) return [];
    this.#grown = grown;
    const stages = new Map<string, StageTotal>();
    for (const { target, state } of needed) {
      const { stage } = target;
      const { done, total } = stages.get(stage) ?? { done: 0, total: 0 };
      stages.set(stage, { stage, done: done + (state.kind === "ready" ? 1 : 0), total: total + 1 });
    }
    const more = [...stages.values()].filter(({ stage, total }) => total > (this.#totals.get(stage) ?? 0));
    for (const { stage, total } of more) this.#totals.set(stage, total);
    return more;
  }
}
