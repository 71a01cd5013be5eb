import { expect, it } from "vitest";
import { ABOUT, folder, manifest } from "./hub-folder.ts";

/*
 * The card of a dataset that was paid for. What it must be is the hub's documentation, not what writes it.
 */

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
        {
          name: "at",
          struct: [
            { name: "x", dtype: "float64" },
            { name: "grid", list: { list: "int64" } },
          ],
        },
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
