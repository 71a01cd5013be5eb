import type { OpenProject, ProjectOptions } from "./project.ts";

/**
 * Opens the project around a folder.
 * @throws ProjectError (as every call does) when there is none, its config is wrong, or a call cannot be answered
 */
export async function openProject(options: ProjectOptions = {}): Promise<OpenProject> {
  const { projectIn } = await import("../cli/library.ts");
  return projectIn(options);
}
