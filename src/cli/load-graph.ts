import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Project } from "../config/project.ts";
import type { ProjectConfig } from "../config/project-config.ts";
import { runForeign } from "../engine/foreign-code.ts";
import type { Modules } from "../engine/modules.ts";
import type { Pipeline } from "../graph/declare.ts";
import { Graph } from "../graph/graph.ts";
import type { Problem } from "../graph/problem.ts";
import { err, type Result } from "../graph/result.ts";
import { packageRoot, packageVersion } from "./package.ts";
import type { ProviderChoice } from "./provider-choice.ts";

/** The project's own `targets/index`, compiled or not; dsgen's pipeline where it has none. */
export async function loadGraph(
  root: string,
  modules: Modules,
  config: ProjectConfig,
  choice: ProviderChoice,
): Promise<Result<Graph, readonly Problem[]>> {
  const own = root === packageRoot() ? undefined : ownTargets(root);
  return own === undefined
    ? declared(await modules.loadFile(packageTargets()), config, choice)
    : runForeign(async () => declared(await modules.loadProjectFile(own), config, choice));
}

function declared(
  loaded: Result<unknown, Problem>,
  config: ProjectConfig,
  choice: ProviderChoice,
): Result<Graph, readonly Problem[]> {
  if (!loaded.ok) return err([loaded.error]);
  const pipeline = loaded.value;
  if (!isPipeline(pipeline)) {
    return err([
      {
        kind: "graph",
        where: "targets/index",
        message: "its default export is not a function from the project to its targets.",
        fix: "Export `(project) => ({ targets: […], live: […] })`.",
      },
    ]);
  }
  const project: Project = {
    ...config,
    dsgen_version: packageVersion(),
    provider: { namespace: choice.provider.namespace.id, simulated: choice.provider.simulated },
  };
  return Graph.build(pipeline(project));
}

function isPipeline(value: unknown): value is Pipeline<Project> {
  return typeof value === "function";
}

function ownTargets(root: string): string | undefined {
  return ["index.ts", "index.mts", "index.js", "index.mjs"]
    .map((file) => join(root, "targets", file))
    .find((path) => existsSync(path));
}

/** dsgen's pipeline beside this module: compiled in an installation, TypeScript under the tests. */
function packageTargets(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const compiled = join(here, "..", "..", "targets", "index.js");
  return existsSync(compiled) ? compiled : join(here, "..", "..", "targets", "index.ts");
}
