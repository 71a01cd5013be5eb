import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Executor, Work } from "../../../src/engine/executor.ts";
import { ONCE_MORE, SLURM, SLURM_NAMED, startSlurm, type TestSlurm, until } from "../../support/slurm.ts";
import { arraysOf, type Doing, finish, made, type ToyCluster, toyCluster, toyWork } from "./toy.ts";

/* What clusters do, on the two nodes of a Slurm of the tests' own. */

describe.skipIf(!SLURM)(`a real ${SLURM_NAMED}`, ONCE_MORE, () => {
  let slurm: TestSlurm;
  let cluster: ToyCluster;
  beforeAll(async () => {
    slurm = await startSlurm();
    return () => slurm.stop();
  });
  beforeEach(() => {
    cluster = toyCluster(slurm.env);
    return () => cluster.remove();
  });

  const toys = (count: number, more: Partial<Doing> = {}) =>
    Array.from({ length: count }, (_, i) => toyWork({ name: `toy${i}`, ...more }));
  const MADE = expect.objectContaining({ state: "made" });
  const run = (executor: Executor, works: readonly Work[]) =>
    executor.run(works, { more: false, signal: new AbortController().signal });
  /** The job id of the array that the first look submitted. */
  async function submitted(works: readonly Work[], executor = cluster.executor()): Promise<string> {
    const [standing] = (await run(executor, works)).values();
    if (standing?.state !== "waiting" || standing.on.job === null) throw new Error(JSON.stringify(standing));
    return standing.on.job;
  }
  const stateOf = (task: string) => slurm.run("squeue", "-h", "-r", "--states=all", "-j", task, "-o", "%T").trim();
  const begun = (count: number) => until(() => made(cluster.root).length >= count, `${count} workers`);
  /** Slurm holds a requeued task back for two minutes. */
  async function releaseRequeued(task: string): Promise<void> {
    await until(() => stateOf(task) === "PENDING", `${task} to be requeued`);
    // From whenever it has seen the first process go: a time that is set before does not count.
    await until(() => {
      const state = stateOf(task);
      if (state === "PENDING") slurm.run("scontrol", "update", `jobid=${task}`, "StartTime=now");
      return state !== "PENDING";
    }, `${task} to begin again`);
  }

  test("runs an array of tasks", async () => {
    const log = join(slurm.folder, "log", "task-%a");
    const args = ["--parsable", "--array=0-3%2", "-o", log, "--wrap", "echo $SLURM_ARRAY_TASK_ID"];
    const id = slurm.run("sbatch", ...args).trim();
    await until(() => slurm.run("squeue", "-h", "-j", id) === "", "the array's end");
    for (const task of [0, 1, 2, 3])
      expect(readFileSync(join(slurm.folder, "log", `task-${task}`), "utf8")).toBe(`${task}\n`);
  });

  test("makes every action, once, in one array; what it made is there for whoever asks again", async () => {
    const ends = await finish(cluster.executor(), toys(5));
    expect([...ends.values()]).toEqual(Array(5).fill(MADE));
    expect(made(cluster.root)).toEqual(["toy0", "toy1", "toy2", "toy3", "toy4"]);
    expect(cluster.calls.filter((program) => program === "sbatch")).toHaveLength(1);
    expect([...(await run(cluster.executor(), toys(5))).values()]).toEqual(Array(5).fill(MADE));
    expect(made(cluster.root)).toHaveLength(5);
  });

  test("a new process goes on with what the last one submitted", async () => {
    const job = await submitted(toys(2, { sleepMs: 4000 }));
    const again = await run(cluster.executor(), toys(2, { sleepMs: 4000 }));
    for (const standing of again.values()) expect(standing).toMatchObject({ state: "waiting", on: { job } });
    expect([...(await finish(cluster.executor(), toys(2, { sleepMs: 4000 }))).values()]).toEqual([MADE, MADE]);
    expect(made(cluster.root)).toHaveLength(2);
  });

  test("an array that was submitted twice does its work once", async () => {
    const works = toys(2, { sleepMs: 500 });
    await submitted(works);
    const [id = ""] = arraysOf(cluster);
    const folder = join(cluster.store.paths.version, "elsewhere", "arrays", id);
    const second = slurm
      .run("sbatch", "--parsable", "--array=0-1", "-J", `dsgen-${id}`, "-o", "/dev/null", join(folder, "job.sh"))
      .trim();
    expect([...(await finish(cluster.executor(), works)).values()]).toEqual([MADE, MADE]);
    await until(() => /^COMPLETED\nCOMPLETED$/.test(stateOf(second)), "the second to do nothing");
    expect(made(cluster.root)).toHaveLength(2);
  });

  test("requeued in the middle while its first process goes on writing: the same bytes", async () => {
    const works = toys(1, { sleepMs: 6000, act: "zombie" });
    const executor = cluster.executor();
    const job = await submitted(works, executor);
    await begun(1);
    slurm.run("scontrol", "requeue", `${job}_0`);
    await releaseRequeued(`${job}_0`);
    const ends = await finish(executor, works);
    expect([...ends.values()]).toEqual([MADE]);
  });

  test("preempted by another partition, it goes on by itself", async () => {
    const works = toys(8, { sleepMs: 6000 });
    const executor = cluster.executor();
    const job = await submitted(works, executor);
    await begun(8);
    const urgent = slurm.run(
      "sbatch",
      "--parsable",
      "-p",
      "urgent",
      "-n4",
      "-N1",
      "-o",
      "/dev/null",
      "--wrap",
      "sleep 1",
    );
    await until(() => stateOf(urgent.trim()) === "COMPLETED", "the urgent job's end");
    const tasks = slurm.run("squeue", "-h", "-r", "-j", job, "-o", "%K %T").matchAll(/^(\d+) PENDING$/gm);
    for (const [, task] of tasks) slurm.run("scontrol", "update", `jobid=${job}_${task}`, "StartTime=now");
    expect([...(await finish(executor, works)).values()]).toEqual(Array(8).fill(MADE));
    expect(made(cluster.root).length).toBeGreaterThan(8);
  });

  test("cancelled by somebody: it is told, not begun again unasked, and begun anew by whoever asks again", async () => {
    const works = toys(1, { sleepMs: 8000 });
    const executor = cluster.executor();
    const job = await submitted(works, executor);
    await begun(1);
    slurm.run("scancel", `${job}_0`);
    const ends = await finish(executor, works);
    expect(ends.get("toy0")).toMatchObject({
      state: "failed",
      problem: {
        where: "toy0",
        message: expect.stringMatching(/^task \d+_0 of the cluster on n[12] was cancelled by somebody/),
      },
    });
    expect(cluster.calls.filter((program) => program === "sbatch")).toHaveLength(1);
    expect([...(await finish(cluster.executor(), works)).values()]).toEqual([MADE]);
  });

  test("out of memory: the limit and what to ask for are told", async () => {
    const ends = await finish(cluster.executor(), toys(1, { act: "eat-memory" }));
    expect(ends.get("toy0")).toMatchObject({
      state: "failed",
      problem: {
        message: expect.stringMatching(/was killed for its memory \(mem: 300M\).*exceeded memory limit/),
        fix: expect.stringContaining("`mem:`"),
      },
    });
  });

  test("a recipe that fails is a failure, made once", async () => {
    const ends = await finish(cluster.executor(), toys(1, { act: "fail" }));
    expect(ends.get("toy0")).toMatchObject({ state: "failed", problem: { message: "toy0 was told to fail" } });
    expect(made(cluster.root)).toHaveLength(1);
  });

  test("a worker that ends without a result is tried again within bounds, and then its log is shown", async () => {
    const ends = await finish(cluster.executor(), toys(1, { act: "exit" }));
    expect(ends.get("toy0")).toMatchObject({
      problem: {
        message: expect.stringMatching(/ended with an error and left no result \(\d tries\)\. .*no such file: toy0/),
        fix: expect.stringMatching(/See `cat .*\.log` and `scontrol show job \d+_0`/),
      },
    });
    // Three on a node that is then suspected, three on another: it is not the nodes.
    expect(made(cluster.root).length).toBeGreaterThanOrEqual(3);
    expect(made(cluster.root).length).toBeLessThanOrEqual(6);
  });

  test("a worker that refuses says why", async () => {
    const ends = await finish(cluster.executor(), toys(1, { act: "refuse" }));
    expect(ends.get("toy0")).toMatchObject({ problem: { message: expect.stringMatching(/^toy0 was told to refuse/) } });
  });

  test("a damaged result is made again", async () => {
    // Each making damages its result: what is told in the end is that there is none.
    const ends = await finish(cluster.executor(), toys(1, { act: "damage" }));
    expect(ends.get("toy0")).toMatchObject({ state: "failed" });
    expect(made(cluster.root).length).toBeGreaterThanOrEqual(3);
    expect(cluster.notices.join("\n")).toMatch(/a result of toy0 is damaged/);
  });

  test("a node on which tasks end at once is left out, and that is said", async () => {
    const ends = await finish(cluster.executor(), toys(8, { act: "break-on-n1" }));
    expect([...ends.values()]).toEqual(Array(8).fill(MADE));
    expect(cluster.notices.join("\n")).toMatch(/tasks on n1 end at once/);
  });

  test("a lost node: its task is requeued and goes on", async () => {
    const works = toys(1, { sleepMs: 8000 });
    const executor = cluster.executor();
    const job = await submitted(works, executor);
    await begun(1);
    const node = slurm.run("squeue", "-h", "-j", job, "-o", "%N").trim();
    slurm.run("scontrol", "update", `nodename=${node}`, "state=down", "reason=test");
    await releaseRequeued(`${job}_0`);
    // It may come back by itself first: what is not down cannot be set idle.
    await until(() => {
      const isDown = /down/.test(slurm.run("sinfo", "-h", "-p", "main", "-n", node, "-o", "%T"));
      if (isDown) slurm.run("scontrol", "update", `nodename=${node}`, "state=idle");
      return !isDown;
    }, `${node} to be back`);
    expect([...(await finish(executor, works)).values()]).toEqual([MADE]);
  });

  test("while the scheduler is away nothing is concluded and nothing lost", async () => {
    const works = toys(2, { sleepMs: 3000 });
    const executor = cluster.executor();
    await submitted(works, executor);
    await slurm.stopController();
    try {
      const away = [...(await run(executor, [...works, toyWork({ name: "late" })])).values()];
      expect(away.at(-1)).toMatchObject({
        state: "waiting",
        on: { reason: expect.stringMatching(/the scheduler does not answer: .*Unable to contact slurm controller/) },
      });
      for (const standing of away) expect(standing.state).not.toBe("failed");
    } finally {
      await slurm.startController();
    }
    const ends = await finish(executor, [...works, toyWork({ name: "late" })]);
    expect([...ends.values()]).toEqual([MADE, MADE, MADE]);
    expect(made(cluster.root)).toHaveLength(3);
  });
});
