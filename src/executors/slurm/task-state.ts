/*
 * What Slurm says of one task of an array. Its words are a long list that grows with its versions; what dsgen does about
 * them is this short one.
 */

/** Why a task is over without its results being there. */
export const TASK_ENDS = [
  "completed",
  "failed",
  "timeout",
  "out-of-memory",
  "node-failed",
  "preempted",
  "cancelled",
  "launch-failed",
  "deadline",
  /** Slurm no longer speaks of it, and nothing it left says why it ended. */
  "forgotten",
] as const;
export type TaskEnd = (typeof TASK_ENDS)[number];

export type TaskPhase =
  | { readonly kind: "pending" }
  | { readonly kind: "running" }
  | { readonly kind: "over"; readonly end: TaskEnd }
  /** A word of a version that this dsgen does not know: it is told, and nothing is concluded from it. */
  | { readonly kind: "unknown"; readonly word: string };

const PENDING = [
  "PENDING",
  "REQUEUED",
  "REQUEUE_FED",
  "REQUEUE_HOLD",
  "SPECIAL_EXIT",
  "RESV_DEL_HOLD",
  "POWER_UP_NODE",
];
const RUNNING = [
  "RUNNING",
  "SUSPENDED",
  // Its end is being told: what it came to is said next.
  "COMPLETING",
  "CONFIGURING",
  "RESIZING",
  "SIGNALING",
  "STAGE_OUT",
  "STOPPED",
  "EXPEDITING",
];
const OVER: Readonly<Record<string, TaskEnd>> = {
  COMPLETED: "completed",
  FAILED: "failed",
  TIMEOUT: "timeout",
  OUT_OF_MEMORY: "out-of-memory",
  NODE_FAIL: "node-failed",
  PREEMPTED: "preempted",
  CANCELLED: "cancelled",
  REVOKED: "cancelled",
  BOOT_FAIL: "launch-failed",
  LAUNCH_FAILED: "launch-failed",
  RECONFIG_FAIL: "launch-failed",
  DEADLINE: "deadline",
};

/** @param reason as Slurm gives it, with spaces or underscores */
export function phaseOf(word: string, reason: string): TaskPhase {
  // Held for good after the node could not start it: it waits for nobody, unless a person lets it go.
  if (PENDING.includes(word) && /launch.failed.requeued.held/i.test(reason))
    return { kind: "over", end: "launch-failed" };
  if (PENDING.includes(word)) return { kind: "pending" };
  if (RUNNING.includes(word)) return { kind: "running" };
  const end = Object.hasOwn(OVER, word) ? OVER[word] : undefined;
  return end === undefined ? { kind: "unknown", word } : { kind: "over", end };
}

/**
 * What a task's log says of its end, in the words of slurmstepd: where accounting is missing, the queue calls a task that
 * was killed for its memory just FAILED. The last line that says something counts: a requeued task's log goes on.
 */
export function endInLog(log: string): TaskEnd | undefined {
  for (const line of log.split("\n").reverse()) {
    if (!/^(slurmstepd|slurmd|srun)\b/.test(line)) continue;
    if (/oom.kill|exceeded memory limit|exceeded job memory limit|out of memory/i.test(line)) return "out-of-memory";
    if (/DUE TO TIME LIMIT/.test(line)) return "timeout";
    if (/DUE TO NODE FAILURE/.test(line)) return "node-failed";
    if (/DUE TO PREEMPTION/.test(line)) return "preempted";
    if (/DUE TO JOB REQUEUE/.test(line)) return "preempted";
    if (/CANCELLED AT/.test(line)) return "cancelled";
  }
  return undefined;
}
