import type { Mind } from "./batches.ts";
import type { Fault, MeaningFault } from "./faults.ts";
import type { BatchLimits } from "./input.ts";
import type { SimulatorState } from "./state.ts";
import type { Timing } from "./timeline.ts";

/** What a simulator is, apart from the calls it answers. */
export interface World extends Mind {
  readonly state: SimulatorState;
  readonly timing: Timing;
  readonly limits: BatchLimits;
  /** Enqueued tokens allowed over the live batches of a model. */
  readonly enqueuedTokenLimits: Readonly<Record<string, number>>;
  readonly now: () => number;
}

/** One call: who makes it, and which faults strike it. */
export interface Caller {
  readonly owner: string;
  readonly faults: readonly Fault[];
}

/** The fault of this kind, when it strikes the call. */
export function struck(caller: Caller, kind: MeaningFault): Fault | undefined {
  return caller.faults.find((fault) => fault.kind === kind);
}

/** Decides what the `listing-lag` fault hides from lists. */
export class ListingLag {
  readonly #now: () => number;
  readonly #startedAt: number;
  /** How many list calls have passed over each object. */
  readonly #passedOver = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
  }

  isListed(id: string, createdAtMs: number, caller: Caller): boolean {
    const fault = struck(caller, "listing-lag");
    // What an earlier server made has long been listed.
    if (fault === undefined || createdAtMs < this.#startedAt) return true;
    const [, amount, unit] = /^(\d+)(ms|calls)$/.exec(fault.value ?? "2calls") ?? [];
    if (unit === "ms") return this.#now() - createdAtMs >= Number(amount);
    const passed = (this.#passedOver.get(id) ?? 0) + 1;
    this.#passedOver.set(id, passed);
    return passed > Number(amount);
  }
}
