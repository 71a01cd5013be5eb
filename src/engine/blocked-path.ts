import { lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type Problem, ProblemError, problemOfErrno } from "../graph/problem.ts";

/**
 * A system error as a Problem, or undefined when it is none that a person can mend. Where a file lies in the place of a
 * folder, or a folder in the place of a file, it names that very path: the system names the one that was asked for.
 */
export function problemOfSystem(error: unknown, where: string): Problem | undefined {
  return blocked(error, where) ?? problemOfErrno(error, where);
}

/** An expected failure as a Problem; a bug is thrown on. */
export function expected(error: unknown, where: string): Problem {
  if (error instanceof ProblemError) return error.problem;
  const problem = problemOfSystem(error, where);
  if (problem === undefined) throw error;
  return problem;
}

function blocked(error: unknown, where: string): Problem | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const { code } = error;
  const syscall = "syscall" in error ? error.syscall : undefined;
  // What is moved or copied goes to `dest`; a call that takes one path has only `path`.
  const path = "dest" in error ? error.dest : "path" in error ? error.path : undefined;
  if (typeof path !== "string") return undefined;
  const wanted =
    code === "ENOTDIR" || (code === "EEXIST" && syscall === "mkdir") || (code === "ENOENT" && syscall === "mkdir");
  if (wanted) {
    const found = inTheWay(path);
    if (found === undefined) return undefined;
    return problem(shortened(found.path, path, where), `${found.what}, and a folder is needed there`);
  }
  // Reading a folder as a file says EISDIR too, by another call.
  const writes = syscall === "rename" || syscall === "copyfile" || syscall === "open";
  if (code === "EISDIR" && writes)
    return problem(shortened(path, path, where), "it is a folder, and a file is to be written there");
  return undefined;
}

/** Named from where the caller names it: a path in the project from the project's root. */
function shortened(found: string, asked: string, where: string): string {
  const root = asked.endsWith(`/${where}`) ? asked.slice(0, -where.length) : "";
  return found.startsWith(root) ? found.slice(root.length) : found;
}

function problem(path: string, message: string): Problem {
  return { kind: "io", where: path, message: `${message}.`, fix: "Move it away or remove it, and run again." };
}

/** The uppermost part of a path that is there and is no folder. */
function inTheWay(path: string): { readonly path: string; readonly what: string } | undefined {
  const parents: string[] = [];
  for (let at = path; !parents.includes(at); at = dirname(at)) parents.unshift(at);
  try {
    for (const parent of parents) {
      const link = lstatSync(parent, { throwIfNoEntry: false });
      if (link === undefined) return undefined;
      const target = statSync(parent, { throwIfNoEntry: false });
      if (target === undefined) return { path: parent, what: "it is a symbolic link that leads to nothing" };
      if (!target.isDirectory()) return { path: parent, what: "it is a file" };
    }
  } catch {
    // A folder that may not be looked into; the system's own words are left to be told.
  }
  return undefined;
}
