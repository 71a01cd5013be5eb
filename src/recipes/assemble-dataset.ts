import type { DedupeConfig, RowConfig } from "../config/project-config.ts";
import { defineRecipe, type InputFile } from "../engine/recipe.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { unreachable } from "../graph/result.ts";
import { type EntryNames, pairOfTexts } from "../tasks/candidate.ts";
import { embeddingRow, readTexts } from "../tasks/embeddings.ts";
import { recordRows } from "../tasks/record-rows.ts";
import { datasetRows } from "../tasks/rows.ts";
import { type SelectedScenario, Selection, selectScenarios } from "../tasks/select.ts";
import { readShard } from "../tasks/shard.ts";
import { addSummaries, emptySummary } from "../tasks/shard-summary.ts";
import type { Variant } from "../tokenizers/pair-rule.ts";
import { summaryOf } from "./shard-input.ts";

/** How a scenario becomes rows: a pair by templates, a record by row templates. */
type Rendering = { readonly templates: readonly Variant[]; readonly rows: readonly RowConfig[] };

/**
 * Writes the first N valid, distinct scenarios of the chosen shards, in shard order. None at all is a failure, so that an
 * earlier dataset is never replaced by an empty one; too few are what `on_short` says.
 */
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
  const files = context.files("shards");
  const shards = files.filter((_, at) => at % 2 === 0).map((file) => readShard(file.lines(), file.name, names));
  for await (const scenario of selectScenarios(shards, selection)) {
    await out.write(rowsOf(scenario, task, names, rendering));
  }
  const summary = selection.summary();
  if (summary.taken === 0) throw new ProblemError(await nothingValid(task, names, files));
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

/** Why there is nothing to write. `files` are the shards, each followed by its counts. */
async function nothingValid(task: string, names: EntryNames, files: readonly InputFile[]): Promise<Problem> {
  let total = emptySummary();
  for (const file of files.filter((_, at) => at % 2 === 1)) total = addSummaries(total, await summaryOf(file));
  const { answered, candidates, failed_checks, response_problems, malformed_entries } = total;
  const of = candidates > 0 ? `${candidates} candidates` : `${answered} answers`;
  const is = candidates > 0 ? "is valid" : `held any ${names.kind}`;
  const reasons = candidates > 0 ? [failed_checks] : [response_problems, malformed_entries];
  const commonest = reasons.flatMap((counts) => Object.entries(counts)).sort((a, b) => b[1] - a[1]);
  const why = commonest.map(([reason, times]) => `${reason} (${times})`).join(", ");
  return {
    kind: "recipe",
    where: task,
    message: `none of ${of} ${is}${why === "" ? "" : `: ${why}`}.`,
    fix: `${files[0]?.name ?? "The validated shard"} has every verdict and where it came from. Change the checks or the prompt. Nothing was written: an earlier dataset is as it was.`,
  };
}

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
