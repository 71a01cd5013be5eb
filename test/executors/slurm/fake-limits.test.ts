import { expect, test } from "vitest";
import type { ArrayJob } from "../../../src/executors/slurm/array.ts";
import { cancelArrays } from "../../../src/executors/slurm/arrays-now.ts";
import { slurmCommands } from "../../../src/executors/slurm/commands.ts";
import type { FakeTask } from "../../support/fake-slurm.ts";
import { type FakeCluster, fakeCluster } from "./fake-cluster.ts";
import { toyWork } from "./toy.ts";

/* Within a cluster's limits, on first sight, and however a task may end: nothing twice, nothing lost, and each failure told. */

const toys = (count: number) => Array.from({ length: count }, (_, i) => toyWork({ name: `toy${i}` }));

/** The one array there is, or the latest. */
function latest({ arrays }: FakeCluster): ArrayJob {
  const array = arrays().at(-1);
  if (array === undefined) throw new Error("none");
  return array;
}

/** Every task of every open array comes to a good end. */
async function makeAll({ arrays, make, say }: FakeCluster, durationMs = 5): Promise<void> {
  for (const array of arrays().filter(({ state }) => state === "submitted"))
    for (const task of array.tasks.keys()) {
      await make(array, task, durationMs);
      say(array, task, { state: "COMPLETED", node: "n1", ran: "0:10" });
    }
}

test("tiny limits: arrays of so many tasks, so many tasks at once, the rest when there is room; each action in one task", async () => {
  const cluster = fakeCluster({ maxJobs: 3 });
  const { slurm, look, executor, cut } = cluster;
  slurm.edit((state) => {
    state.config = "MaxArraySize = 4\nMaxSubmitJobs = 7\n";
    state.maxSubmit = 7;
  });
  const works = toys(20);
  const build = executor();
  const first = await look(build, works);
  expect(first["toy19"]).toMatchObject({ state: "waiting", on: { job: null } });
  expect(cut(works).map((tasks) => tasks.length)).toEqual([3, 3, 1].slice(0, cut(works).length));
  let left = works;
  for (let looks = 0; left.length > 0 && looks < 20; looks++) {
    await makeAll(cluster);
    const standings = await look(build, left);
    left = left.filter(({ action }) => standings[action.target.name]?.state !== "made");
  }
  expect(left).toEqual([]);
  expect(cut(works).flat(2).sort()).toEqual(works.map(({ action }) => action.target.name).sort());
  for (const { args, tasks } of slurm.state().jobs) {
    expect(tasks.length).toBeLessThanOrEqual(3);
    const throttle = Number(/^--array=0-\d+%(\d+)$/.exec(args.find((arg) => arg.startsWith("--array=")) ?? "")?.[1]);
    expect(throttle).toBeGreaterThanOrEqual(1);
    expect(throttle).toBeLessThanOrEqual(3);
  }
});

test("a limit that nobody could read shows itself: what is refused waits, and goes when the others have ended", async () => {
  const cluster = fakeCluster();
  const { slurm, look, executor, cut } = cluster;
  slurm.edit((state) => {
    state.maxSubmit = 2;
    state.answers.scontrol.push({ code: 1, stderr: "scontrol: error: no permission\n" });
  });
  const works = toys(5);
  const build = executor();
  await look(build, works.slice(0, 2));
  expect(await look(build, works)).toMatchObject({
    toy0: { state: "waiting", on: { job: "100" } },
    toy4: {
      state: "waiting",
      on: { job: null, reason: expect.stringMatching(/takes no more now: .*job submit limit/) },
    },
  });
  let left = works;
  for (let looks = 0; left.length > 0 && looks < 20; looks++) {
    await makeAll(cluster);
    const standings = await look(build, left);
    left = left.filter(({ action }) => standings[action.target.name]?.state !== "made");
  }
  expect(left).toEqual([]);
  const sent = new Set(slurm.state().jobs.map(({ name }) => name));
  const taken = cluster.arrays().filter(({ id }) => sent.has(`dsgen-${id}`));
  expect(taken.flatMap(({ tasks }) => tasks.flat())).toHaveLength(5);
  expect(cut(works).length).toBeGreaterThanOrEqual(taken.length);
});

