import fc from "fast-check";
import { expect, test } from "vitest";
import { cut, PILOT, type Piece, WORTH_A_PILOT } from "../../../src/executors/slurm/grouping.ts";

/* Whatever is given, in whatever order: every action in one task at most, none lost, and nothing beyond a limit. */

const durations = fc.oneof(
  fc.constant(undefined),
  fc.integer({ min: 0, max: 1_000_000 }),
  // What a clock that was set back may have measured.
  fc.integer({ min: -1000, max: -1 }),
);
const pieces = fc
  .uniqueArray(fc.tuple(fc.string({ minLength: 1 }), durations), { selector: ([key]) => key, maxLength: 150 })
  .map((all) => all.map(([key, expectedMs]): Piece<string> => ({ key, expectedMs })));
const cutting = fc.record({
  taskMs: fc.integer({ min: 1, max: 300_000 }),
  arraySize: fc.integer({ min: 1, max: 20 }),
  room: fc.integer({ min: -5, max: 60 }),
});
const input = pieces.chain((all) =>
  fc.tuple(fc.shuffledSubarray([...all], { minLength: all.length }), cutting, fc.boolean()),
);

test("every action is in exactly one task, or waits", () => {
  fc.assert(
    fc.property(input, ([all, limits, under]) => {
      const { arrays, later } = cut(all, limits, under);
      const placed = [...arrays.flat(2), ...later];
      expect([...placed].sort()).toEqual(all.map(({ key }) => key).sort());
    }),
  );
});

test("no array is larger, and no more tasks are sent, than the cluster takes; none is empty", () => {
  fc.assert(
    fc.property(input, ([all, limits, under]) => {
      const { arrays } = cut(all, limits, under);
      for (const array of arrays) {
        expect(array.length).toBeGreaterThan(0);
        expect(array.length).toBeLessThanOrEqual(limits.arraySize);
        for (const task of array) expect(task.length).toBeGreaterThan(0);
      }
      expect(arrays.flat().length).toBeLessThanOrEqual(Math.max(0, limits.room));
    }),
  );
});

test("a task is longer than it is meant to be only where one action alone is; what is unknown goes alone", () => {
  fc.assert(
    fc.property(input, ([all, limits, under]) => {
      const known = new Map(all.map(({ key, expectedMs }) => [key, expectedMs]));
      for (const task of cut(all, limits, under).arrays.flat()) {
        if (task.length === 1) continue;
        const sum = task.reduce((total, key) => total + Math.max(0, known.get(key) ?? Number.POSITIVE_INFINITY), 0);
        expect(sum).toBeLessThanOrEqual(limits.taskMs);
      }
    }),
  );
});

test("which actions there are decides how many are tried unknown, not their order; while a pilot runs, none", () => {
  fc.assert(
    fc.property(input, ([all, limits, under]) => {
      const roomy = { ...limits, room: 1_000_000 };
      const unknown = all.filter(({ expectedMs }) => expectedMs === undefined);
      const most = unknown.length < WORTH_A_PILOT ? unknown.length : under ? 0 : PILOT;
      const sentOf = (given: readonly Piece<string>[]) => {
        const sent = new Set(cut(given, roomy, under).arrays.flat(2));
        return [sent.size, unknown.filter(({ key }) => sent.has(key)).length];
      };
      expect(sentOf(all)).toEqual([all.length - unknown.length + most, most]);
      expect(sentOf([...all].reverse())).toEqual(sentOf(all));
    }),
  );
});

test("again with what waited, until nothing does: each is placed once", () => {
  fc.assert(
    fc.property(input, ([all, limits]) => {
      const roomy = { ...limits, room: Math.max(1, limits.room) };
      const placed: string[] = [];
      let left: readonly Piece<string>[] = all;
      for (let rounds = 0; left.length > 0; rounds++) {
        expect(rounds).toBeLessThan(all.length + 2);
        const { arrays, later } = cut(left, roomy, false);
        for (const key of arrays.flat(2)) placed.push(key);
        const waits = new Set(later);
        left = left.filter(({ key }) => waits.has(key));
      }
      expect(placed.sort()).toEqual(all.map(({ key }) => key).sort());
    }),
  );
});
