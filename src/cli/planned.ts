import { plan, type WalkReport } from "../engine/build.ts";
import type { Emit } from "../events/schema.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { ok, type Result } from "../graph/result.ts";
import { planLine } from "../report/plan.ts";
import type { PlanLine } from "../report/result-schema.ts";
import type { GraphSession } from "./session.ts";

/** A plan, in the order of the pipeline. */
export interface Planned {
  readonly lines: readonly PlanLine[];
  readonly report: WalkReport;
}

/** What `build` would do for these goals: the same walk (promise 5). Problems: tokenizers that are not to be had. */
export async function planGoals(
  session: GraphSession,
  goals: readonly TargetName[],
  emit: Emit,
  signal: AbortSignal,
): Promise<Result<Planned, readonly Problem[]>> {
  const options = await session.engine(goals, emit, signal);
  if (!options.ok) return options;
  const report = await plan(goals, { ...options.value, emit: () => undefined });
  const lines: PlanLine[] = [];
  for (const target of session.graph.targets) {
    const standing = report.standings.get(target.name);
    if (standing === undefined) continue;
    const { state } = standing;
    lines.push(
      planLine(standing, state.state === "stale" ? state.reasons : state.state === "built" ? standing.reasons : []),
    );
  }
  return ok({ lines, report });
}
