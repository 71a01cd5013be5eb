import { expect, test } from "vitest";
import type { FakeAnswer, FakeSlurm } from "../../support/fake-slurm.ts";
import { fakeCluster } from "./fake-cluster.ts";
import { toyWork } from "./toy.ts";

/* What a scheduler may do that a real one does not do on demand: late or torn listings, lost answers, limits, odd ends. */

const toys = (count: number) => Array.from({ length: count }, (_, i) => toyWork({ name: `toy${i}` }));
/** So many looks still do not list what was submitted. */
const unlisted = (slurm: FakeSlurm, looks: number) =>
  slurm.edit(({ jobs }) => {
    for (const job of jobs) job.unlisted = looks;
  });
const MADE = { state: "made" };
const waits = (reason: RegExp) => ({ state: "waiting", on: { reason: expect.stringMatching(reason) } });
const LAG = { queueLagMs: 30_000, resultsLagMs: 60_000 };

test("a job that was just submitted and is not listed for a while is neither lost nor submitted again", async () => {
  const { slurm, clock, look, executor, arrays, make, say } = fakeCluster(LAG);
  const works = toys(1);
  const build = executor();
  await look(build, works);
  unlisted(slurm, 3);
  for (let i = 0; i < 3; i++) {
    clock.pass(9000);
    expect(await look(i === 1 ? executor() : build, works)).toMatchObject({ toy0: { state: "waiting" } });
  }
  const [array] = arrays();
  if (array === undefined) throw new Error("none");
  say(array, 0, { state: "RUNNING", node: "n1" });
  expect(await look(build, works)).toMatchObject({ toy0: waits(/^running on n1$/) });
  await make(array, 0);
  expect(await look(build, works)).toMatchObject({ toy0: MADE });
  expect(slurm.count("sbatch")).toBe(1);
});

test("a task that is over and still listed: what it made counts at once, and what it did not make is waited for", async () => {
  const { slurm, clock, look, executor, arrays, make, say, cut } = fakeCluster(LAG);
  const works = toys(2);
  const build = executor();
  await look(build, works);
  const [array] = arrays();
  if (array === undefined) throw new Error("none");
  expect(cut(works)).toEqual([[["toy0"], ["toy1"]]]);
  await make(array, 0);
  for (const task of [0, 1]) say(array, task, { state: "RUNNING", node: "n1" });
  expect(await look(build, works)).toMatchObject({ toy0: MADE, toy1: waits(/running on n1/) });
  clock.pass(86_400_000);
  expect(await look(build, works.slice(1))).toMatchObject({ toy1: waits(/running on n1/) });
  await make(array, 1);
  expect(await look(build, works.slice(1))).toMatchObject({ toy1: MADE });
  expect(arrays()).toMatchObject([{ state: "settled" }]);
  expect(slurm.count("sbatch")).toBe(1);
});

test("a result that is listed late is waited for as long as is documented, then its task is tried again", async () => {
  const { slurm, clock, look, executor, arrays, say } = fakeCluster(LAG);
  const works = toys(1);
  const build = executor();
  await look(build, works);
  const [array] = arrays();
  if (array === undefined) throw new Error("none");
  say(array, 0, { state: "COMPLETED", node: "n1", ran: "1:00:00" });
  expect(await look(build, works)).toMatchObject({ toy0: waits(/its result is not seen yet/) });
  clock.pass(59_000);
  expect(await look(executor(), works)).toMatchObject({ toy0: waits(/its result is not seen yet/) });
  expect(slurm.count("sbatch")).toBe(1);
  clock.pass(2000);
  expect(await look(build, works)).toMatchObject({ toy0: waits(/submitted/) });
  expect(slurm.count("sbatch")).toBe(2);
});

