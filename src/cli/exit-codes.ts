import type { BuildOutcome } from "../engine/events.ts";
import type { Problem } from "../graph/problem.ts";
import { unreachable } from "../graph/result.ts";

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
  [EXIT.waiting, "waiting on the provider, nothing failed: run again, or use --wait"],
  [EXIT.interrupted, "interrupted; remote jobs go on, the next build picks them up"],
];

export function exitCodeOfOutcome(outcome: BuildOutcome): ExitCode {
  switch (outcome) {
    case "up-to-date":
      return EXIT.upToDate;
    case "waiting":
      return EXIT.waiting;
    case "failed":
      return EXIT.failed;
    case "refused":
      return EXIT.refused;
    case "interrupted":
      return EXIT.interrupted;
    default:
      return unreachable(outcome);
  }
}

/** For problems met before anything was done: whatever they are, nothing was done. */
export function exitCodeOfOpening(problems: readonly Problem[]): ExitCode {
  if (problems.some((problem) => problem.kind === "locked")) return EXIT.locked;
  if (problems.some((problem) => problem.kind === "budget")) return EXIT.refused;
  return EXIT.usage;
}

/** For a problem that ended a command while it was at work. */
export function exitCodeOfProblem(problem: Problem): ExitCode {
  switch (problem.kind) {
    case "config":
    case "usage":
    case "graph":
    case "version":
      return EXIT.usage;
    case "locked":
      return EXIT.locked;
    case "budget":
      return EXIT.refused;
    case "missing-input":
    case "permission":
    case "disk-full":
    case "io":
    case "corrupt":
    case "tokenizer":
    case "auth":
    case "provider":
    case "recipe":
      return EXIT.failed;
    default:
      return unreachable(problem.kind);
  }
}
