import fc from "fast-check";
import { expect, test } from "vitest";
import { Provenance } from "../../src/tasks/provenance.ts";

const id = (n: number) => n.toString(16).padStart(32, "0");

test("a scenario's line says where it came from, in order, whatever its answer is called", () => {
  const answer = fc.record({
    request_id: fc.oneof(fc.nat(5).map(id), fc.constant(null), fc.string()),
    prefix: fc.constantFrom("refusal-", "", 'o"ther-'),
    shard: fc.nat(2).map((n) => `shard${n}`),
    index: fc.nat(9),
  });
  // An answer has one batch, and one value of each axis.
  const sourceOf = (shard: string, request: string | null) => ({
    shard,
    batchId: request === id(1) ? null : `batch_${shard}`,
    axes: request === id(2) ? undefined : { topic: `${request}` },
  });
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 2000 }), (answers) => {
      const provenance = new Provenance();
      for (const [scenario_id, { request_id, prefix, shard, index }] of answers.entries()) {
        const source = sourceOf(shard, request_id);
        const custom_id = `${prefix}${request_id}`;
        const { axes, batchId: batch_id } = source;
        const told = { scenario_id, shard, custom_id, request_id, batch_id, entry: index };
        expect(provenance.line({ custom_id, request_id, line: 1, index }, source)).toBe(
          `${JSON.stringify(axes === undefined ? told : { ...told, axes })}\n`,
        );
      }
    }),
  );
});
