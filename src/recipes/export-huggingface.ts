import { defineRecipe, type OutputFile } from "../engine/recipe.ts";
import { aboutFile } from "../export/about.ts";
import { type About, card, type PartFile } from "../export/card.ts";
import { croissant } from "../export/croissant.ts";
import { columnsOf, readDataset } from "../export/dataset.ts";
import { ParquetFile } from "../export/parquet.ts";
import { PARTS, partOf, type SplitConfig } from "../export/split.ts";
import { digestStream } from "../graph/digest.ts";

/** Writes a folder as the Hugging Face hub takes it: a card, a Croissant description, and the parts as Parquet. */
export default defineRecipe(async (context) => {
  const about = context.value<About>("about");
  const split = context.value<SplitConfig>("split");
  const dataset = await readDataset(context);
  const types = await columnsOf(dataset);
  const opened = PARTS.map((part, at) => {
    const out = hashed(context.output(at + 2));
    return { part, out, file: new ParquetFile(out, types, aboutFile(dataset)) };
  });
  for await (const { row, line, scenario } of dataset.rows()) {
    const part = partOf(scenario, split);
    await opened.find((of) => of.part === part)?.file.add(row, line.length);
  }
  const files: PartFile[] = [];
  for (const { part, out, file } of opened) {
    await file.end();
    const of = { part, path: `data/${part}.parquet`, rows: file.rows, bytes: file.size, sha256: out.end() };
    if (of.rows > 0) files.push(of);
  }
  await context.output(0).write(card(dataset, about, types, files));
  await context.output(1).write(croissant(dataset, about, types, files));
  context.note(Object.fromEntries(files.map(({ part, rows }) => [part, rows])));
});

/** An output, and the SHA-256 of all that was written to it. */
function hashed(out: OutputFile) {
  const hash = digestStream();
  const write = (data: string | Uint8Array) => {
    hash.update(Buffer.from(data));
    return out.write(data);
  };
  return { write, end: () => hash.end() };
}