test("on first sight a pilot of eight, one a task; the rest when it has shown how long they take, grouped", async () => {
  const cluster = fakeCluster({ taskMs: 120_000 });
  const { look, executor, cut } = cluster;
  const works = toys(104);
  const build = executor();
  const first = await look(build, works);
  expect(cut(works)).toEqual([Array.from({ length: 8 }, (_, i) => [`toy${i}`])]);
  expect(first["toy8"]).toMatchObject({ on: { reason: "waits for the first ones to show how long they take" } });
  // Another process, which has seen nothing end, sends no second pilot.
  await look(executor(), works);
  expect(cut(works)).toHaveLength(1);
  await makeAll(cluster, 8000);
  await look(build, works);
  const [, second] = cut(works);
  // Ten seconds each, with the quarter more, in tasks of two minutes.
  expect(second?.map((task) => task.length)).toEqual(Array(8).fill(12));
  expect(cut(works).flat(2)).toEqual(works.map(({ action }) => action.target.name));
});

test("too few for a pilot go one a task, and wait for nobody, whatever is under way", async () => {
  const { look, executor, cut } = fakeCluster();
  const works = toys(5);
  const build = executor();
  await look(build, works.slice(0, 2));
  await look(build, works);
  expect(cut(works)).toEqual([
    [["toy0"], ["toy1"]],
    [["toy2"], ["toy3"], ["toy4"]],
  ]);
});

const LOG = "reading\nslurmstepd: error: *** JOB 100 ON n7 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***\n";
/** How a task ends, how often it is tried in all, and what is told. */
const ENDS: readonly (readonly [string, Partial<FakeTask>, { log?: string; exit?: number }, number, RegExp])[] = [
  [
    "TIMEOUT",
    { state: "TIMEOUT", ran: "1:00:00" },
    { log: LOG },
    1,
    /its time limit \(time: 1:00:00\) before it had made/,
  ],
  ["a time limit that only the log tells of", { state: "FAILED" }, { log: LOG }, 1, /its time limit/],
  ["OUT_OF_MEMORY", { state: "OUT_OF_MEMORY", ran: "5:00" }, {}, 1, /for its memory \(mem: 2G\)/],
  ["NODE_FAIL", { state: "NODE_FAIL", ran: "5:00" }, {}, 3, /was lost with its node \(3 tries\)/],
  ["BOOT_FAIL", { state: "BOOT_FAIL" }, {}, 3, /could not be started there/],
  [
    "a launch failure that Slurm holds for good",
    { state: "PENDING", reason: "launch failed requeued held" },
    {},
    3,
    /could not be started there/,
  ],
  ["PREEMPTED", { state: "PREEMPTED", ran: "5:00" }, {}, 20, /gave way to other jobs, time and again \(20 tries\)/],
  ["DEADLINE", { state: "DEADLINE" }, {}, 1, /passed its deadline/],
  ["CANCELLED", { state: "CANCELLED" }, {}, 1, /was cancelled by somebody \(scancel\)/],
  [
    "FAILED",
    { state: "FAILED", ran: "5:00" },
    { log: "reading\nno such file\n", exit: 1 },
    3,
    /left no result \(3 tries\).*no such file/,
  ],
];
test.each(ENDS)(
  "%s: tried as often as may help, then told with shard, node, log and the command to see more",
  async (_, said, left, tries, told) => {
    const cluster = fakeCluster({
      queueLagMs: 30_000,
      resultsLagMs: 60_000,
      resources: { time: "1:00:00", mem: "2G" },
    });
    const { slurm, clock, look, executor, say, leave } = cluster;
    const works = toys(1);
    const build = executor();
    let standing = (await look(build, works))["toy0"];
    for (let looks = 0; standing?.state === "waiting" && looks < 100; looks++) {
      const array = latest(cluster);
      // Each on another node, so that none is suspected.
      const node = `n${array.slurm}`;
      leave(array, 0, { node, ...left });
      say(array, 0, { node, ran: "5:00", ...said });
      clock.pass(61_000);
      standing = (await look(build, works))["toy0"];
    }
    const { slurm: job } = latest(cluster);
    expect(standing).toMatchObject({ state: "failed", problem: { where: "toy0" } });
    if (standing?.state !== "failed") throw new Error("made");
    expect(standing.problem.message).toMatch(told);
    expect(standing.problem.message).toContain(`task ${job}_0 of the cluster on n${job} `);
    if (left.log !== undefined) expect(standing.problem.message).toContain("The log ends with: reading ⏎ ");
    expect(standing.problem.fix).toMatch(new RegExp(`See \`cat \\S+/0\\.log\` and \`scontrol show job ${job}_0\``));
    expect(slurm.count("sbatch")).toBe(tries);
  },
);

