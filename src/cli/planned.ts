import type { EngineOptions, WalkReport } from "../engine/build.ts";
import { plan } from "../engine/build.ts";
import { Graph } from "../graph/graph.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { StaleReason } from "../graph/state.ts";
import { planLine } from "../report/plan.ts";
import type { PlanLine } from "../report/result-line.ts";
import type { Session } from "./session.ts";

/** A plan, in the order of the pipeline. */
export interface Planned {
  readonly lines: readonly PlanLine[];
  readonly report: WalkReport;
}

/**
 * What `build` would do for these goals: the same walk (promise 5). Targets that the plan makes in a scratch folder come
 * out of it as built, without saying why they are made; a second walk that makes nothing knows.
 */
export async function planGoals(session: Session, goals: readonly TargetName[], signal: AbortSignal): Promise<Planned> {
  const options = session.engine(() => undefined, signal);
  const report = await plan(goals, options);
  const made = [...report.standings.values()].some((standing) => standing.state.state === "built");
  const reasons = made ? await reasonsOfMade(goals, options) : new Map<TargetName, readonly StaleReason[]>();
  const lines: PlanLine[] = [];
  for (const target of session.graph.targets) {
    const standing = report.standings.get(target.name);
    if (standing === undefined) continue;
    const own = standing.state.state === "stale" ? standing.state.reasons : undefined;
    const known = own ?? (standing.state.state === "built" ? reasons.get(target.name) : undefined);
    lines.push(planLine(standing, known ?? []));
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

async function reasonsOfMade(
  goals: readonly TargetName[],
  options: EngineOptions,
): Promise<ReadonlyMap<TargetName, readonly StaleReason[]>> {
  const { sources } = options;
  const targets = sources.graph.targets.map(({ evaluateInPlan: _, ...target }) => target);
  const graph = Graph.build({ targets, live: sources.graph.live });
  if (!graph.ok) throw new Error("a checked graph does not check again");
  const report = await plan(goals, { ...options, sources: { ...sources, graph: graph.value } });
  const reasons = new Map<TargetName, readonly StaleReason[]>();
  for (const [name, { state }] of report.standings) if (state.state === "stale") reasons.set(name, state.reasons);
  return reasons;
}
