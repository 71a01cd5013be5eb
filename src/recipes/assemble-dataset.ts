import type { DedupeConfig } from "../config/project-config.ts";
import { defineRecipe, type InputFile } from "../engine/recipe.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { kindOf } from "../kinds/registry.ts";
import { validEntries, validEntriesOfAll } from "../kinds/shard.ts";
import type { EntryNames } from "../tasks/candidate.ts";
import { Selection, selectScenarios } from "../tasks/select.ts";
import { addSummaries, type Counts, emptySummary, parseSummary, type ShardSummary } from "../tasks/shard-summary.ts";

/**
 * Writes the first N valid, distinct scenarios of the chosen shards, in shard order. None at all is a failure, so that an
 * earlier dataset is never replaced by an empty one; too few are what `on_short` says.
 */
export default defineRecipe(async (context) => {
  const task = context.value<string>("task");
  const names = context.value<EntryNames>("names");
  const kind = kindOf(names);
  const selection = new Selection(await kind.wanted(context), context.value<DedupeConfig>("dedupe"), names.fields);
  const rowsOf = kind.rows(context, task, names);
  const out = context.output();
  if (selection.foresees) await selection.foresee(validEntriesOfAll(context.files("shards"), names));
  const counts = { invalid: () => selection.skipInvalid(), tokens: kind.tellsTokens?.(context) ?? false };
  const shards = context.files("shards").map((file) => validEntries(file, names, counts));
  try {
    for await (const { scenarioId, line } of selectScenarios(shards, selection))
      await out.write(rowsOf(scenarioId, line));
  } finally {
    selection.close();
  }
  const summary = selection.summary();
  if (summary.taken === 0)
    throw new ProblemError(await nothingValid(task, names, context.files("shards"), context.files("summaries")));
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

/** Why there is nothing to write, from the shards' counts. */
async function nothingValid(
  task: string,
  names: EntryNames,
  shards: readonly InputFile[],
  summaries: readonly InputFile[],
): Promise<Problem> {
  let total = emptySummary();
  for (const file of summaries) total = addSummaries(total, parseSummary(file.name, await file.text()));
  const { message, fix } = shortfall(total, names, shards[0]?.name ?? "the shard");
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
  const codes = Object.entries(error_codes).map(([code, times]) => [OWN_CODES.get(code) ?? code, times]);
  const message = `none of ${responses} requests was answered${reasons(Object.fromEntries(codes))}.`;
  return { message, fix: "dsgen status says how the batches stand, dsgen plan what is not sent." };
}

/** The codes that dsgen itself gives where there is no answer, in words. */
const OWN_CODES: ReadonlyMap<string, string> = new Map([
  ["dsgen_pending", "not yet"],
  ["dsgen_unanswered", "given up"],
]);

/** `: length (8), regex (2)`, the commonest first. */
function reasons(...counts: readonly Counts[]): string {
  const sorted = counts.flatMap((some) => Object.entries(some)).sort((a, b) => b[1] - a[1]);
  return sorted.length === 0 ? "" : `: ${sorted.map(([reason, times]) => `${reason} (${times})`).join(", ")}`;
}
