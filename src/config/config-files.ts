import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type Problem, problemOfErrno } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";

/*
 * Which files make up a configuration. Reads names only and loads neither yaml nor zod, so that a null build can ask
 * whether anything was added without parsing.
 */

/** Files of fixed name, in the order in which they are read. */
export const SINGLE_FILES = ["dsgen.yaml", "models.yaml", "tokenizers.yaml"] as const;

/** The folder, inside the config folder, that holds one file a task. */
export const TASKS_FOLDER = "tasks";

/** Where a project was found. Both paths are absolute. */
export type ProjectFolders = { readonly root: string; readonly configDir: string };

/**
 * The absolute paths of the files that make up a configuration: those of `SINGLE_FILES` that exist, then the task files
 * by name. A file that begins with a dot is not one.
 * @throws what the file system throws, except that absent folders are empty
 */
export function listConfigFiles(configDir: string): string[] {
  const single = SINGLE_FILES.map((name) => join(configDir, name)).filter((path) => existsSync(path));
  const tasks = namesIn(join(configDir, TASKS_FOLDER))
    .filter((name) => name.endsWith(".yaml") && !name.startsWith("."))
    .map((name) => join(configDir, TASKS_FOLDER, name));
  return [...single, ...tasks];
}

/** A folder's entries by code unit, the same order on every machine; none when it is absent. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/**
 * Finds the project that a command was started in, as git finds its root: the nearest folder, from `cwd` upwards, whose
 * `config/` holds dsgen.yaml or tasks/.
 * With an explicit config folder (`--config-dir`, from `cwd`) the root is that nearest folder still, or `cwd` where there is
 * none.
 * @returns a `usage` problem that names the folders tried
 */
export function findProject(cwd: string, explicitConfigDir?: string): Result<ProjectFolders, Problem> {
  const start = resolve(cwd);
  const tried: string[] = [];
  let root: string | undefined;
  for (let folder = start; ; folder = dirname(folder)) {
    const configDir = join(folder, "config");
    tried.push(configDir);
    if (isConfigFolder(configDir)) {
      root = folder;
      break;
    }
    if (folder === dirname(folder)) break;
  }
  if (explicitConfigDir !== undefined) return explicitProject(start, explicitConfigDir, root ?? start);
  if (root !== undefined) return ok({ root, configDir: join(root, "config") });
  return err({
    kind: "usage",
    where: start,
    message: `a project must have a config folder with dsgen.yaml or tasks/ in it; found none at ${tried.join(", ")}.`,
    fix: "Begin one here with dsgen init; or run dsgen inside a project, or name its folder with --config-dir.",
  });
}

function explicitProject(start: string, explicit: string, root: string): Result<ProjectFolders, Problem> {
  const configDir = resolve(start, explicit);
  if (isConfigFolder(configDir)) return ok({ root, configDir });
  const found = !existsSync(configDir) ? "no such folder" : isFolder(configDir) ? "a folder with neither" : "a file";
  return err({
    kind: "usage",
    where: `--config-dir ${explicit}`,
    message: `a config folder must have dsgen.yaml or tasks/ in it; found ${found} at ${configDir}.`,
    fix: existsSync(join(configDir, "config"))
      ? `Did you mean --config-dir ${join(explicit, "config")}?`
      : "Name the folder that holds dsgen.yaml and tasks/.",
  });
}

function isConfigFolder(folder: string): boolean {
  return existsSync(join(folder, "dsgen.yaml")) || isFolder(join(folder, TASKS_FOLDER));
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Absent, below something that is a file, or not ours to look at: no folder to read a project from.
    return false;
  }
}

/** An error of the file system about a config file, as a Problem; errors of no known kind included. */
export function readProblem(error: unknown, where: string): Problem {
  const known = problemOfErrno(error, where);
  if (known !== undefined) return known;
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return { kind: "io", where, message: `the file could not be read (${code}).`, fix: "Check the file and its folder." };
}
