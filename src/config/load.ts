import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { configSources, type LoadOptions } from "./config-sources.ts";
import type { ProjectConfig } from "./project-config.ts";
import { readProject } from "./read-project.ts";

/** Reads, checks and completes a project's configuration: all of it, or everything that is wrong with it. */
export function loadConfig(options: LoadOptions): Result<ProjectConfig, readonly Problem[]> {
  const sources = configSources(options);
  const { whole, problems } = "asked" in sources ? sources.complete(readProject(sources.asked)) : sources;
  return whole === undefined ? err(problems) : ok(whole);
}
