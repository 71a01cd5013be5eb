import { readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { Problem } from "../graph/problem.ts";
import { listConfigFiles, namesIn, readProblem, SINGLE_FILES, TASKS_FOLDER } from "./config-files.ts";
import type { ConfigFile, ProjectConfig } from "./project-config.ts";
import type { ReadOptions, ReadProject, SourceFile } from "./read-project.ts";

/*
 * The files of a config folder, for whoever makes a configuration of them. Loads neither yaml nor zod.
 */

export type LoadOptions = {
  /** The project root, absolute: files are named from it. */
  readonly root: string;
  /** Absolute. */
  readonly configDir: string;
  /** The `--set` values, as typed, in order; a later one wins. */
  readonly sets: readonly string[];
};

/** What a config folder says, and everything that is wrong with it. `whole` is undefined when anything is. */
export type ReadConfig = Omit<ReadProject, "whole"> & { readonly whole: ProjectConfig | undefined };

/** What is to be made something of, and how that and what is wrong with the files themselves come together. */
export type ConfigSources = { readonly asked: ReadOptions; complete(read: ReadProject): ReadConfig };

/** Reads the files as far as they can be read; where the folder itself cannot, its problem is all there is. */
export function configSources({ root, configDir, sets }: LoadOptions): ConfigSources | ReadConfig {
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
  return {
    asked: { files: sources, sets, shownDir: shown(configDir), complete: problems.length === 0 },
    complete(read) {
      const whole = read.whole === undefined || problems.length > 0 ? undefined : { ...read.whole, files, sets };
      return { ...read, whole, problems: [...problems, ...read.problems] };
    },
  };
}

/** A path as messages give it: from the project root, or as it is when it lies elsewhere. */
function shownFile(root: string, path: string): string {
  const inside = relative(root, path);
  return (inside.startsWith("..") || inside === "" ? path : inside).split(sep).join("/");
}

/** Files that were surely meant to be read, and would not be for the end of their name. */
function strayFiles(configDir: string, shown: (path: string) => string): Problem[] {
  const wanted = (name: string) =>
    SINGLE_FILES.find((single) => single.replace(/\.yaml$/, ".yml") === name.toLowerCase());
  const tasks = join(configDir, TASKS_FOLDER);
  const strays = [
    ...namesIn(configDir).map((name) => [configDir, name, wanted(name)] as const),
    ...namesIn(tasks)
      .filter((name) => /^[^.].*\.(?:yml|YAML|YML)$/.test(name))
      .map((name) => [tasks, name, name.replace(/\.[^.]*$/, ".yaml")] as const),
  ];
  return strays.flatMap(([folder, name, right]): Problem[] => {
    if (right === undefined) return [];
    const message = `a config file's name must end in .yaml; found ${name}, which is not read.`;
    return [{ kind: "config", where: shown(join(folder, name)), message, fix: `Rename it to ${right}.` }];
  });
}