test("cancel: while the scheduler does not answer nothing is over; one that is not listed for long is", async () => {
  const cluster = fakeCluster({ queueLagMs: 30_000 });
  const { slurm, clock, look, executor, arrays, toys: of } = cluster;
  await look(executor(), toys(2));
  const { id } = latest(cluster);
  const run = slurmCommands({ env: of.env, boundMs: 20_000 });
  const cancel = () => {
    const { paths, journal } = of.open();
    return cancelArrays([id], { paths, journal, run, clock, signal: new AbortController().signal });
  };
  const silent = { code: 1, stderr: "Unable to contact slurm controller (connect failure)\n" };
  slurm.edit(({ answers }) => answers.squeue.push(silent));
  expect(await cancel()).toMatchObject([{ array: id, unproven: expect.stringContaining("Unable to contact") }]);
  slurm.edit(({ answers, jobs }) => {
    answers.squeue = Array(45).fill({ stdout: "" });
    for (const task of jobs[0]?.tasks ?? []) task.state = "RUNNING";
  });
  // Not listed, look after look, until it is too old for that.
  expect(await cancel()).toMatchObject([{ unproven: null }]);
  expect(arrays()).toMatchObject([{ state: "settled" }]);
});

test("cancel: young and not listed is not over; what does not go is said; a torn listing is named", async () => {
  const cluster = fakeCluster({ queueLagMs: 30_000 });
  const { slurm, clock, look, executor, arrays, toys: of } = cluster;
  await look(executor(), toys(2));
  const { id, slurm: job } = latest(cluster);
  const run = slurmCommands({ env: of.env, boundMs: 20_000 });
  const aborted = new AbortController();
  aborted.abort();
  // One look each: the signal has it say at once what is known.
  const cancel = async (stdout: string) => {
    slurm.edit(({ answers }) => answers.squeue.push({ stdout }));
    const { paths, journal } = of.open();
    return (await cancelArrays([id], { paths, journal, run, clock, signal: aborted.signal }))[0]?.unproven;
  };
  expect(await cancel("")).toMatch(/not in the queue, and may not be listed yet/);
  expect(
    await cancel(`${job}|0|COMPLETING|0:10|n1|None|dsgen-${id}\n${job}|1|CANCELLED|0:10|n1|None|dsgen-${id}\n`),
  ).toBe("1 of its tasks is not over yet");
  expect(await cancel(`${job}|0|CANCELLED|0:10|n1|None|dsgen-${id}\n${job}|1|RUNN`)).toMatch(
    /makes no sense: ".*RUNN"/,
  );
  expect(await cancel(`${job}|0|WONDERING|0:10|n1|None|dsgen-${id}\n`)).toMatch(/1 of its tasks is not over/);
  expect(arrays()).toMatchObject([{ state: "submitted" }]);
  clock.pass(31_000);
  expect(await cancel("")).toBeNull();
  expect(arrays()).toMatchObject([{ state: "settled" }]);
});
