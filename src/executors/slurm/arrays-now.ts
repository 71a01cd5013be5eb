import type { Journal } from "../../engine/ports.ts";
import { type ArrayId, type ArrayJob, jobName } from "./array.ts";
import { ArrayBook } from "./array-book.ts";
import type { RunSlurm } from "./commands.ts";
import { lookAtQueue, type QueuedTask } from "./queue.ts";
import { isNamed } from "./watch.ts";

/** How an array that was not over at the last look stands, for people. */
export interface ArrayStanding {
  readonly array: ArrayId;
  /** Slurm's id of it; null while it is not known whether the scheduler took it. */
  readonly job: string | null;
  readonly since: number;
  /** Tasks by how they stand. `unknown`: over, and not looked into yet, or the scheduler did not say. */
  readonly tasks: Readonly<Record<"pending" | "running" | "done" | "failed" | "unknown", number>>;
  /** Why the first one that waits does, or why nothing is known. */
  readonly reason: string | null;
}

interface Options {
  readonly journal: Journal;
  readonly paths: { readonly version: string };
  readonly run: RunSlurm;
}

/** Looks at every open array once. Changes nothing. */
export async function arraysNow({ journal, paths, run }: Options): Promise<readonly ArrayStanding[]> {
  const open = new ArrayBook(journal).open();
  const look = await lookAtQueue(
    open.map(({ id }) => jobName(id)),
    run,
  );
  return open.map((array) => {
    const ofArray = look.ok ? look.value.tasks.filter(({ job }) => job === array.slurm) : [];
    const queued = new Map(ofArray.map((task) => [task.task, task]));
    const tasks = { pending: 0, running: 0, done: 0, failed: 0, unknown: 0 };
    for (const task of array.tasks.keys()) tasks[standingOf(array, task, queued.get(task), paths)]++;
    const waits = ofArray.find(({ phase }) => phase.kind === "pending");
    const reason = look.ok ? (waits?.reason ?? null) : `the scheduler does not answer: ${look.error.message}`;
    return { array: array.id, job: array.slurm, since: array.intendedAt, tasks, reason };
  });
}

function standingOf(
  array: ArrayJob,
  task: number,
  queued: QueuedTask | undefined,
  paths: Options["paths"],
): keyof ArrayStanding["tasks"] {
  if (array.ended.has(task)) return "failed";
  if ((array.tasks[task] ?? []).every((key) => isNamed(paths, key, array))) return "done";
  switch (queued?.phase.kind) {
    case "pending":
    case "running":
      return queued.phase.kind;
    case "over":
    case "unknown":
    case undefined:
      return "unknown";
  }
}
