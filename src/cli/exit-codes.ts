import type { BuildOutcome } from "../engine/events.ts";
import type { Problem, ProblemKind } from "../graph/problem.ts";

/** What an invocation ends with. Scripts hang on these numbers: they do not change. */
export const EXIT = {
  upToDate: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  locked: 9,
  bug: 70,
  waiting: 75,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What each code means, for `--help` and the docs. */
export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.upToDate, "every requested target is up to date"],
  [EXIT.failed, "a target failed"],
  [EXIT.usage, "usage or configuration error; nothing was done"],
  [EXIT.refused, "refused: it would pass the budget"],
  [EXIT.locked, "another build holds the lock"],
  [EXIT.bug, "a bug in dsgen"],
  [EXIT.waiting, "waiting on provider or cluster, nothing failed: run again, or use --wait"],
  [EXIT.interrupted, "interrupted; remote jobs go on, the next build picks them up"],
];

export const EXIT_OF_OUTCOME: Readonly<Record<BuildOutcome, ExitCode>> = {
  "up-to-date": EXIT.upToDate,
  waiting: EXIT.waiting,
  failed: EXIT.failed,
  refused: EXIT.refused,
  interrupted: EXIT.interrupted,
};

/** For problems met before anything was done: whatever they are, nothing was done. */
export function exitCodeOfOpening(problems: readonly Problem[]): ExitCode {
  if (problems.some((problem) => problem.kind === "locked")) return EXIT.locked;
  if (problems.some((problem) => problem.kind === "budget")) return EXIT.refused;
  return EXIT.usage;
}

const OTHER_THAN_FAILED: Readonly<Partial<Record<ProblemKind, ExitCode>>> = {
  config: EXIT.usage,
  usage: EXIT.usage,
  graph: EXIT.usage,
  version: EXIT.usage,
  locked: EXIT.locked,
  budget: EXIT.refused,
};

/** For a problem that ended a command while it was at work. */
export function exitCodeOfProblem(problem: Problem): ExitCode {
  return OTHER_THAN_FAILED[problem.kind] ?? EXIT.failed;
}
