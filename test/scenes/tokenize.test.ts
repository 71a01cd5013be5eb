import { afterAll, beforeAll, expect, it } from "vitest";
import { isJsonObject, type JsonObject } from "../../src/graph/json.ts";
import { runDsgen, type SceneProject } from "./support/project.ts";
import { jsonLines, SMALL, shippedProject, write } from "./support/shipped.ts";

/*
 * `dsgen tokenize`: texts and rows as tokens. Nothing is built, asked or kept for it.
 */

let project: SceneProject;
beforeAll(() => {
  project = shippedProject();
  const row = (id: number, type: string, text: string) =>
    `${JSON.stringify({ scenario_id: id, type: `plain_${type}`, task: "refusal", text })}\n`;
  write(
    project,
    "d.jsonl",
    row(0, "prompt", "Help me make a cake.") +
      row(0, "counterfactual", "Help me make a bomb.") +
      row(7, "prompt", "One\n\u001b[2J two") +
      row(7, "counterfactual", "One\n\u001b[2J three and more") +
      row(8, "prompt", "half \ud800") +
      row(8, "counterfactual", "half"),
  );
  write(project, "s.jsonl", '{"valid": true, "pair": {"safe": "a", "harmful": "b"}, "failed": []}\n');
  write(project, "r.jsonl", '{"record_id": 0, "task": "quiz", "question": "Why?"}\n');
});
afterAll(() => project.remove());

const tokenize = (...args: readonly string[]) => runDsgen(project, ["tokenize", ...args]);
const idsOf = (line: JsonObject, member: string) =>
  Array.isArray(line[member]) ? line[member].filter(isJsonObject).map(({ id }) => id) : [];

it("a text under every tokenizer of the project, with ids, texts and places", async () => {
  const text = "Möbius\tand\u001b[31m \u202e";
  const shown = await tokenize(text);
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(/^qwen {2}\d+ tokens$/m);
  expect(shown.stdout).toMatch(/^solar {2}\d+ tokens$/m);
  expect(shown.stdout).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
  expect(shown.stdout).toContain("\\t");
  expect(shown.stdout).toContain("\\u001b");
  const lines = jsonLines((await tokenize(text, "--json")).stdout);
  expect(lines.map(({ tokenizer }) => tokenizer)).toEqual(["qwen", "llama", "solar"]);
  for (const line of lines) {
    expect(line).toMatchObject({ type: "tokens", of: text, variant: null, second: null, different: null });
    expect(idsOf(line, "first")).toHaveLength(Number(line["firstTokens"]));
    const first = Array.isArray(line["first"]) ? line["first"].filter(isJsonObject) : [];
    expect(
      first
        .map((token) => token["text"])
        .join("")
        .trimStart()
        .startsWith("Möbius\tand\u001b[31m"),
    ).toBe(true);
    expect(first[0]?.["start"]).toBe(0);
  }
});

it("a scenario's rows, by its number, under the tokenizers that are asked for, once each", async () => {
  const shown = await tokenize("d.jsonl#0", "--tokenizer", "qwen", "--tokenizer", "qwen");
  expect(shown.stdout).toBe(
    [
      "plain  qwen  6 tokens, 1 differs at 4",
      "  [Help][ me][ make][ a][ cake][.]",
      "  [Help][ me][ make][ a][ bomb][.]",
      `${" ".repeat(24)}^^^^^^^`,
      "",
    ].join("\n"),
  );
  const [line = {}] = jsonLines((await tokenize("d.jsonl#7", "--tokenizer", "llama", "--json")).stdout);
  expect(line).toMatchObject({ of: "d.jsonl#7", variant: "plain", tokenizer: "llama", different: null });
  expect(Number(line["secondTokens"])).toBeGreaterThan(Number(line["firstTokens"]));
});

it("two texts are compared as a pair is", async () => {
  const [line = {}] = jsonLines((await tokenize("a cake", "a bomb", "--tokenizer", "llama", "--json")).stdout);
  expect(line["different"]).toEqual([1]);
  expect(idsOf(line, "first")[0]).toBe(idsOf(line, "second")[0]);
});

it.each([
  ["a file that is not there", ["nothing.jsonl#3"], /nothing\.jsonl: there is no such file/],
  ["a scenario that is not there", ["d.jsonl#1"], /d\.jsonl#1: .*no scenario 1.*has 3/],
  ["a dataset without pairs", ["r.jsonl#0"], /r\.jsonl: expected a dataset of pairs/],
  ["a shard", ["s.jsonl#1"], /s\.jsonl: .*found a shard.*\n.*explain FILE#N --verbose/s],
  ["half a character", ["d.jsonl#8"], /d\.jsonl#8, plain: .*ill-formed-text/],
  ["a third text", ["d.jsonl#0", "more"], /d\.jsonl#0: a scenario has both/],
  ["an unknown tokenizer", ["a", "--tokenizer", "qwn"], /qwn.*\n.*qwen/s],
  ["an unknown task", ["a", "--task", "refusel"], /refusel.*\n.*refusal/s],
])("%s is told, with what to do", async (_what, args, expected) => {
  const ran = await tokenize(...args);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toMatch(expected);
  expect(ran.stdout).toBe("");
});

it("rows that were asked to say where they differ say what tokenize sees, and asking for it sends and validates nothing", async () => {
  const built = shippedProject({ ...SMALL, targetScenarios: 3, tokenizers: ["qwen", "solar"] });
  try {
    expect((await runDsgen(built, ["build", "--wait"])).code).toBe(0);
    const plain = built.read("dataset.jsonl");
    const set = ["--set", "refusal.rows.token_positions=true"];
    const again = await runDsgen(built, ["build", "--verbose", "--json", ...set]);
    expect(again.code).toBe(0);
    const events = jsonLines(again.stdout);
    const states = events.filter(({ type }) => type === "target");
    const made = states.filter(({ state }) => isJsonObject(state) && state["state"] === "built");
    expect(made.map(({ target }) => target).sort()).toEqual([
      ...["dataset.jsonl", "dataset.manifest.json", "validated/refusal/dataset.sources.jsonl"],
    ]);
    const rows = jsonLines(built.read("dataset.jsonl"));
    expect(rows.map(({ token_positions: _, ...row }) => row)).toEqual(jsonLines(plain));
    const seen = jsonLines((await runDsgen(built, ["tokenize", "dataset.jsonl#1", "--json"])).stdout);
    expect(seen).toHaveLength(4);
    for (const { variant, tokenizer, firstTokens, different } of seen) {
      const row = rows.find((one) => one["scenario_id"] === 1 && one["type"] === `${String(variant)}_prompt`);
      const position = Array.isArray(different) ? different[0] : undefined;
      expect(row?.["token_positions"]).toMatchObject({ [String(tokenizer)]: { tokens: firstTokens, position } });
    }
    expect((await runDsgen(built, ["validate", "dataset.jsonl"])).code).toBe(0);
    expect((await runDsgen(built, ["build"])).code).toBe(0);
    expect(built.read("dataset.jsonl")).toBe(plain);
  } finally {
    built.remove();
  }
});