test("a try that was under way when a build told of another's failure is not held against the next build: it may be mended", async () => {
  const { clock, look, executor, arrays, say } = fakeCluster({ ...LAG, tries: 1 });
  const works = toys(2);
  const build = executor();
  await look(build, works);
  const [array] = arrays();
  if (array === undefined) throw new Error("none");
  say(array, 0, { state: "FAILED", node: "n1", ran: "5:00" });
  say(array, 1, { state: "RUNNING", node: "n2" });
  await look(build, works);
  clock.pass(61_000);
  // As a build ends: one has failed, and nothing that it is waited for is needed any more.
  expect(await look(build, works)).toMatchObject({ toy0: { state: "failed" }, toy1: waits(/running on n2/) });
  say(array, 1, { state: "FAILED", node: "n2", ran: "5:00" });
  const next = executor();
  await look(next, works);
  clock.pass(61_000);
  const again = await look(next, works);
  expect(again).toMatchObject({ toy0: waits(/submitted|pending/i), toy1: waits(/submitted|pending/i) });
  // Bounded all the same: what was begun by this build counts.
  for (const [id, task] of arrays()
    .slice(1)
    .flatMap((each) => each.tasks.map((_, at) => [each, at] as const)))
    say(id, task, { state: "FAILED", node: "n2", ran: "5:00" });
  await look(next, works);
  clock.pass(61_000);
  expect(await look(next, works)).toMatchObject({ toy0: { state: "failed" }, toy1: { state: "failed" } });
});

test("a state that nobody knows is named, and nothing is concluded from it", async () => {
  const { slurm, clock, look, executor, arrays, make, say } = fakeCluster(LAG);
  const works = toys(1);
  const build = executor();
  await look(build, works);
  const [array] = arrays();
  if (array === undefined) throw new Error("none");
  say(array, 0, { state: "FROBNICATING" });
  for (let i = 0; i < 3; i++) {
    expect(await look(build, works)).toMatchObject({ toy0: waits(/does not know \(FROBNICATING\)/) });
    clock.pass(3_600_000);
  }
  await make(array, 0);
  expect(await look(build, works)).toMatchObject({ toy0: MADE });
  expect(slurm.count("sbatch")).toBe(1);
});

const ODD: readonly (readonly [string, FakeAnswer, RegExp])[] = [
  ["a torn line", { stdout: "100|0|RUNN" }, /100\|0\|RUNN/],
  ["half a name", { stdout: "100|0|COMPLETED|1:00|n1|None|dsgen-\n" }, /dsgen-/],
  ["a banner of the site", { stdout: "*** maintenance on Sunday ***\n" }, /maintenance on Sunday/],
  ["no number", { stdout: "100|zero|RUNNING|0:10|n1|None|NAME\n" }, /zero/],
];
test.each(ODD)("squeue prints %s: it is told, and what is not listed is not gone", async (_, answer, told) => {
  const { slurm, clock, look, executor, arrays, toys: cluster, make } = fakeCluster(LAG);
  const works = toys(1);
  const build = executor();
  await look(build, works);
  const [array] = arrays();
  if (array === undefined) throw new Error("none");
  const odd = { ...answer, stdout: answer.stdout?.replace("NAME", `dsgen-${array.id}`) ?? "" };
  for (let i = 0; i < 3; i++) {
    slurm.edit(({ answers }) => answers.squeue.push(odd));
    expect(await look(build, works)).toMatchObject({ toy0: { state: "waiting" } });
    clock.pass(3_600_000);
  }
  expect(cluster.notices.filter((notice) => /a line that makes no sense/.test(notice))).toEqual([
    expect.stringMatching(told),
  ]);
  await make(array, 0);
  expect(await look(build, works)).toMatchObject({ toy0: MADE });
  expect(slurm.count("sbatch")).toBe(1);
});

