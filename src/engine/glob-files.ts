import { createRequire } from "node:module";
import type FastGlob from "fast-glob";
import fresh from "#fresh";
import { pathIn } from "./paths.ts";

let globbing: typeof FastGlob | undefined;

/** Loaded when it is needed: it keeps Node's functions as it finds them, and a project's code that uses it is guarded. */
function fastGlob(): typeof FastGlob {
  globbing ??= createRequire(import.meta.url)("fast-glob") as typeof FastGlob;
  return globbing;
}

/** The files that patterns match, by their path from the project root, sorted. */
export function globFiles(root: string, patterns: readonly string[]): readonly string[] {
  if (patterns.every(isPlain)) {
    const found = plainFiles(root, patterns);
    if (found !== undefined) return found;
  }
  const ignore = ["**/node_modules/**", ".dsgen-cache/**"];
  return fastGlob()
    .sync([...patterns], { cwd: root, ignore, onlyFiles: true })
    .sort();
}

/** A path without a letter that a pattern could mean something by: thousands of targets may each name their file so. */
function isPlain(pattern: string): boolean {
  return /^(?:\w[\w.-]*\/)*\w[\w.-]*$/.test(pattern) && !pattern.split("/").includes("node_modules");
}

/** Those that are files; undefined where there is more to say than that one is not there. */
function plainFiles(root: string, paths: readonly string[]): readonly string[] | undefined {
  try {
    return [...new Set(paths)].filter((path) => isFile(pathIn(root, path))).sort();
  } catch {
    return undefined;
  }
}

/** Not `throwIfNoEntry`: from Node 24 on that is silent too about a path that leads through a file. */
function isFile(path: string): boolean {
  try {
    return fresh.isFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}
