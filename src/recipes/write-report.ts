import { defineRecipe } from "../engine/recipe.ts";
import { ProblemError } from "../graph/problem.ts";
import { page } from "../page/page.ts";
import { Sample, sampleRows } from "../page/sample.ts";
import { type ReportTask, readTask } from "../page/task-data.ts";
import type { GraphLine } from "../report/result-schema.ts";
import { type EncoderSpec, loadEncoders } from "../tokenizers/encoder.ts";

/** Bytes of all samples together: with the rest, a page stays below 3 MB. */
const SAMPLE_BYTES = 1_500_000;

/** Writes a page about some tasks: all in one file, which asks nothing of a network. */
export default defineRecipe(async (context) => {
  const tasks = context.value<readonly ReportTask[]>("tasks");
  const parts = [];
  for (const task of tasks) {
    const sample = new Sample();
    const data = await readTask(context, task, sample.see);
    const specs = await Promise.all(
      Object.keys(data.manifest.tokenizers).map((name) => context.tool<EncoderSpec>(`tokenizer ${name}`)),
    );
    const encoders = await loadEncoders(task.variants.length === 0 ? [] : specs);
    if (!encoders.ok) throw new ProblemError(encoders.error);
    parts.push({ data, rows: sampleRows(sample.lines(), task, encoders.value, SAMPLE_BYTES / tasks.length) });
  }
  const text = await page(parts, await context.tool<readonly GraphLine[]>("graph"));
  await context.output().write(text);
  context.note({ tasks: tasks.length, bytes: Buffer.byteLength(text) });
});
