import { statSync } from "node:fs";
import { byteLines, notLinesOfText } from "../engine/file-lines.ts";
import { type Problem, ProblemError, problemOfErrno } from "../graph/problem.ts";

/** No line of a JSON Lines file that dsgen reads comes near this; what has one is another kind of file. */
const MAX_LINE = 64 * 1024 * 1024;

/** After so many lines a signal is let in. */
const BREATHE_EVERY = 1000;

/** Why a file that a person named cannot be read, or undefined when it can be tried. */
export function unreadable(path: string, shown: string): Problem | undefined {
  try {
    const status = statSync(path);
    if (status.isFile()) {
      const wrong = notLinesOfText(path);
      return wrong === undefined ? undefined : notText(`${shown}:${wrong.line}`, wrong.found);
    }
    if (!status.isDirectory()) return undefined;
    return { kind: "usage", where: shown, message: "expected a file, found a folder.", fix: "Name a file in it." };
  } catch (error) {
    return readProblem(error, shown);
  }
}

function notText(where: string, found: string): Problem {
  return {
    kind: "usage",
    where,
    message: `expected UTF-8 text with lines that end in LF or CR LF, found ${found}.`,
    fix: "Save the file as UTF-8 with LF line ends.",
  };
}

/**
 * A file's lines, a piece of it in memory at a time.
 * @throws ProblemError when the file cannot be read or has no lines
 */
export async function* readLines(path: string, shown: string): AsyncGenerator<string> {
  try {
    for (const { bytes, number } of byteLines(path, MAX_LINE)) {
      if (bytes === null) throw new ProblemError(notLines(shown));
      if (number % BREATHE_EVERY === 0) await new Promise((breathed) => setImmediate(breathed));
      yield bytes.toString("utf8");
    }
  } catch (error) {
    const problem = error instanceof ProblemError ? undefined : readProblem(error, shown);
    if (problem === undefined) throw error;
    throw new ProblemError(problem);
  }
}

function readProblem(error: unknown, shown: string): Problem | undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") {
    return {
      kind: "usage",
      where: shown,
      message: "there is no such file.",
      fix: "Check the path; it is read from the current folder.",
    };
  }
  return problemOfErrno(error, shown);
}

function notLines(shown: string): Problem {
  return {
    kind: "usage",
    where: shown,
    message: "expected JSON Lines, found a line of more than 64 MiB.",
    fix: "Name a dataset, shard, request or output file.",
  };
}
