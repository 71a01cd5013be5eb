import type { z } from "zod";
import type { problem } from "../events/schema.ts";

/**
 * Something a person can cause, said so that they can mend it: where, what was expected, what was found, what to do.
 * `kind` is for programs (JSON events, exit codes); the rest is for the reader.
 */
export type Problem = Readonly<z.output<typeof problem>>;

export type ProblemKind = Problem["kind"];

/** Carries a Problem through code that cannot return a Result (streams, recipes). Never shown with a stack. */
export class ProblemError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(`${problem.where}: ${problem.message}${problem.fix === undefined ? "" : ` ${problem.fix}`}`);
    this.name = "ProblemError";
    this.problem = problem;
  }

  /** Known by its name: a project's module that imports `dsgen` has a class of its own. */
  static override [Symbol.hasInstance](value: unknown): value is ProblemError {
    return value instanceof Error && value.name === "ProblemError" && "problem" in value;
  }
}

/** What was thrown, in its own words. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** An operating-system error as a Problem, or undefined when it is none that a person can mend. */
export function problemOfErrno(error: unknown, where: string): Problem | undefined {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return {
        kind: "disk-full",
        where,
        message: "the disk is full.",
        fix: "Free some space and run again; nothing half-written is kept.",
      };
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return {
        kind: "permission",
        where,
        message: `no permission (${code}).`,
        fix: "Check the owner and mode of the file and its folder.",
      };
    case "EIO":
    case "EMFILE":
    case "ENFILE":
    case "EISDIR":
    case "ENOTDIR":
    case "ENAMETOOLONG":
      return { kind: "io", where, message: `the file system answered ${code}.` };
    default:
      return undefined;
  }
}
