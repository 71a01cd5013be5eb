import { defineRecipe } from "../engine/recipe.ts";
import { ProblemError } from "../graph/problem.ts";
import type { PairNames } from "../tasks/candidate.ts";
import type { DedupeBy } from "../tasks/dedupe.ts";
import { datasetRows } from "../tasks/rows.ts";
import { Selection, selectScenarios } from "../tasks/select.ts";
import { readShard } from "../tasks/shard.ts";
import type { Variant } from "../tokenizers/pair-rule.ts";

/** Writes the first N valid, distinct scenarios of the chosen shards, in shard order. */
export default defineRecipe(async (context) => {
  const task = context.value<string>("task");
  const pair = context.value<PairNames>("pair");
  const variants = context.value<readonly Variant[]>("templates");
  const selection = new Selection(
    context.value<number>("target_scenarios"),
    context.value<{ by: DedupeBy }>("dedupe").by,
  );
  const out = context.output();
  const shards = context.files("shards").map((file) => readShard(file.lines(), file.name, pair));
  for await (const { scenarioId, line } of selectScenarios(shards, selection)) {
    await out.write(datasetRows(scenarioId, task, line, variants));
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
