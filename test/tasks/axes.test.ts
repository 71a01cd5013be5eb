import fc from "fast-check";
import { expect, test } from "vitest";
import { requestId } from "../../src/api/request-file.ts";
import { DEFAULT_PROMPTS } from "../../src/config/prompt-template.ts";
import {
  type Axis,
  axisOfFile,
  combination,
  combinationCount,
  readAxisLines,
  timesBefore,
} from "../../src/tasks/axes.ts";
import { type PromptTask, requestBody } from "../../src/tasks/prompt.ts";

const axes = (...sizes: readonly number[]): Axis[] =>
  sizes.map((size, a) => ({ axis: `axis${a}`, values: Array.from({ length: size }, (_, v) => `${a}.${v}`) }));

const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 });

test("every combination comes once before any comes again", () => {
  fc.assert(
    fc.property(sizes, (of) => {
      const all = axes(...of);
      const count = combinationCount(all);
      fc.pre(count <= 3000);
      const seen = Array.from({ length: count }, (_, n) => JSON.stringify(combination(all, n)));
      expect(new Set(seen).size).toBe(count);
      expect(combination(all, count + 3)).toEqual(combination(all, 3 % count));
      expect(timesBefore(all, count - 1)).toBe(0);
      expect(timesBefore(all, count)).toBe(1);
    }),
  );
});

test("in every prefix, an axis has used its values equally often, give or take one", () => {
  fc.assert(
    fc.property(sizes, (of) => {
      const all = axes(...of);
      const counts = all.map(({ values }) => new Map(values.map((value) => [value, 0])));
      for (let n = 0; n < 600; n++) {
        const values = combination(all, n);
        all.forEach(({ axis }, a) => {
          const value = values[axis] ?? "";
          counts[a]?.set(value, (counts[a]?.get(value) ?? 0) + 1);
          const used = [...(counts[a]?.values() ?? [])];
          expect(Math.max(...used) - Math.min(...used)).toBeLessThanOrEqual(1);
        });
      }
    }),
    { numRuns: 40 },
  );
});

const WORDS = { noun: "pair", template: DEFAULT_PROMPTS.pairs };
const TASK: PromptTask = {
  kind: "pairs",
  description: "Pairs.",
  model: "gpt-4o",
  endpoint: "/v1/chat/completions",
  sampling: { temperature: 1, max_tokens: 9, response_format: "json_object" },
  scenarios_per_request: 3,
  fields: ["safe", "harmful"],
  examples: [],
  generation_instructions: [],
};

test("bodies of different combinations differ, so that ids need the rounds before as their sample", () => {
  const all = axes(3, 2);
  const ids = Array.from({ length: 18 }, (_, n) =>
    requestId(TASK.endpoint, requestBody(TASK, WORDS, n, combination(all, n)), timesBefore(all, n)),
  );
  expect(new Set(ids).size).toBe(18);
  expect(requestBody(TASK, WORDS, 0, combination(all, 0))).toEqual(requestBody(TASK, WORDS, 6, combination(all, 6)));
});

test("a request's values are in its prompt, after what all requests share", () => {
  const body = JSON.stringify(requestBody(TASK, WORDS, 0, { topic: "cooking", style: "formal" }));
  expect(body).toContain("keep to the following:\\n- topic: cooking\\n- style: formal\\n");
  expect(JSON.stringify(requestBody(TASK, WORDS, 0, {}))).not.toContain("keep to");
});

test("an axis from a file: a value a line, white space and empty lines aside", () => {
  expect(readAxisLines(["\uFEFFcooking", "", " travel \r", "music"])).toEqual({
    ok: true,
    value: ["cooking", "travel", "music"],
  });
  const wrong = (lines: readonly string[]) => {
    try {
      return axisOfFile("topic", "data/topics.txt", lines).values.join();
    } catch (error) {
      return error instanceof Error ? error.message : "";
    }
  };
  expect(wrong(["a", "b", "a "])).toMatch(/^data\/topics.txt:3: .*once; found "a" again \(first on line 1\)/);
  expect(wrong([" ", ""])).toMatch(/^data\/topics.txt:1: .*found no value/);
});
