import { afterAll, expect, test } from "vitest";
import pipeline from "../../targets/index.ts";
import { complaints, loaded, project, removeProjects, TASK } from "./fixture.ts";

afterAll(removeProjects);

const MODULE = "{ check: module, path: targets/checks/gpu.ts, limit: 3";

/** The one task of a project whose file has these further lines and checks. */
function withTask(checks: string, more: string) {
  const root = project({
    "tasks/tiny.yaml": `${TASK.replace("checks: [equal-token-count]", `checks: ${checks}`)}${more}`,
  });
  const config = loaded(root);
  const [task] = config.tasks;
  if (task === undefined) throw new Error("no task");
  const { targets } = pipeline({ ...config, provider: { namespace: "n", simulated: true }, dsgen_version: "0" });
  return { task, targets };
}

test("what is not said is local, and asks for nothing", () => {
  const { dsgen, tasks } = loaded(project({}));
  expect(dsgen.executor).toEqual({
    kind: "local",
    max_jobs: 64,
    poll_seconds: 10,
    listing_lag_seconds: 60,
    sbatch: [],
    local_below_bytes: 1_000_000,
    resources: {},
  });
  expect(tasks.map(({ resources }) => resources)).toEqual([{}]);
});

test("a task's shards ask for what the task says, and of what its own checks say the most", () => {
  const checks = `[equal-token-count, ${MODULE}, resources: { gpus: 1, mem: 8G } }, ${MODULE}, resources: { cpus: 2, mem: 32G } }]`;
  const { task, targets } = withTask(checks, "executor: { kind: slurm, partition: gpu, cpus: 8 }\n");
  expect(task.resources).toEqual({ kind: "slurm", partition: "gpu", cpus: 8, gpus: 1, mem: "32G" });
  const asking = targets.filter(({ resources }) => resources !== undefined);
  expect(asking.map(({ name }) => name)).toEqual(["validated/tiny/shard0.jsonl", "validated/tiny/shard1.jsonl"]);
  expect(asking.map(({ resources }) => resources)).toEqual([task.resources, task.resources]);
});

test("where something is made is in nothing that is hashed, and the check is not told either", () => {
  const plain = withTask(`[${MODULE} }]`, "");
  const asking = withTask(`[${MODULE}, resources: { gpus: 1 } }]`, "executor: { kind: slurm }\n");
  expect(plain.task.checks).toEqual([{ check: "module", path: "targets/checks/gpu.ts", params: { limit: 3 } }]);
  expect(asking.task.checks).toEqual(plain.task.checks);
  const hashed = ({ targets }: typeof plain) => targets.map(({ name, inputs, recipe }) => ({ name, inputs, recipe }));
  expect(hashed(asking)).toEqual(hashed(plain));
});

test.each([
  ["executor: { kind: slurn }", "`executor.kind` must be one of local, slurm"],
  ["executor: { kind: slurm, tiem: 3 }", "Did you mean `time`?"],
  ["executor: { time: 2h }", "`executor.time` must be a text of minutes, `HH:MM:SS` or `DAYS-HOURS`, in quotes"],
  ["executor: { mem: 16GB }", "`executor.mem` must be an amount as `16G`"],
  ["executor: { cpus: 0 }", "`executor.cpus` must be a whole number"],
  ["executor: { max_jobs: 0 }", "`executor.max_jobs` must be a whole number"],
  ["executor: { poll_seconds: 0 }", "`executor.poll_seconds` must be"],
  ["executor: { listing_lag_seconds: -1 }", "`executor.listing_lag_seconds` must be"],
  ["executor: { sbatch: [3] }", "`executor.sbatch[0]` must be a text"],
])("%s is told where it stands", (lines, words) => {
  expect(complaints(project({ "dsgen.yaml": `${lines}\n` })).join("\n")).toContain(words);
});
