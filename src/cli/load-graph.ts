import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fresh from "#fresh";
import type { Project, ProjectConfig } from "../config/project-config.ts";
import { runForeign } from "../engine/foreign-code.ts";
import type { Modules } from "../engine/modules.ts";
import { fromRoot } from "../engine/paths.ts";
import { type Pipeline, recipe } from "../graph/declare.ts";
import { Graph } from "../graph/graph.ts";
import { foldedPath } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, type Result } from "../graph/result.ts";
import { modulePaths } from "../tasks/check-verdict.ts";
import type { ProviderChoice } from "./provider-choice.ts";
import { packageRoot, packageVersion } from "./surroundings.ts";

/**
 * The project's own `targets/index`, compiled or not; dsgen's pipeline where it has none. The modules that checks name are
 * looked for here too, before anything is bought whose answers could then not be checked.
 */
export async function loadGraph(
  root: string,
  modules: Modules,
  config: ProjectConfig,
  choice: ProviderChoice,
): Promise<Result<Graph, readonly Problem[]>> {
  const missing = missingChecks(modules, config);
  if (missing.length > 0) return err(missing);
  const own = root === packageRoot() ? undefined : ownTargets(root);
  return own === undefined
    ? declared(await modules.loadFile(packageTargets()), config, choice)
    : runForeign(async () => {
        const { noticingChance } = await import("../engine/guard-chance.ts");
        return noticingChance(async () => declared(await modules.loadProjectFile(own), config, choice), fresh.spoiled);
      });
}

/** Outputs in the cache's own folder, wherever that was put: there they would be deleted as what nobody knows. */
export function outputsInCache(graph: Graph, root: string, cacheDir: string): readonly Problem[] {
  const cache = foldedPath(fromRoot(root, cacheDir));
  // Where it mostly is, no target's name leads.
  const outputs = cache === ".dsgen-cache" ? [] : graph.targets.flatMap((target) => target.outputs);
  const names = [...outputs, ...graph.live.map(({ name }) => name)];
  return names
    .filter((name) => foldedPath(name).startsWith(`${cache}/`))
    .map((name) => ({
      kind: "graph",
      where: name,
      message: "expected an output outside the cache; found it in the folder that --cache-dir names.",
      fix: "Name another folder with --cache-dir, or the output otherwise.",
    }));
}

function missingChecks(modules: Modules, config: ProjectConfig): readonly Problem[] {
  return config.tasks.flatMap((task) =>
    modulePaths(task.checks)
      .filter((path) => !modules.resolve(recipe(path)).ok)
      .map(
        (path): Problem => ({
          kind: "config",
          where: `config/tasks/${task.task_name}.yaml`,
          message: `the module of a check must be a file of the project; found no ${path}.`,
          fix: "Write it, or correct the check's `path`.",
        }),
      ),
  );
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
