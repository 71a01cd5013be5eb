import fc from "fast-check";
import { expect, it } from "vitest";
import { PARTS, partOf } from "../../src/export/split.ts";
import exportSplits from "../../src/recipes/export-splits.ts";
import { contextOf } from "../recipes/context.ts";

/* Splits by scenario: what a larger dataset has of a smaller one stays where it was, and no pair is cut in two. */

const share = fc.integer({ min: 0, max: 50 }).map((n) => n / 100);
const config = fc.record({ seed: fc.nat(), validation: share, test: share });

/** A dataset of pairs in two templates, and its manifest. */
function files(scenarios: readonly string[], simulated: boolean) {
  const rows = scenarios.flatMap((of, id) => [0, 1, 2, 3].map((n) => `{"scenario_id": ${id}, "text": "${of} ${n}"}`));
  const dataset = { rows: rows.length, scenarios: scenarios.length, sha256: "0" };
  const head = JSON.stringify({ v: 1, dataset, simulated }, null, 2).slice(0, -2);
  const lines = scenarios.map((of, id) => `    {"scenario_id":${id},"custom_id":"c","request_id":"${of}","entry":0}`);
  return {
    dataset: rows.map((row) => `${row}\n`).join(""),
    manifest: `${head},\n  "scenarios": [\n${lines.join(",\n")}\n  ]\n}\n`,
  };
}

async function split(scenarios: readonly string[], of: object, simulated = false): Promise<readonly string[][]> {
  const made = contextOf({ values: { split: of }, files: files(scenarios, simulated) });
  await exportSplits(made.context);
  return made.outputs.map((text) => text.split("\n").slice(0, -1));
}

const textOf = (line: string) => line.replace(/^.*"text": /, "");

it("moves no row when the dataset grows, and cuts no pair in two", async () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(names, fc.nat(), config, async (all, cut, how) => {
      const fewer = all.slice(cut % all.length);
      const [small, large] = [await split(fewer, how), await split(all, how)];
      expect(small.flat()).toHaveLength(fewer.length * 4);
      for (const [at, part] of small.entries()) {
        const grown = (large[at] ?? []).map(textOf);
        for (const line of part) expect(grown).toContain(textOf(line));
        expect(part.length % 4).toBe(0);
        for (let i = 0; i < part.length; i += 4)
          expect(new Set(part.slice(i, i + 4).map((line) => textOf(line).replace(/ \d"}$/, ""))).size).toBe(1);
      }
    }),
  );
});

it("gives each part about its share, and another seed another split", () => {
  const scenarios = Array.from({ length: 20_000 }, (_, i) => `["${i}",0]`);
  const parts = (seed: number) => scenarios.map((of) => partOf(of, { seed, validation: 0.2, test: 0.1 }));
  const [first, second] = [parts(0), parts(1)];
  const shares = PARTS.map((part) => first.filter((of) => of === part).length / scenarios.length);
  for (const [at, share] of [0.7, 0.2, 0.1].entries()) expect(Math.abs((shares[at] ?? 0) - share)).toBeLessThan(0.015);
  const kept = first.filter((part, at) => part === second[at]).length / scenarios.length;
  expect(Math.abs(kept - (0.49 + 0.04 + 0.01))).toBeLessThan(0.02);
});

it("says in every simulated row that it is", async () => {
  const lines = (await split(["a", "b", "c"], { seed: 0, validation: 0.3, test: 0.3 }, true)).flat();
  expect(lines).toHaveLength(12);
  for (const line of lines) expect(JSON.parse(line)).toHaveProperty("simulated", true);
});
