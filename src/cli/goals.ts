import { resolve } from "node:path";
import type { ExportFormat } from "../config/export-formats.ts";
import type { ProjectConfig } from "../config/project-config.ts";
import { type Graph, nearestName } from "../graph/graph.ts";
import { projectPath, type TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";

/** Why `--task` names no task, or undefined. */
export function unknownTask(task: string | undefined, names: readonly string[]): Problem | undefined {
  if (task === undefined || names.includes(task)) return undefined;
  const near = nearestName(task, names);
  return {
    kind: "usage",
    where: `--task ${task}`,
    message: `there is no such task; there ${names.length === 1 ? "is" : "are"} ${names.join(", ") || "none"}.`,
    fix: near === undefined ? "Name one of these, or add config/tasks/<task>.yaml." : `Did you mean ${near}?`,
  };
}

/** The datasets of the chosen task, or of the default tasks, and the forms of them that their `exports` list. */
export function defaultGoals(task: string | undefined, config: ProjectConfig, graph: Graph): readonly TargetName[] {
  const names = task === undefined ? config.dsgen.default_tasks : [task];
  return config.tasks
    .filter(({ task_name }) => names.includes(task_name))
    .flatMap(({ task_name, output, exports }) => [
      output as TargetName,
      ...exports.formats.flatMap((format) => exportTargets(graph, format, [task_name])),
    ]);
}

/** What makes a form of the datasets of these tasks. A project's own targets need not have any. */
export function exportTargets(graph: Graph, format: ExportFormat, tasks: readonly string[]): readonly TargetName[] {
  const made = `dsgen/recipes/export-${format}`;
  return graph.targets
    .filter(({ recipe, task = "" }) => recipe === made && tasks.includes(task))
    .map(({ name }) => name);
}

/** Targets by name, or all the problems with the names. */
export function findGoals(
  names: readonly string[],
  root: string,
  cwd: string,
  graph: Graph,
): Result<readonly TargetName[], readonly Problem[]> {
  const found = names.map((name) => findGoal(name, root, cwd, graph));
  const problems = found.flatMap((goal) => (goal.ok ? [] : [goal.error]));
  return problems.length > 0 ? err(problems) : ok([...new Set(found.flatMap((goal) => (goal.ok ? [goal.value] : [])))]);
}

/** A target by name, from the project root or the current folder; the nearest is suggested. */
function findGoal(text: string, root: string, cwd: string, graph: Graph): Result<TargetName, Problem> {
  const fromHere = resolve(cwd, text).startsWith(`${root}/`) ? resolve(cwd, text).slice(root.length + 1) : undefined;
  for (const candidate of [text, fromHere]) {
    const path = candidate === undefined ? undefined : projectPath(candidate);
    if (path?.ok !== true) continue;
    const target = graph.target(path.value);
    if (target !== undefined) return ok(target.name);
    const live = graph.liveTarget(path.value);
    if (live !== undefined) return ok(live.name);
  }
  const path = projectPath(text);
  const near = graph.nearest(text);
  return err({
    kind: "usage",
    where: text,
    message: path.ok || fromHere !== undefined ? "no target makes this file." : `not a target's name: ${path.error}.`,
    fix: `${near === undefined ? "" : `Did you mean ${near}? `}\`dsgen graph\` lists the targets.`,
  });
}

/*
 * A partial build writes files of its own beside the dataset and its manifest: what is made of some of the answers never
 * takes the place of what was made of more.
 */

/** `dataset.partial.jsonl` for `dataset.jsonl`, and so for its manifest, its sources and for a report. */
export function partialName(output: string): string {
  return output.replace(/(\.manifest\.json|(?:\.report)?\.html|(?:\.sources)?\.jsonl)$/, ".partial$1");
}

/** The project as a partial build sees it. */
export function partialProject(config: ProjectConfig): ProjectConfig {
  return {
    ...config,
    partial: true,
    tasks: config.tasks.map((task) => ({ ...task, output: partialName(task.output) })),
  };
}

/** The files that a dataset target and its manifest are. */
export function datasetFiles(config: ProjectConfig): readonly string[] {
  return config.tasks.flatMap(({ output }) => [output, output.replace(/\.jsonl$/, ".manifest.json")]);
}

/** What a person who names a dataset means in a partial build; any other target is itself. */
export function partialGoal(text: string, config: ProjectConfig, root: string, cwd: string): string {
  const meant = datasetFiles(config).some((file) => file === text || resolve(root, file) === resolve(cwd, text));
  return meant ? partialName(text) : text;
}
