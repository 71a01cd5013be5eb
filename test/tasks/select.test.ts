import fc from "fast-check";
import { expect, test } from "vitest";
import type { ShardLine } from "../../src/tasks/candidate.ts";
import { Selection, selectScenarios } from "../../src/tasks/select.ts";

function line(first: string, valid = true): ShardLine {
  return {
    valid,
    texts: [first, "b"],
    failed: [],
    tokens: {},
    from: { custom_id: "c", request_id: null, line: 1, index: 0 },
  };
}

async function select(shards: readonly Iterable<ShardLine>[], target: number, by: "exact" | "normalised" = "exact") {
  const selection = new Selection(target, { by }, ["safe", "harmful"]);
  const taken: string[] = [];
  for await (const { scenarioId, shard, line: from } of selectScenarios(shards, selection)) {
    taken.push(`${scenarioId}:${shard}:${from.texts[0]}`);
  }
  return { taken, summary: selection.summary() };
}

test("the first N valid, distinct scenarios in the order of shards and lines", async () => {
  const shards = [[line("a"), line("x", false), line("a")], [line("b"), line("A"), line("c")], [line("d")]];
  expect(await select(shards, 3)).toEqual({
    taken: ["0:0:a", "1:1:b", "2:1:A"],
    summary: { target: 3, taken: 3, short_by: 0, candidates: 5, invalid: 1, duplicates: 1, complete_after_shard: 1 },
  });
  expect((await select(shards, 3, "normalised")).taken).toEqual(["0:0:a", "1:1:b", "2:1:c"]);
});

test("too few is said", async () => {
  expect((await select([[line("a")], []], 3)).summary).toMatchObject({
    taken: 1,
    short_by: 2,
    complete_after_shard: null,
  });
});

test("nothing is read after completion, not even the rest of a shard", async () => {
  function* shard(): Generator<ShardLine> {
    yield line("a");
    throw new Error("read on");
  }
  const unread: Iterable<ShardLine> = {
    [Symbol.iterator]: () => {
      throw new Error("opened");
    },
  };
  expect((await select([shard(), unread], 1)).taken).toEqual(["0:0:a"]);
});

test("a larger target only adds: what a smaller one takes stays as it is", async () => {
  const entry = fc.record({ first: fc.constantFrom("a", "b", "c", "d", "e"), valid: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(entry, { maxLength: 6 }), { maxLength: 4 }),
      fc.integer({ min: 1, max: 6 }),
      async (shards, target) => {
        const lines = shards.map((shard) => shard.map(({ first, valid }) => line(first, valid)));
        const small = await select(lines, target);
        const large = await select(lines, target + 1);
        expect(large.taken.slice(0, target)).toEqual(small.taken);
        const distinct = new Set(
          shards
            .flat()
            .filter(({ valid }) => valid)
            .map(({ first }) => first),
        ).size;
        expect(small.summary).toMatchObject({
          taken: Math.min(target, distinct),
          short_by: target - Math.min(target, distinct),
        });
      },
    ),
  );
});

test("a selection of nothing is a bug of the caller", () => {
  expect(() => new Selection(0, { by: "exact" }, ["a"])).toThrow(RangeError);
});
