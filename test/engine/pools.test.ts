import { expect, test } from "vitest";
import type { Done, Node } from "../../src/engine/node.ts";
import { type Entry, Pools } from "../../src/engine/pools.ts";
import type { Result } from "../../src/graph/result.ts";

/* How many jobs are made, and how many stored, at once. */

interface Running {
  readonly made: () => void;
  readonly end: () => void;
}

/** A pool of so many, with so many jobs, and those that were begun. */
function begun(limit: number, jobs: number) {
  const pools = new Pools({ cpu: limit, io: 1 });
  const running: Running[] = [];
  const node = { claims: 1, target: { pool: "cpu" } } as unknown as Node;
  for (let i = 0; i < jobs; i++) pools.enqueue({ node, job: {} } as Entry);
  const start = () =>
    pools.start(
      0,
      (_entry, made) =>
        new Promise<Result<Done, never>>((resolve) => {
          running.push({ made, end: () => resolve({ ok: true, value: {} as Done }) });
        }),
    );
  start();
  return { pools, running, start };
}

test("a job that is being stored makes room for the next, and no more are stored than may run", () => {
  const { running, start } = begun(2, 9);
  expect(running).toHaveLength(2);
  for (const { made } of running.slice(0, 2)) made();
  start();
  expect(running).toHaveLength(4);
  // Two are stored: a third waits in its place until one of them has ended.
  running[2]?.made();
  running[2]?.made();
  start();
  expect(running).toHaveLength(4);
});

test("whoever waits is woken where there is room, with nothing ended; what is stored still counts as busy", async () => {
  const { pools, running, start } = begun(2, 2);
  const woken = pools.ended();
  running[0]?.made();
  await woken;
  expect(pools.take()).toEqual([]);
  start();
  for (const { end } of running) end();
  await pools.ended();
  for (let taken = pools.take().length; taken < 2; taken += pools.take().length) await pools.ended();
  expect(pools.busy).toBe(false);
});

test("it is busy until the last is stored, and each counts once", async () => {
  const { pools, running, start } = begun(2, 3);
  for (const { made } of running) made();
  start();
  expect(running).toHaveLength(3);
  let taken = 0;
  for (const { end } of running) {
    expect(pools.busy).toBe(true);
    end();
    await pools.ended();
    taken += pools.take().length;
  }
  expect([taken, pools.busy]).toEqual([3, false]);
});

test("one at a time: the next begins when the last is stored", async () => {
  const { pools, running, start } = begun(1, 2);
  running[0]?.made();
  start();
  expect(running).toHaveLength(1);
  running[0]?.end();
  await pools.ended();
  start();
  expect(running).toHaveLength(2);
});
