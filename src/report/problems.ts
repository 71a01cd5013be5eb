import type { BuildEvent } from "../events/schema.ts";
import type { Problem } from "../graph/problem.ts";
import { grouped } from "./format.ts";
import { PLAIN_STYLE, type Style } from "./style.ts";
import { oneLine, setIn } from "./visible.ts";

/**
 * Problems as a person reads them, never with a stack:
 *
 *     error: config/tasks/refusal.yaml:12:3: expected …, found ….
 *       → what to do
 *
 * The same problem is said once, however many targets share it.
 */
export function problemsText(problems: readonly Problem[], style: Style = PLAIN_STYLE): string {
  return groupProblems(problems)
    .map((group) => problemText(group, style))
    .join("");
}

/** One problem, and all the places it was met in. */
export interface ProblemGroup {
  readonly problem: Problem;
  readonly where: readonly string[];
}

/** Groups what differs in nothing but the place, in order of first appearance. */
export function groupProblems(problems: readonly Problem[]): readonly ProblemGroup[] {
  return [...grouped(problems, problemKey).values()].map((group) => ({
    problem: group[0],
    where: [...new Set(group.map(({ where }) => where))],
  }));
}

/** Equal for problems that say the same of different places. */
export function problemKey(problem: Problem): string {
  return JSON.stringify([problem.kind, problem.message, problem.fix ?? null]);
}

function problemText({ problem, where }: ProblemGroup, style: Style): string {
  const first = oneLine(where[0] ?? "");
  const more = where.length - 1;
  const place = more > 0 ? `${first} (and ${more} more)` : first;
  const head = `${style.red("error:")} ${style.bold(`${place}:`)} ${setIn(problem.message)}\n`;
  return problem.fix === undefined ? head : `${head}  ${style.cyan(style.marks.arrow)} ${setIn(problem.fix)}\n`;
}

/** A problem that failed nothing, as a warning on one line. */
export function warningOf({ where, message, fix }: Problem, code: string): BuildEvent {
  return {
    type: "notice",
    level: "warning",
    code,
    message: `${where}: ${message}${fix === undefined ? "" : ` ${fix}`}`,
  };
}
