import { defineRecipe } from "../engine/recipe.ts";
import { readDataset } from "../export/dataset.ts";
import { PARTS, partOf, type SplitConfig } from "../export/split.ts";

/** Writes a dataset's rows to three files, by scenario: for training, validation and test. */
export default defineRecipe(async (context) => {
  const split = context.value<SplitConfig>("split");
  const outs = { train: context.output(0), validation: context.output(1), test: context.output(2) };
  const rows = { train: 0, validation: 0, test: 0 };
  for (const part of PARTS) await outs[part].write("");
  for await (const { line, scenario } of (await readDataset(context)).rows()) {
    const part = partOf(scenario, split);
    rows[part]++;
    await outs[part].write(`${line}\n`);
  }
  context.note(rows);
});
