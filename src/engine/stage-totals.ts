import type { Entered } from "./entered.ts";
import type { Emit } from "./events.ts";

/** How many targets of each stage are needed, as far as that was told. */
export class StageTotals {
  /** What `grown` was when stages were last told of, and how many targets each had then. */
  #grown = 0;
  readonly #totals = new Map<string, number>();

  /** Tells of the stages to which expansions have added some. What is made and not needed after all counts on. */
  tell(entered: Pick<Entered, "grown" | "needed">, emit: Emit): void {
    const { grown } = entered;
    if (grown === this.#grown) return;
    this.#grown = grown;
    const stages = new Map<string, { done: number; total: number }>();
    for (const { target, state } of entered.needed) {
      const { done, total } = stages.get(target.stage) ?? { done: 0, total: 0 };
      stages.set(target.stage, { done: done + (state.kind === "ready" ? 1 : 0), total: total + 1 });
    }
    for (const [stage, { done, total }] of stages) {
      if (total <= (this.#totals.get(stage) ?? 0)) continue;
      this.#totals.set(stage, total);
      emit({ type: "stage", stage, done, total });
    }
  }
}
