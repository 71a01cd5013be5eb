import { existsSync } from "node:fs";
import { faultPoint } from "../../engine/fault-points.ts";
import { retrying } from "../../engine/retry.ts";
import type { ActionKey } from "../../graph/digest.ts";
import { resultFile } from "../results.ts";
import { type ArrayId, type ArrayJob, jobName } from "./array.ts";
import { leftBy } from "./array-folder.ts";
import type { SchedulerError } from "./commands.ts";
import { lookAtQueue, type QueuedTask } from "./queue.ts";
import { type ArrayContext, looking } from "./submit.ts";
import { endOf } from "./task-end.ts";

/** What a look at the queue showed. An `away` scheduler says nothing of any task, least of all that it is gone. */
export type Seen =
  | {
      readonly kind: "seen";
      readonly tasks: ReadonlyMap<ArrayId, ReadonlyMap<number, QueuedTask>>;
      /** Lines that make no sense; where there are none, what is not listed is not there. */
      readonly odd: readonly string[];
    }
  | { readonly kind: "away"; readonly error: SchedulerError };

export async function lookAtArrays(context: ArrayContext): Promise<Seen> {
  const { book, run, settings } = context;
  const arrays = book.open().filter(({ slurm }) => slurm !== null);
  const names = arrays.map(({ id }) => jobName(id));
  const look = await retrying(() => lookAtQueue(names, run), looking(settings), context);
  if (!look.ok) return { kind: "away", error: look.error };
  const tasks = new Map<ArrayId, Map<number, QueuedTask>>();
  const byName = new Map(arrays.map((array) => [jobName(array.id), array]));
  for (const queued of look.value.tasks) {
    const array = byName.get(queued.name);
    // A job by the same name that is not the one that was taken: it finds the claim, and does nothing.
    if (array === undefined || queued.job !== array.slurm) continue;
    const known = tasks.get(array.id) ?? new Map<number, QueuedTask>();
    const before = known.get(queued.task);
    if (before === undefined || before.phase.kind === "over") known.set(queued.task, queued);
    tasks.set(array.id, known);
  }
  return { kind: "seen", tasks, odd: look.value.odd };
}

/** What is there of an action's result, for one attempt. `refused`: a worker said that it could not make it. */
export type ResultState = "there" | "absent" | "refused";

/** A task that ended sooner than this, with nothing to show, did not end because of its work. */
const AT_ONCE_MS = 60_000;

/**
 * Draws the conclusions from looks: which tasks are over and what they left undone, and which arrays are settled. Results
 * are looked up by name; that one is not there is concluded only when it is still not there `resultsLagMs` after the task was
 * first seen to be over. A wrong conclusion (clocks that jump, a listing later than that) costs a second making of the same
 * bytes, and no more.
 */
export class Watch {
  readonly #context: ArrayContext;
  /** Where tasks have come to a good end. */
  readonly good = new Set<string>();
  /** Tasks of which every action has a result. */
  readonly #finished = new Set<string>();
  /** Tasks that were seen alive after they had been over: requeued. */
  readonly #back = new Set<string>();

  constructor(context: ArrayContext) {
    this.#context = context;
  }

  /**
   * How many tasks the scheduler has, or may have.
   * @param resultOf of an action, in an array
   * @param notYet told of actions whose turn in their task has not come
   */
  async conclude(
    seen: Seen,
    resultOf: (key: ActionKey, array: ArrayJob) => ResultState,
    notYet: (key: ActionKey, array: ArrayJob) => void,
  ): Promise<number> {
    const { book, clock, root, settings } = this.#context;
    let outstanding = 0;
    for (const array of book.open()) {
      if (array.slurm === null) {
        outstanding += array.tasks.length;
        continue;
      }
      const queue = seen.kind === "seen" ? seen.tasks.get(array.id) : undefined;
      let open = 0;
      for (const [task, keys] of array.tasks.entries()) {
        const name = `${array.id}/${task}`;
        if (array.ended.has(task) || this.#finished.has(name)) continue;
        const queued = queue?.get(task);
        const isAlive = queued !== undefined && queued.phase.kind !== "over";
        if (isAlive && array.over.has(task)) this.#back.add(name);
        if (queued?.phase.kind === "pending") {
          open++;
          continue;
        }
        const states: ResultState[] = [];
        for (const key of keys) {
          // A worker makes its actions one after another: behind one that is not there, nobody need look while it is at work.
          if (isAlive && states.at(-1) === "absent") notYet(key, array);
          states.push(isAlive && states.at(-1) === "absent" ? "absent" : resultOf(key, array));
        }
        if (states.every((state) => state === "there")) {
          this.#finished.add(name);
          const node = queued?.node ?? leftBy(root, array.id, task).node;
          if (node !== null) this.good.add(node);
          continue;
        }
        open++;
        if (isAlive || seen.kind === "away" || (queued === undefined && seen.odd.length > 0)) continue;
        const since = array.over.get(task);
        if (since === undefined || this.#back.has(name)) {
          this.#back.delete(name);
          book.record({ t: "array-over", array: array.id, task, at: clock.now() });
          // Whoever says that it refuses was there: nothing more is to come.
          if (states.includes("absent")) continue;
        }
        const waited = since === undefined ? 0 : clock.now() - since;
        const lag = queued === undefined ? Math.max(settings.resultsLagMs, settings.queueLagMs) : settings.resultsLagMs;
        if (states.includes("absent") && waited < lag) continue;
        await this.#end(array, task, queued, states.filter((state) => state === "there").length);
        open--;
      }
      outstanding += open;
      if (open === 0) book.record({ t: "array-settled", array: array.id, good: [...this.good], at: clock.now() });
    }
    return outstanding;
  }

  async #end(array: ArrayJob, task: number, queued: QueuedTask | undefined, done: number): Promise<void> {
    const { book, clock, root, run } = this.#context;
    const end = endOf(root, array, task, queued);
    const node = queued?.node ?? leftBy(root, array.id, task).node;
    const isSuspect = end === "failed" || end === "completed" || end === "launch-failed";
    const fast = isSuspect && queued?.ranMs !== undefined && queued.ranMs < AT_ONCE_MS && done === 0;
    // Held for good after a launch that failed: it is not to begin some day when nobody waits for it.
    if (end === "launch-failed") await run("scancel", [`${array.slurm}_${task}`]);
    faultPoint("cluster.ended.before");
    book.record({ t: "array-ended", array: array.id, task, end, node, fast, done, at: clock.now() });
    faultPoint("cluster.ended.after");
  }
}

/** Whether an action's result has a name, for one that nobody asks for any more. */
export function isNamed(paths: { readonly version: string }, key: ActionKey, { id }: ArrayJob): boolean {
  return existsSync(resultFile(paths, key, id));
}
