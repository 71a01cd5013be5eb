import { defineRecipe } from "../engine/recipe.ts";
import { csvLine } from "../export/csv.ts";
import { columnsOf, readDataset } from "../export/dataset.ts";

/** Writes a dataset's rows as CSV. */
export default defineRecipe(async (context) => {
  const dataset = await readDataset(context);
  const names = [...(await columnsOf(dataset)).keys()];
  const out = context.output();
  await out.write(csvLine(names));
  let rows = 0;
  for await (const { row } of dataset.rows()) {
    await out.write(csvLine(names.map((name) => row[name] ?? null)));
    rows++;
  }
  context.note({ rows, columns: names.length });
});
