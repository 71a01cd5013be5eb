import type { Problem } from "../../graph/problem.ts";
import type { ArrayJob } from "./array.ts";
import type { Try } from "./array-book.ts";
import { leftBy, logOf, tailOfLog } from "./array-folder.ts";
import type { QueuedTask } from "./queue.ts";
import { resourcesIn } from "./submit.ts";
import { endInLog, type TaskEnd } from "./task-state.ts";

/*
 * Why a task left work undone, whether another try may help, and what a person is told when none may.
 */

/** Slurm's word for it, or what the task left where Slurm has none, or one that says too little. */
export function endOf(root: string, array: ArrayJob, task: number, queued: QueuedTask | undefined): TaskEnd {
  const said = queued?.phase.kind === "over" ? queued.phase.end : "forgotten";
  const logged = endInLog(tailOfLog(root, array.id, task));
  switch (said) {
    case "failed":
    case "launch-failed":
    case "completed":
    case "cancelled":
      // Without accounting or cgroups, what was killed for its memory is called by one of these.
      return logged === "out-of-memory" || logged === "timeout" ? logged : said;
    case "forgotten":
      return leftBy(root, array.id, task).code === null ? (logged ?? said) : "failed";
    default:
      return said;
  }
}

/** Tries of what a cluster does by its own rules, and not because anything is wrong. */
const PREEMPTIONS = 20;

/** Whether an action that a task left undone is tried again, after all that became of it so far. */
export function isTriedAgain(tries: readonly Try[], badNodes: readonly string[], most: number): boolean {
  const last = tries.at(-1);
  if (last === undefined) return true;
  switch (last.end) {
    case "cancelled":
    case "deadline":
      return false;
    case "timeout":
    case "out-of-memory":
      // The same again would end the same, unless the task was cut too large and got somewhere.
      return last.done > 0;
    case "preempted":
      return tries.length < PREEMPTIONS;
    case "completed":
    case "failed":
    case "node-failed":
    case "launch-failed":
    case "forgotten":
      // What a broken node did is not held against the work; nor is a task that got somewhere.
      return tries.filter(({ node, done }) => done === 0 && (node === null || !badNodes.includes(node))).length < most;
  }
}

const LINES = 5;

/** What a person is told: which target, on which node, why, the last words of the log, and how to see more. */
export function problemOfTry(where: string, { array, task, end, node }: Try, tries: number, root: string): Problem {
  const log = logOf(root, array.id, task);
  const lines = tailOfLog(root, array.id, task)
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-LINES);
  const job = `${array.slurm ?? "?"}_${task}`;
  const on = node === null ? "" : ` on ${node}`;
  const often = tries > 1 ? ` (${tries} tries)` : "";
  const said = lines.length === 0 ? "" : ` The log ends with: ${lines.map((line) => line.slice(0, 300)).join(" ⏎ ")}`;
  const { message, fix } = wordsFor(end, array);
  return {
    kind: "executor",
    where,
    message: `task ${job} of the cluster${on} ${message}${often}.${said}`,
    fix: `${fix} See \`cat ${log}\` and \`scontrol show job ${job}\`.`,
  };
}

function wordsFor(end: TaskEnd, array: ArrayJob): { readonly message: string; readonly fix: string } {
  const { time, mem } = resourcesIn(array.resources);
  switch (end) {
    case "timeout":
      return {
        message: `ran into its time limit (${time === undefined ? "the partition's own" : `time: ${time}`}) before it had made anything`,
        fix: "Ask for more: `time:` under `executor:` or in the target's `resources:`.",
      };
    case "out-of-memory":
      return {
        message: `was killed for its memory (${mem === undefined ? "the partition's own limit" : `mem: ${mem}`})`,
        fix: "Ask for more: `mem:` under `executor:` or in the target's `resources:`.",
      };
    case "cancelled":
      return {
        message: "was cancelled by somebody (scancel)",
        fix: "It is not begun again unasked; run the build again to do so.",
      };
    case "deadline":
      return { message: "passed its deadline", fix: "Run the build again to submit it anew." };
    case "preempted":
      return {
        message: "gave way to other jobs, time and again",
        fix: "Run again when the cluster is quieter, or ask for another `qos:` or `partition:`.",
      };
    case "node-failed":
      return { message: "was lost with its node", fix: "Run again; nothing that was made is lost." };
    case "launch-failed":
      return {
        message: "could not be started there",
        fix: "Tell your administrator, or leave the node out: `sbatch: [--exclude=NODE]`.",
      };
    case "failed":
      return {
        message: "ended with an error and left no result",
        fix: "The log says why; run the build again when it is mended.",
      };
    case "completed":
      return {
        message: "ended well, and its results cannot be found",
        fix: "Is the cache on a file system that every node shares?",
      };
    case "forgotten":
      return {
        message: "is no longer known to the scheduler, and left no result",
        fix: "Run the build again to submit it anew.",
      };
  }
}
