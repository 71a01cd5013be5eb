import { defineRecipe } from "../engine/recipe.ts";
import { aboutFile } from "../export/about.ts";
import { columnsOf, readDataset } from "../export/dataset.ts";
import { ParquetFile } from "../export/parquet.ts";

/** Writes a dataset's rows as one Parquet file. */
export default defineRecipe(async (context) => {
  const dataset = await readDataset(context);
  const types = await columnsOf(dataset);
  const file = new ParquetFile(context.output(), types, aboutFile(dataset));
  for await (const { row, line } of dataset.rows()) await file.add(row, line.length);
  await file.end();
  context.note({ rows: file.rows, columns: types.size });
});
