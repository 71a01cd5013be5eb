import type { EngineOptions } from "../../src/engine/effects.ts";
import type { Execution, Executor } from "../../src/engine/executor.ts";
import type { Problem } from "../../src/graph/problem.ts";

/**
 * Another place that makes targets with `resources`: each is made so many calls after the first that names it. What is begun is
 * begun for good, also when the walk that began it has ended.
 */
export class FakeElsewhere {
  /** The targets of each call, and whether more was to come. */
  readonly calls: { readonly names: readonly string[]; readonly more: boolean }[] = [];
  readonly #begun = new Map<string, number>();
  readonly #lag: number;
  readonly #broken = new Map<string, Problem>();
  /** Told before an action is answered for as made. */
  beforeMade: (name: string) => void = () => undefined;

  constructor({ lag = 0 }: { readonly lag?: number } = {}) {
    this.#lag = lag;
  }

  /** All that was begun is done. */
  finish(): void {
    for (const key of this.#begun.keys()) this.#begun.set(key, 0);
  }

  breaks(name: string, message: string): void {
    this.#broken.set(name, { kind: "recipe", where: name, message });
  }

  /** @param local really makes them */
  over(local: Executor): Pick<EngineOptions, "elsewhere"> {
    const executor: Executor = {
      name: "afar",
      nextLookMs: () => 1000,
      run: async (works, { more, signal }) => {
        this.calls.push({ names: works.map(({ action }) => action.target.name), more });
        const ends = new Map<(typeof works)[number]["action"]["key"], Execution>();
        for (const work of works) {
          const { key, target } = work.action;
          const left = this.#begun.get(key) ?? this.#lag;
          const broken = this.#broken.get(target.name);
          this.#begun.set(key, left - 1);
          if (left > 0) {
            const reason = left === this.#lag ? "pending (Priority)" : "running on node1";
            ends.set(key, { state: "waiting", on: { executor: "afar", job: "17", reason, since: 0 } });
          } else if (broken !== undefined) {
            ends.set(key, { state: "failed", problem: broken });
          } else {
            for (const [of, end] of await local.run([work], { more: false, signal })) ends.set(of, end);
            this.beforeMade(target.name);
          }
        }
        return ends;
      },
    };
    return { elsewhere: { executor, takes: ({ target }) => target.resources !== undefined } };
  }
}