const SILENT: readonly (readonly [string, FakeAnswer])[] = [
  ["fails", { code: 1, stderr: "squeue: error: something is amiss\n" }],
  ["fails without a word", { code: 1 }],
  [
    "does not reach the controller",
    { code: 1, stderr: "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n" },
  ],
  ["does not end", { hangs: true }],
];
test.each(SILENT)("squeue %s: nothing is concluded, nothing submitted, and that is said", async (_, answer) => {
  const { slurm, clock, look, executor, arrays, make } = fakeCluster({ ...LAG, callMs: 1000, tries: 1 });
  const works = toys(2);
  const build = executor();
  await look(build, works.slice(0, 1));
  clock.pass(3_600_000);
  slurm.edit(({ answers }) => answers.squeue.push(answer));
  expect(await look(build, works)).toMatchObject({
    toy0: waits(/^the scheduler does not answer: /),
    toy1: waits(/^the scheduler does not answer: /),
  });
  expect(slurm.count("sbatch")).toBe(1);
  for (const array of arrays()) for (const task of array.tasks.keys()) await make(array, task);
  expect(await look(build, works)).toMatchObject({ toy0: MADE, toy1: { state: "waiting" } });
  for (const array of arrays()) for (const task of array.tasks.keys()) await make(array, task);
  expect(await look(build, works)).toMatchObject({ toy0: MADE, toy1: MADE });
  expect(slurm.count("sbatch")).toBe(2);
});

const LOST: readonly (readonly [string, FakeAnswer])[] = [
  ["ends with 1 and no word", { code: 1 }],
  ["prints nothing", { code: 0 }],
  ["prints no job's id", { stdout: "Submitted batch job\n" }],
  [
    "loses the answer",
    { code: 1, stderr: "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n" },
  ],
  ["does not end", { hangs: true }],
];
test.each(LOST)(
  "sbatch takes the job and %s: the job is found by its name, however late it is listed",
  async (_, answer) => {
    const { slurm, clock, look, executor, arrays, make } = fakeCluster({ ...LAG, callMs: 1000 });
    const works = toys(1);
    slurm.edit(({ answers }) => answers.sbatch.push({ done: true, ...answer }));
    const build = executor();
    expect(await look(build, works)).toMatchObject({ toy0: waits(/not known yet whether the scheduler took it/) });
    unlisted(slurm, 2);
    clock.pass(14_000);
    expect(await look(build, works)).toMatchObject({ toy0: waits(/not known yet/) });
    clock.pass(14_000);
    expect(await look(executor(), works)).toMatchObject({ toy0: waits(/not known yet/) });
    expect(await look(executor(), works)).toMatchObject({ toy0: { state: "waiting", on: { job: "100" } } });
    const [array] = arrays();
    if (array === undefined) throw new Error("none");
    await make(array, 0);
    expect(await look(build, works)).toMatchObject({ toy0: MADE });
    expect(slurm.count("sbatch")).toBe(1);
  },
);

test.each(LOST)(
  "sbatch does not take it and %s: it is submitted again once that is proven, and once",
  async (_, answer) => {
    const { slurm, clock, look, executor } = fakeCluster({ ...LAG, callMs: 1000 });
    const works = toys(1);
    slurm.edit(({ answers }) => answers.sbatch.push(answer));
    const build = executor();
    await look(build, works);
    clock.pass(29_000);
    expect(await look(build, works)).toMatchObject({ toy0: waits(/not known yet/) });
    expect(slurm.count("sbatch")).toBe(1);
    clock.pass(2000);
    expect(await look(build, works)).toMatchObject({ toy0: { state: "waiting", on: { job: "100" } } });
    expect(slurm.state().jobs).toHaveLength(1);
  },
);

test("an account that may not submit is a failure with Slurm's words and what to mend", async () => {
  const { slurm, look, executor } = fakeCluster();
  const stderr =
    "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified\n";
  slurm.edit(({ answers }) => answers.sbatch.push({ code: 1, stderr }));
  expect(await look(executor(), toys(1))).toMatchObject({
    toy0: {
      state: "failed",
      problem: { message: expect.stringContaining("Invalid account"), fix: expect.stringContaining("`executor:`") },
    },
  });
  expect(slurm.count("sbatch")).toBe(1);
});
