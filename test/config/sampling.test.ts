import { afterAll, describe, expect, test } from "vitest";
import { complaints, loaded, project, removeProjects, TASK } from "./fixture.ts";

/* What a model takes of `sampling`, by models.yaml: what the provider will refuse is refused where it is written. */

afterAll(removeProjects);

const MODELS = `models:
  gpt-4o: { input_usd_per_mtok: 2.5, output_usd_per_mtok: 10, takes: { reasoning_effort: false } }
  gpt-5:
    input_usd_per_mtok: 1.25
    output_usd_per_mtok: 10
    takes: { max_tokens: false, temperature: [1], top_p: false, reasoning_effort: [minimal, low] }
  local: { input_usd_per_mtok: 0, output_usd_per_mtok: 0, takes: { max_completion_tokens: false } }
`;

function asking(model: string, sampling: string, ...lines: readonly string[]): string {
  const text = TASK.replace("model: gpt-4o", `model: ${model}`).replace(/^sampling: .*$/m, `sampling: ${sampling}`);
  return project({ "models.yaml": MODELS, "tasks/tiny.yaml": text + lines.map((line) => `${line}\n`).join("") });
}

const HERE = "config/tasks/tiny.yaml:4";

describe("refused, with the place and the correction", () => {
  test.each<[string, string, string, readonly string[]]>([
    [
      "max_tokens by a model that reasons",
      "gpt-5",
      "{ max_tokens: 100 }",
      [
        `${HERE}:13: \`sampling.max_tokens\` must not be given with gpt-5, which refuses it; found 100. Write \`max_completion_tokens: 100\` (reasoning counts too: allow for it), or correct \`takes\` of gpt-5 in models.yaml if that is no longer so.`,
      ],
    ],
    [
      "a temperature of its own",
      "gpt-5",
      "{ temperature: 0.8, max_completion_tokens: 100 }",
      [
        `${HERE}:26: \`sampling.temperature\` must be 1 with gpt-5, which refuses others; found 0.8. Leave it out, or write \`temperature: 1\`, or correct \`takes\` of gpt-5 in models.yaml if that is no longer so.`,
      ],
    ],
    [
      "everything at once, under a dated name",
      "gpt-5-2025-08-07",
      "{ temperature: 0, top_p: 1, max_tokens: 9, reasoning_effort: high }",
      [
        expect.stringContaining(`${HERE}:26: \`sampling.temperature\` must be 1 with gpt-5-2025-08-07`),
        expect.stringContaining(`${HERE}:29: \`sampling.top_p\` must not be given with gpt-5-2025-08-07`),
        expect.stringContaining(`${HERE}:39: \`sampling.max_tokens\` must not be given`),
        expect.stringContaining(
          `${HERE}:72: \`sampling.reasoning_effort\` must be one of "minimal", "low" with gpt-5-2025-08-07, which refuses others; found "high".`,
        ),
      ],
    ],
    [
      "an effort by a model that does not reason",
      "gpt-4o",
      "{ max_tokens: 9, reasoning_effort: low }",
      [expect.stringContaining(`${HERE}:28: \`sampling.reasoning_effort\` must not be given with gpt-4o`)],
    ],
    [
      "the newer name of the limit by a server that knows the older one",
      "local",
      "{ max_completion_tokens: 9 }",
      [expect.stringContaining("Write `max_tokens: 9`, or correct")],
    ],
    [
      "two names for one limit, by any model",
      "unheard-of",
      "{ max_tokens: 9, max_completion_tokens: 9 }",
      [expect.stringContaining(`${HERE}:28: \`sampling\` must have one of max_tokens and max_completion_tokens`)],
    ],
  ])("%s", (_what, model, sampling, expected) => {
    expect(complaints(asking(model, sampling))).toEqual(expected);
  });

  test("a --set that changes the model is held to the same", () => {
    expect(complaints(asking("gpt-4o", "{ max_tokens: 9 }"), ["tiny.model=gpt-5"])).toEqual([
      expect.stringContaining(`${HERE}:13: \`sampling.max_tokens\` must not be given with gpt-5`),
    ]);
  });
});

describe("taken", () => {
  test.each<[string, string, string, readonly string[]]>([
    ["what the list has", "gpt-5", "{ temperature: 1, max_completion_tokens: 9, reasoning_effort: low }", []],
    ["nothing at all: every key may be left out", "gpt-5", "{}", []],
    ["anything by a model of which nothing is known", "unheard-of", "{ temperature: 0, reasoning_effort: high }", []],
    ["a key of which nothing is said", "gpt-5", "{ seed: 1 }", []],
    [
      "either name of the limit by /v1/responses, which has one of its own",
      "gpt-5",
      "{ max_tokens: 9 }",
      ["endpoint: /v1/responses"],
    ],
  ])("%s", (_what, model, sampling, lines) => {
    expect(complaints(asking(model, sampling, ...lines))).toEqual([]);
  });

  test("what is left out stays absent, so that it is not sent", () => {
    expect(loaded(asking("gpt-5", "{}")).tasks[0]?.sampling).toEqual({ response_format: "json_object" });
  });

  test("what a model takes is no part of what its prices are: a manifest does not change with a claim", () => {
    expect(loaded(asking("gpt-5", "{}")).models["gpt-5"]).toEqual({
      input_usd_per_mtok: 1.25,
      cached_input_usd_per_mtok: null,
      output_usd_per_mtok: 10,
      batch_discount: 0.5,
      encoding: null,
      enqueued_token_limit: null,
      context_window: null,
    });
  });
});
