import type { DedupeConfig, RowConfig } from "../config/project-config.ts";
import { defineRecipe } from "../engine/recipe.ts";
import { ProblemError } from "../graph/problem.ts";
import { unreachable } from "../graph/result.ts";
import { type EntryNames, pairOfTexts } from "../tasks/candidate.ts";
import { embeddingRow, readTexts } from "../tasks/embeddings.ts";
import { recordRows } from "../tasks/record-rows.ts";
import { datasetRows } from "../tasks/rows.ts";
import { type SelectedScenario, Selection, selectScenarios } from "../tasks/select.ts";
import { readShard } from "../tasks/shard.ts";
import type { Variant } from "../tokenizers/pair-rule.ts";

/** How a scenario becomes rows: a pair by templates, a record by row templates. */
type Rendering = { readonly templates: readonly Variant[]; readonly rows: readonly RowConfig[] };

/** Writes the first N valid, distinct scenarios of the chosen shards, in shard order. */
export default defineRecipe(async (context) => {
  const task = context.value<string>("task");
  const names = context.value<EntryNames>("names");
  const rendering = context.value<Rendering>("rendering");
  // Every text is embedded, however many there are.
  const target =
    names.kind === "embeddings"
      ? readTexts(await context.file("inputs").text()).length
      : context.value<number>("target_scenarios");
  const selection = new Selection(target, context.value<DedupeConfig>("dedupe"), names.fields);
  const out = context.output();
  const shards = context.files("shards").map((file) => readShard(file.lines(), file.name, names));
  for await (const scenario of selectScenarios(shards, selection)) {
    await out.write(rowsOf(scenario, task, names, rendering));
  }
  const summary = selection.summary();
  if (summary.short_by > 0 && context.value<string>("on_short") === "fail") {
    throw new ProblemError({
      kind: "recipe",
      where: task,
      message: `the dataset is short by ${summary.short_by} of ${summary.target} scenarios, with every allowed batch used.`,
      fix: "Raise max_batches, lower target_scenarios, or set on_short: report to take what there is.",
    });
  }
  context.note(summary);
});

function rowsOf({ scenarioId, line }: SelectedScenario, task: string, names: EntryNames, how: Rendering): string {
  switch (names.kind) {
    case "pairs":
      return datasetRows(scenarioId, task, pairOfTexts(line.texts), how.templates);
    case "records": {
      const fields = Object.fromEntries(names.fields.map((field, at) => [field, line.texts[at] ?? ""]));
      return recordRows({ recordId: scenarioId, task, fields }, how.rows);
    }
    case "embeddings": {
      if (line.embedding === undefined) throw new Error("a line of embeddings was read without one");
      return embeddingRow(line.embedding.index, line.texts[0] ?? "", line.embedding.vector);
    }
    default:
      return unreachable(names.kind);
  }
}
