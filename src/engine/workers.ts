import type { Problem } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import type { TargetState } from "../graph/state.ts";
import type { PoolName, Target } from "../graph/target.ts";
import type { Done, Node } from "./node.ts";

/** A decided action: what runs it, and the state it ends in. */
export interface Runnable {
  readonly node: Node;
  readonly run: () => Promise<Result<Done, Problem>>;
  readonly state: (done: Done) => TargetState;
}

/** Runs decided actions, each pool within its limit, in the order in which they were decided. */
export class Workers {
  readonly #limits: Readonly<Record<PoolName, number>>;
  readonly #running: Record<PoolName, number> = { cpu: 0, io: 0 };
  readonly #inFlight = new Set<Promise<void>>();
  /** Needed when they could first have started: run then, even if an expansion settles without them meanwhile. */
  readonly #committed = new Set<Runnable>();
  #queue: Runnable[] = [];

  constructor(limits: Readonly<Record<PoolName, number>>) {
    this.#limits = limits;
  }

  get busy(): boolean {
    return this.#inFlight.size > 0;
  }

  enqueue(job: Runnable): void {
    job.node.phase = "queued";
    this.#queue.push(job);
  }

  /** Starts what there is room for. `done` is told each outcome before another is looked at. */
  start(
    demanded: ReadonlySet<Target>,
    starting: (job: Runnable) => void,
    done: (job: Runnable, result: Result<Done, Problem>) => void,
  ): void {
    const later: Runnable[] = [];
    for (const job of this.#queue) {
      const { pool } = job.node.target;
      if (demanded.has(job.node.target)) this.#committed.add(job);
      if (!this.#committed.has(job) || this.#running[pool] >= this.#limits[pool]) {
        later.push(job);
        continue;
      }
      job.node.phase = "running";
      this.#running[pool]++;
      starting(job);
      const run = async () => {
        const result = await job.run();
        this.#running[pool]--;
        done(job, result);
      };
      const promise: Promise<void> = run().finally(() => this.#inFlight.delete(promise));
      this.#inFlight.add(promise);
    }
    this.#queue = later;
  }

  /** Resolves when any running action has ended. */
  next(): Promise<void> {
    return Promise.race(this.#inFlight);
  }

  async drain(): Promise<void> {
    await Promise.all(this.#inFlight);
  }
}
