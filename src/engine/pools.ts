import type { Problem } from "../graph/problem.ts";
import type { Result } from "../graph/result.ts";
import type { PoolName } from "../graph/target.ts";
import type { Done, Job, Node } from "./node.ts";

/** A node whose job waits for its turn, or runs. */
export interface Entry {
  readonly node: Node;
  readonly job: Job;
}

export interface Completion extends Entry {
  readonly result: Result<Done, Problem>;
}

interface Pool {
  readonly limit: number;
  running: number;
  /** Jobs whose recipe has ended, and whose outputs are being stored: mostly the disk's work. */
  storing: number;
  /** First in, first out; all before `next` were started. */
  readonly queue: Entry[];
  next: number;
}

type Phase = "running" | "storing";

/**
 * Runs decided jobs, each pool within its limit, in the order in which they were decided. A job whose recipe has ended makes
 * room for the next while it is stored, as long as no more are stored than may run: a thread that waited for fsync made nothing.
 * With one at a time, the next begins when the last is stored.
 */
export class Pools {
  readonly #pools: Readonly<Record<PoolName, Pool>>;
  readonly #completed: (Completion | { readonly bug: unknown })[] = [];
  /** Jobs of nodes that nobody needed when they could first have started. */
  #aside: Entry[] = [];
  #arrived: Entry[] = [];
  #grown = 0;
  #wake: (() => void) | undefined;

  constructor(limits: Readonly<Record<PoolName, number>>) {
    const poolOf = (limit: number): Pool => ({ limit, running: 0, storing: 0, queue: [], next: 0 });
    this.#pools = { cpu: poolOf(limits.cpu), io: poolOf(limits.io) };
  }

  get busy(): boolean {
    return (
      this.#completed.length > 0 || Object.values(this.#pools).some(({ running, storing }) => running + storing > 0)
    );
  }

  enqueue(entry: Entry): void {
    this.#arrived.push(entry);
  }

  /**
   * Starts what there is room for.
   * @param grown changes when more nodes came to be needed
   * @param run calls `made` when what is left to do is to store what was made
   */
  start(grown: number, run: (entry: Entry, made: () => void) => Promise<Result<Done, Problem>>): void {
    const asked = this.#grown === grown ? this.#arrived : [...this.#aside, ...this.#arrived];
    if (this.#grown !== grown) this.#aside = [];
    this.#grown = grown;
    this.#arrived = [];
    for (const entry of asked) {
      // Needed now: it is run, even if an expansion settles without it meanwhile.
      if (entry.node.claims > 0) this.#pools[entry.node.target.pool].queue.push(entry);
      else this.#aside.push(entry);
    }
    for (const pool of Object.values(this.#pools)) {
      while (pool.running < pool.limit) {
        const entry = pool.queue[pool.next];
        if (entry === undefined) break;
        pool.next++;
        pool.running++;
        let phase: Phase = "running";
        const made = () => {
          if (phase !== "running" || pool.limit === 1 || pool.storing >= pool.limit) return;
          phase = "storing";
          pool.running--;
          pool.storing++;
          this.#woken();
        };
        run(entry, made).then(
          (result) => this.#end(pool, phase, { ...entry, result }),
          (bug: unknown) => this.#end(pool, phase, { bug }),
        );
      }
      if (pool.next === pool.queue.length) {
        pool.queue.length = 0;
        pool.next = 0;
      }
    }
  }

  /** Resolves when a running job has ended or made room for another, or when one has ended that was not taken yet. */
  async ended(): Promise<void> {
    if (this.#completed.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** What has ended since it was last taken. Throws what a job threw: a bug. */
  take(): readonly Completion[] {
    return this.#completed.splice(0).map((ended) => {
      if ("bug" in ended) throw ended.bug;
      return ended;
    });
  }

  #end(pool: Pool, phase: Phase, ended: Completion | { readonly bug: unknown }): void {
    pool[phase]--;
    this.#completed.push(ended);
    this.#woken();
  }

  #woken(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
