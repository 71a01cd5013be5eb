import fc from "fast-check";
import { expect, test } from "vitest";
import { Provenance } from "../../src/tasks/provenance.ts";

const id = (n: number) => n.toString(16).padStart(32, "0");

test("what is told of a scenario comes back, in order, whatever its answer is called", () => {
  const answer = fc.record({
    request_id: fc.oneof(fc.nat(5).map(id), fc.constant(null), fc.string()),
    prefix: fc.constantFrom("refusal-", "", "other-"),
    shard: fc.nat(2),
    batchId: fc.constantFrom(null, "batch_1", "batch_2"),
    index: fc.nat(9),
    axes: fc.constantFrom(undefined, { topic: "a" }, { topic: "b" }),
  });
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 2000 }), (answers) => {
      // An answer has one source; shards come one after another.
      const known = new Map<string, (typeof answers)[number]>();
      const told = [...answers]
        .sort((a, b) => a.shard - b.shard)
        .map((one) => {
          const key = `${one.shard} ${one.request_id}`;
          const { index } = one;
          if (!known.has(key)) known.set(key, one);
          return { ...(known.get(key) ?? one), index };
        });
      const provenance = new Provenance();
      for (const { request_id, prefix, shard, batchId, index, axes } of told) {
        const from = { custom_id: `${prefix}${request_id}`, request_id, line: 1, index };
        provenance.add(from, { shard: `shard${shard}`, batchId, axes });
      }
      expect(provenance.size).toBe(told.length);
      expect([...provenance.lines()]).toEqual(
        told.map(({ request_id, prefix, shard, batchId, index, axes }, scenario_id) =>
          JSON.stringify({
            ...{ scenario_id, shard: `shard${shard}`, custom_id: `${prefix}${request_id}`, request_id },
            ...{ batch_id: batchId, entry: index, ...(axes === undefined ? {} : { axes }) },
          }),
        ),
      );
    }),
  );
});
