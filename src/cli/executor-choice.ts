import { statSync } from "node:fs";
import { join } from "node:path";
import type { ProjectConfig } from "../config/project-config.ts";
import type { Action } from "../engine/action.ts";
import type { EngineOptions } from "../engine/effects.ts";
import type { Emit } from "../events/schema.ts";
import type { Graph } from "../graph/graph.ts";
import type { JsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Target } from "../graph/target.ts";
import type { Store } from "../store/store.ts";
import { dsgenBuild, packageRoot, systemClock } from "./surroundings.ts";

/** Where actions may be made, in the words of the config. */
export type ExecutorKind = ProjectConfig["dsgen"]["executor"]["kind"];

export const EXECUTORS = ["local", "slurm"] as const satisfies readonly ExecutorKind[];

interface Parts {
  /** What this build was told. */
  readonly asked: ExecutorKind | undefined;
  readonly config: ProjectConfig;
  readonly graph: Graph;
  readonly store: Store;
  readonly env: NodeJS.ProcessEnv;
  readonly emit: Emit;
}

type Chosen = Pick<EngineOptions, "elsewhere">;

/**
 * Who makes what is not made in this process; nobody, unless the config or the command line says so. Problems: those of the
 * settings that nobody but who runs things can tell.
 */
export async function chooseExecutor({
  asked,
  config,
  graph,
  store,
  env,
  emit,
}: Parts): Promise<Result<Chosen, Problem>> {
  const { executor } = config.dsgen;
  const usual = asked ?? executor.kind;
  const kindOf = (resources: JsonObject) => resources["kind"] ?? usual;
  const far = graph.targets.filter(({ resources }) => resources !== undefined && kindOf(resources) === "slurm");
  if (asked === "local" || far.length === 0) return ok({});
  // Those of a task are checked with its file.
  const wrong = await wrongResources(far.filter(({ task }) => task === undefined));
  if (wrong !== undefined) return err(wrong);
  const [{ slurmExecutor }, { seenByTasks, slurmCommands }, { ownWord, SLURM_DEFAULTS }] = await Promise.all([
    import("../executors/slurm/slurm.ts"),
    import("../executors/slurm/commands.ts"),
    import("../executors/slurm/settings.ts"),
  ]);
  const own = ownWord(executor.sbatch);
  if (own !== undefined)
    return err({
      kind: "config",
      where: "config/dsgen.yaml",
      message: `\`executor.sbatch\` must have options (each beginning with \`-\`) that dsgen does not give itself; found ${own}.`,
      fix: "Remove it: what it names is dsgen's own to say, or another key under `executor`.",
    });
  const settings = {
    ...SLURM_DEFAULTS,
    resources: executor.resources,
    maxJobs: executor.max_jobs,
    pollMs: executor.poll_seconds * 1000,
    resultsLagMs: executor.listing_lag_seconds * 1000,
    queueLagMs: Math.min(executor.listing_lag_seconds * 1000, SLURM_DEFAULTS.queueLagMs),
    sbatch: executor.sbatch,
  };
  const run = slurmCommands({ env: seenByTasks(env), boundMs: settings.callMs });
  const { paths, journal, blobs, actions, workspace } = store;
  const slurm = slurmExecutor({
    paths,
    journal,
    blobs,
    clock: systemClock,
    run,
    settings,
    head: { build: dsgenBuild(), node: process.version },
    worker: [process.execPath, join(packageRoot(), "bin", "dsgen.js"), "worker"],
    lastTook: ({ action }) => {
      const placed = workspace.placement(action.target.name);
      return placed && actions.trace(placed.key)?.durationMs;
    },
    emit,
  });
  const takes = ({ target: { resources }, files }: Action): boolean => {
    if (resources === undefined || kindOf(resources) !== "slurm") return false;
    const asksByName = Object.keys(resources).some((name) => name !== "kind");
    return asksByName || bytesOf(files, executor.local_below_bytes) >= executor.local_below_bytes;
  };
  return ok({ elsewhere: { executor: slurm, takes } });
}

/** What a target of the project's own asks for that nobody could give: a misspelt word would be passed over in silence. */
async function wrongResources(targets: readonly Target[]): Promise<Problem | undefined> {
  if (targets.length === 0) return undefined;
  const { targetResources } = await import("../config/schema-executor.ts");
  for (const { name, resources } of targets) {
    const issue = targetResources.safeParse(resources).error?.issues[0];
    if (issue === undefined) continue;
    const found = issue.code === "unrecognized_keys" ? issue.keys.join(", ") : issue.path.join(".");
    return {
      kind: "graph",
      where: name,
      message: `its \`resources\` must be what \`executor\` may have in a task's file; found otherwise: ${found}.`,
      fix: "docs/config.md has the words, and what each takes.",
    };
  }
  return undefined;
}

/** How many bytes the files have in all, counted until there are enough. */
function bytesOf(files: Action["files"], enough: number): number {
  let size = 0;
  for (const { path } of Object.values(files).flat()) {
    if (size >= enough) break;
    size += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }
  return size;
}
