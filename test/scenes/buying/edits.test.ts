import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chargesByCustomId, sendsByCustomId } from "../../simulator/counts.ts";
import { makeProject, type Provider, runDsgen, startProvider } from "../support/project.ts";

/*
 * Any sequence of config edits and interruptions ends with the bytes of a clean build of the final config, and pays for
 * each distinct request once.
 */

const EDITS = {
  "tiny.batches": ["2", "3"],
  "tiny.requests_per_batch": ["3", "4"],
  "tiny.scenarios_per_request": ["2", "3"],
  "tiny.target_scenarios": ["4", "1000"],
  "tiny.sampling.max_tokens": ["256", "300"],
  "tiny.dedupe.by": ["exact", "normalised"],
  "tiny.templates.plain.suffix": ["a", "b"],
} as const;

type Step = {
  readonly config: Readonly<Record<string, string>>;
  readonly killAfterMs: number | undefined;
  readonly wait: boolean;
};

const config: fc.Arbitrary<Readonly<Record<string, string>>> = fc
  .record(Object.fromEntries(Object.entries(EDITS).map(([key, values]) => [key, fc.constantFrom(...values)])))
  .map((chosen) => ({ ...chosen }));
const step: fc.Arbitrary<Step> = fc.record({
  config,
  killAfterMs: fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined }),
  wait: fc.boolean(),
});

let provider: Provider;
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider.remove());

function setsOf(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
}

describe("edits and interruptions", () => {
  it("end with the bytes of a clean build, and no request is paid for twice", { timeout: 400_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 3 }), config, async (steps, last) => {
        const bought = await startProvider();
        const project = makeProject();
        const clean = makeProject();
        try {
          for (const { config: values, killAfterMs, wait } of steps) {
            const args = ["build", ...(wait ? ["--wait"] : []), ...setsOf(values)];
            const ran = await runDsgen(project, args, {
              url: bought.url,
              ...(killAfterMs === undefined ? {} : { killAfterMs }),
            });
            if (ran.signal === null) expect([0, 75], ran.stderr).toContain(ran.code);
          }
          const ended = await runDsgen(project, ["build", "--wait", ...setsOf(last)], { url: bought.url });
          expect(ended.code, ended.stderr).toBe(0);
          const reference = await runDsgen(clean, ["build", "--wait", ...setsOf(last)], { url: provider.url });
          expect(reference.code, reference.stderr).toBe(0);
          expect(project.read("dataset.jsonl")).toBe(clean.read("dataset.jsonl"));
          const ledger = await bought.finalLedger();
          expect(Math.max(0, ...sendsByCustomId(ledger).values())).toBeLessThanOrEqual(1);
          expect(Math.max(0, ...chargesByCustomId(ledger).values())).toBeLessThanOrEqual(1);
        } finally {
          await bought.remove();
          project.remove();
          clean.remove();
        }
      }),
      { numRuns: 4, seed: 20_261_122, endOnFailure: true },
    );
  });
});
