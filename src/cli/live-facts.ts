import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TargetName } from "../graph/names.ts";
import type { YieldSoFar } from "../report/expected-end.ts";
import { parseSummary } from "../tasks/shard-summary.ts";
import type { GraphSession } from "./session.ts";

/** How long the batches took that are over, as far as dsgen has seen, in milliseconds. */
export function batchDurations(session: GraphSession): readonly number[] {
  return session.answers
    .jobs()
    .flatMap(({ mark, since, until }) => (mark === "done" && until !== null ? [until - since] : []));
}

/** What these shards hold, of the tasks of these goals; undefined while there is none. */
export function yieldOf(
  session: GraphSession,
  goals: readonly TargetName[],
  made: ReadonlySet<string>,
): YieldSoFar | undefined {
  const tasks = new Set(goals.map((goal) => session.graph.target(goal)?.task));
  let [valid, wanted, shards, of] = [0, 0, 0, 0];
  for (const { task_name, target_scenarios, batches } of session.config.tasks) {
    if (!tasks.has(task_name)) continue;
    wanted += target_scenarios;
    of += batches;
    for (const { task, outputs } of session.graph.targets) {
      const summary = outputs.find((name) => name.endsWith(".summary.json"));
      if (task !== task_name || summary === undefined || !outputs.some((name) => made.has(name))) continue;
      const found = validIn(session, summary);
      if (found === undefined) continue;
      shards++;
      valid += found;
    }
  }
  return shards === 0 ? undefined : { valid, wanted, shards, of: Math.max(of, shards) };
}

/** Undefined for a shard that is not there, or that is just being written. */
function validIn(session: GraphSession, summary: TargetName): number | undefined {
  try {
    return parseSummary(summary, readFileSync(join(session.projectRoot, summary), "utf8")).valid;
  } catch {
    return undefined;
  }
}
