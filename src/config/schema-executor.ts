import type { JsonObject } from "../graph/json.ts";
import { count, defined, key, seconds, secondsOrNone, someText, whole, z } from "./schema-parts.ts";

/* `executor:` of dsgen.yaml and of a task, and `resources:` of a check of one's own: where actions are made, and with what. */

/** Inputs that are smaller are made where the build runs, in less time than it takes to hand them over. */
const LOCAL_BELOW_BYTES = 1_000_000;

const TIME = /^(?:\d+|\d+:\d\d|\d+:\d\d:\d\d|\d+-\d+(?::\d\d(?::\d\d)?)?)$/;

/** What a machine must have. As sbatch takes them. */
const resources = {
  partition: key(someText().optional(), "Slurm's partition.", ["gpu"], { "x-default": "the cluster's" }),
  account: key(someText().optional(), "Who is charged.", ["my-lab"], { "x-default": "the user's" }),
  qos: key(someText().optional(), "Slurm's quality of service.", ["normal"], { "x-default": "the user's" }),
  time: key(
    z
      .string()
      .regex(TIME)
      .meta({ "x-expected": "a text of minutes, `HH:MM:SS` or `DAYS-HOURS`, in quotes" })
      .optional(),
    "How long one task may take: minutes, `HH:MM:SS` or `DAYS-HOURS`, in quotes.",
    ["02:00:00"],
    { "x-default": "the partition's" },
  ),
  cpus: key(count(10_000).optional(), "Processors of one task.", [4], { "x-default": "1" }),
  mem: key(
    z
      .string()
      .regex(/^\d+[KMGT]?$/)
      .meta({ "x-expected": "an amount as `16G`" })
      .optional(),
    "Memory of one task.",
    ["16G"],
    { "x-default": "the partition's" },
  ),
  gpus: key(whole(0, 1000).optional(), "GPUs of one task.", [1], { "x-default": "0" }),
};

const where = {
  kind: key(
    z.enum(["local", "slurm"]).optional(),
    "`local`: where the build runs. `slurm`: in job arrays of the Slurm cluster whose file system holds the project and its cache. What is asked and paid for is not touched by this; `--executor` says otherwise for one build.",
    ["slurm"],
    { "x-default": "`local`" },
  ),
  ...resources,
};

/** `resources:` of a check of one's own. */
export const resourcesSchema = z.strictObject(resources);

/** `resources` of a target of the project's own. */
export const targetResources = z.strictObject(where);

export const taskExecutor = key(
  targetResources.optional(),
  "Where this task's shards are made, and with what; what it leaves out is as in `dsgen.yaml`.",
  [{ gpus: 1 }],
  { "x-default": "as in dsgen.yaml" },
);

export const executor = z.strictObject({
  ...where,
  max_jobs: key(count(100_000).default(64), "Tasks that run at once."),
  poll_seconds: key(seconds(3600).default(10), "How often `--wait` asks the scheduler how its arrays are doing."),
  listing_lag_seconds: key(
    secondsOrNone(3600).default(60),
    "How long a file that one machine has written may stay unseen on another: a task that is over and has left no result is not tried again before. A job that may have been submitted is looked for so long, and at most 30 seconds, before it is submitted again.",
  ),
  sbatch: key(z.array(someText()).default([]), "Further options for sbatch, as they are.", [["--constraint=a100"]]),
  local_below_bytes: key(
    whole(0).default(LOCAL_BELOW_BYTES),
    "A shard whose answers have fewer bytes is made where the build runs, unless something asks for `resources` by name.",
  ),
});

/** @see ProjectConfig */
export function executorOf({
  max_jobs,
  poll_seconds,
  listing_lag_seconds,
  sbatch,
  local_below_bytes,
  kind = "local",
  ...asked
}: z.output<typeof executor>) {
  const here = { max_jobs, poll_seconds, listing_lag_seconds, sbatch, local_below_bytes };
  return { kind, ...here, resources: defined(asked) };
}

/** What a task's shards ask for: what the task says, and of what its checks say the most, or where that is none, the last. */
export function taskResources(
  executor: z.output<typeof taskExecutor>,
  checks: readonly (z.output<typeof resourcesSchema> | undefined)[],
): JsonObject {
  const asked: Record<string, string | number> = { ...defined(executor ?? {}) };
  for (const check of checks) {
    for (const [name, amount] of Object.entries(check ?? {})) {
      const before = asked[name];
      if (amount === undefined) continue;
      asked[name] = typeof before === "number" && typeof amount === "number" ? Math.max(before, amount) : amount;
    }
  }
  return asked;
}
