import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type CrashOutcome,
  crashAndFinish,
  inParallel,
  plansFor,
  referenceDataset,
  SECOND_CRASHES,
  seeded,
  type Traced,
  traceRun,
} from "../support/crash.ts";
import { addFigures } from "../support/figures.ts";
import { startWarm, type Warm } from "../support/warm.ts";

/* Promises 3 and 4: no answer paid for twice, none lost, wherever the process dies. `npm run bench:crash` runs more. */

let warm: Warm;
let dataset: string;
let traced: Traced;

beforeAll(async () => {
  warm = startWarm();
  [dataset, traced] = await Promise.all([referenceDataset(warm), traceRun()]);
});
afterAll(() => warm.close());

test("faults alone change nothing: the uninterrupted build over them makes the same dataset", () => {
  expect(traced.ran.code).toBe(0);
  expect(traced.dataset).toBe(dataset);
  for (const point of [
    "batch.create.intended",
    "batch.collect.stored",
    "provider.download.sync",
    "journal.append.fsync",
  ])
    expect(traced.passes.get(point)).toBeGreaterThanOrEqual(10);
});

test("killed at every point, and again at the points that only a second run passes", async () => {
  const plans = plansFor(traced.passes, (point) => (/^batch\./.test(point) ? 2 : 1));
  const outcomes = await inParallel([...plans, ...SECOND_CRASHES], 3, (plan) => crashAndFinish(plan, dataset, warm));
  report("crash points", outcomes);
  for (const { plan, killed } of outcomes) {
    // A point's last pass may come earlier or not at all in another run; its first one always comes.
    if (plan.length > 1 || /#1$/.test(plan[0]?.fault ?? ""))
      expect({ plan, killed }).toEqual({ plan, killed: plan.length });
  }
  expectWhole(outcomes);
}, 900_000);

test("killed at random instants", async () => {
  const random = seeded(20_261_122);
  const plans = Array.from({ length: 40 }, () => [{ killAfterMs: random() * traced.milliseconds }]);
  const outcomes = await inParallel(plans, 3, (plan) => crashAndFinish(plan, dataset, warm));
  report("random instants", outcomes);
  expect(outcomes.filter(({ killed }) => killed > 0).length).toBeGreaterThan(10);
  expectWhole(outcomes);
}, 900_000);

function report(what: string, outcomes: readonly CrashOutcome[]): void {
  const { repeated, lost, different } = addFigures(outcomes);
  const kills = outcomes.reduce((sum, { killed }) => sum + killed, 0);
  process.stdout.write(
    `${what}: ${outcomes.length} builds, ${kills} kills; paid calls repeated ${repeated}, answers lost ${lost}, datasets that differ ${different}\n`,
  );
}

function expectWhole(outcomes: readonly CrashOutcome[]): void {
  const broken = outcomes.filter(
    ({ repeated, lost, identical, paid, ran }) => repeated + lost > 0 || !identical || paid !== 40 || ran.code !== 0,
  );
  expect(broken).toEqual([]);
}
