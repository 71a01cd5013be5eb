import { resolve } from "node:path";
import type { ProjectConfig } from "../config/project-config.ts";

/*
 * A partial build writes files of its own beside the dataset and its manifest: what is made of some of the answers never
 * takes the place of what was made of more.
 */

/** `dataset.partial.jsonl` for `dataset.jsonl`, and `dataset.partial.manifest.json` for its manifest. */
export function partialName(output: string): string {
  return output.replace(/(\.manifest\.json|\.jsonl)$/, ".partial$1");
}

/** The project as a partial build sees it. */
export function partialProject(config: ProjectConfig): ProjectConfig {
  return { ...config, tasks: config.tasks.map((task) => ({ ...task, output: partialName(task.output) })) };
}

/** The files that a dataset target and its manifest are. */
export function datasetFiles(config: ProjectConfig): readonly string[] {
  return config.tasks.flatMap(({ output }) => [output, output.replace(/\.jsonl$/, ".manifest.json")]);
}

/** What a person who names a dataset means in a partial build; any other target is itself. */
export function partialGoal(text: string, config: ProjectConfig, root: string, cwd: string): string {
  const meant = datasetFiles(config).some((file) => file === text || resolve(root, file) === resolve(cwd, text));
  return meant ? partialName(text) : text;
}
