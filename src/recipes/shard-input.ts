import type { InputFile } from "../engine/recipe.ts";
import { ProblemError } from "../graph/problem.ts";
import { readSummary, type ShardSummary } from "../tasks/shard-summary.ts";

/** The counts beside a shard. Throws a `ProblemError` when the file holds something else. */
export async function summaryOf(file: InputFile): Promise<ShardSummary> {
  const summary = readSummary(JSON.parse(await file.text()));
  if (summary.ok) return summary.value;
  throw new ProblemError({
    kind: "corrupt",
    where: file.name,
    message: `${summary.error}.`,
    fix: "Build it again; it costs nothing.",
  });
}
