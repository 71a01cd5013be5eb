import { plan, type WalkReport } from "../engine/build.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { planLine } from "../report/plan.ts";
import type { PlanLine } from "../report/result-line.ts";
import type { Session } from "./session.ts";

/** A plan, in the order of the pipeline. */
export interface Planned {
  readonly lines: readonly PlanLine[];
  readonly report: WalkReport;
}

/** What `build` would do for these goals: the same walk (promise 5). */
export async function planGoals(session: Session, goals: readonly TargetName[], signal: AbortSignal): Promise<Planned> {
  const report = await plan(
    goals,
    session.engine(() => undefined, signal),
  );
  const lines: PlanLine[] = [];
  for (const target of session.graph.targets) {
    const standing = report.standings.get(target.name);
    if (standing === undefined) continue;
    const { state } = standing;
    lines.push(
      planLine(standing, state.state === "stale" ? state.reasons : state.state === "built" ? standing.reasons : []),
    );
  }
  return { lines, report };
}

/** Goals by name, or all the problems with the names; without names, the project's default goals. */
export function goalsOf(session: Session, names: readonly string[]): Result<readonly TargetName[], readonly Problem[]> {
  if (names.length === 0) return ok(session.defaultGoals());
  const goals: TargetName[] = [];
  const problems: Problem[] = [];
  for (const name of names) {
    const goal = session.goal(name);
    if (goal.ok) goals.push(goal.value);
    else problems.push(goal.error);
  }
  return problems.length > 0 ? err(problems) : ok([...new Set(goals)]);
}
