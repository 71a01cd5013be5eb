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
import { addSummaries, type Counts, emptySummary, type ShardSummary } from "../tasks/shard-summary.ts";
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
  const { message, fix } = shortfall(total, names, files[0]?.name ?? "the shard");
  const kept = "Nothing was written: an earlier dataset is as it was.";
  return { kind: "recipe", where: task, message, fix: `${fix} ${kept}` };
}

/** At which step everything was left behind, and the counts of its reasons. */
function shortfall(total: ShardSummary, { kind }: EntryNames, shard: string): { message: string; fix: string } {
  const { responses, answered, candidates, failed_checks, response_problems, malformed_entries, error_codes } = total;
  if (candidates > 0) {
    const message = `none of ${candidates} candidates is valid${reasons(failed_checks)}.`;
    return { message, fix: `${shard} has every verdict. Change the checks or the prompt.` };
  }
  if (answered > 0) {
    const message = `none of ${answered} answers held any ${kind}${reasons(response_problems, malformed_entries)}.`;
    return { message, fix: "batch_outputs/ has the answers. Change the prompt, or how its answers are to look." };
  }
  const message = `none of ${responses} requests was answered${reasons(error_codes)}.`;
  return { message, fix: "dsgen status says how the batches stand." };
}

/** `: length (8), regex (2)`, the commonest first. */
function reasons(...counts: readonly Counts[]): string {
  const sorted = counts.flatMap((some) => Object.entries(some)).sort((a, b) => b[1] - a[1]);
  return sorted.length === 0 ? "" : `: ${sorted.map(([reason, times]) => `${reason} (${times})`).join(", ")}`;
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
