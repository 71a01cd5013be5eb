import { createReadStream, statSync } from "node:fs";
import { notLinesOfText } from "../engine/text-file.ts";
import { type Problem, ProblemError, problemOfErrno } from "../graph/problem.ts";

/** No line of a JSON Lines file that dsgen reads comes near this; what has one is another kind of file. */
const MAX_LINE = 64 * 1024 * 1024;

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
 * A file's lines, streamed. Split at LF only: U+2028 and a lone CR are content, which readline would take for line ends.
 * @throws ProblemError when the file cannot be read or has no lines
 */
export async function* readLines(path: string, shown: string): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of createReadStream(path, { encoding: "utf8", highWaterMark: 1 << 18 })) {
      // Only what is new is looked through: a long line would be read anew with every piece of it.
      const [first = "", ...lines] = String(chunk).split("\n");
      rest += first;
      const next = lines.pop();
      if (next !== undefined) {
        lines.unshift(rest);
        rest = next;
      }
      if (rest.length > MAX_LINE) throw new ProblemError(notLines(shown));
      yield* lines;
    }
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    const problem = readProblem(error, shown);
    if (problem === undefined) throw error;
    throw new ProblemError(problem);
  }
  if (rest !== "") yield rest;
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
