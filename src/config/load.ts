import { readFileSync } from "node:fs";
import { basename, join, relative, sep } from "node:path";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { listConfigFiles, namesIn, readProblem, SINGLE_FILES, TASKS_FOLDER } from "./config-files.ts";
import type { ConfigFile, ProjectConfig, Settings } from "./project-config.ts";
import { readProject, type SourceFile } from "./read-project.ts";

export type LoadOptions = {
  /** The project root, absolute: files are named from it. */
  readonly root: string;
  /** Absolute. */
  readonly configDir: string;
  /** The `--set` values, as typed, in order; a later one wins. */
  readonly sets: readonly string[];
};

/** What a config folder says, and everything that is wrong with it. */
export type ReadConfig = {
  /** Undefined when `dsgen.yaml`, which says who answers, cannot be read. */
  readonly settings: Settings | undefined;
  /** Undefined when anything is wrong. */
  readonly whole: ProjectConfig | undefined;
  /** Every task that has a file, readable or not. */
  readonly taskNames: readonly string[];
  /** Each with file, line and column. */
  readonly problems: readonly Problem[];
};

/** Reads, checks and completes a project's configuration: all of it, or everything that is wrong with it. */
export function loadConfig(options: LoadOptions): Result<ProjectConfig, readonly Problem[]> {
  const { whole, problems } = readConfig(options);
  return whole === undefined ? err(problems) : ok(whole);
}

/** Reads a project's configuration as far as it can be read. */
export function readConfig(options: LoadOptions): ReadConfig {
  const { root, configDir, sets } = options;
  const shown = (path: string): string => shownFile(root, path);
  let paths: readonly string[];
  let strays: readonly Problem[];
  try {
    paths = listConfigFiles(configDir);
    strays = strayFiles(configDir, shown);
  } catch (error) {
    return { settings: undefined, whole: undefined, taskNames: [], problems: [readProblem(error, shown(configDir))] };
  }
  const problems: Problem[] = [...strays];
  const sources: SourceFile[] = [];
  const files: ConfigFile[] = [];
  for (const path of paths) {
    try {
      const content = readFileSync(path);
      files.push({ path, content });
      sources.push({ name: relative(configDir, path).split(sep).join("/"), shown: shown(path), content });
    } catch (error) {
      problems.push(readProblem(error, shown(path)));
    }
  }
  const read = readProject({ files: sources, sets, shownDir: shown(configDir), complete: problems.length === 0 });
  const whole = read.whole === undefined || problems.length > 0 ? undefined : { ...read.whole, files, sets };
  return { ...read, whole, problems: [...problems, ...read.problems] };
}

/** A path as messages give it: from the project root, or as it is when it lies elsewhere. */
function shownFile(root: string, path: string): string {
  const inside = relative(root, path);
  return (inside.startsWith("..") || inside === "" ? path : inside).split(sep).join("/");
}

/** Files that were surely meant to be read, and would not be for the end of their name. */
function strayFiles(configDir: string, shown: (path: string) => string): Problem[] {
  const stray = (path: string, wanted: string): Problem => ({
    kind: "config",
    where: shown(path),
    message: `a config file's name must end in .yaml; found ${basename(path)}, which is not read.`,
    fix: `Rename it to ${wanted}.`,
  });
  const problems: Problem[] = [];
  for (const name of namesIn(configDir)) {
    const wanted = SINGLE_FILES.find((single) => single.replace(/\.yaml$/, ".yml") === name.toLowerCase());
    if (wanted !== undefined) problems.push(stray(join(configDir, name), wanted));
  }
  for (const name of namesIn(join(configDir, TASKS_FOLDER))) {
    if (/^[^.].*\.(?:yml|YAML|YML)$/.test(name)) {
      problems.push(stray(join(configDir, TASKS_FOLDER, name), name.replace(/\.[^.]*$/, ".yaml")));
    }
  }
  return problems;
}
