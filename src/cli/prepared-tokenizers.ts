import type { ProjectConfig } from "../config/project-config.ts";
import { withCompanions } from "../engine/build.ts";
import type { Emit } from "../engine/events.ts";
import { dependencies, type Graph } from "../graph/graph.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Store } from "../store/store.ts";
import { Tokenizers } from "../tokenizers/tokenizers.ts";

export interface TokenizerNeeds {
  readonly graph: Graph;
  readonly goals: readonly TargetName[];
  readonly config: ProjectConfig;
  readonly projectRoot: string;
  readonly store: Store;
  readonly env: NodeJS.ProcessEnv;
  readonly emit: Emit;
}

/**
 * The project's tokenizers, with the files of those that the goals can come to need on this machine: a task that is not
 * built now, or of which only the requests are wanted, needs none. Problems: every one that is not to be had.
 */
export async function preparedTokenizers(needs: TokenizerNeeds): Promise<Result<Tokenizers, readonly Problem[]>> {
  const { config, projectRoot, store, env, emit } = needs;
  const tokenizers = new Tokenizers({
    projectRoot,
    tokenizers: config.tokenizers,
    content: store.content,
    tables: { folder: store.paths.tables, writable: store.writable },
    environment: env,
  });
  const missing = await tokenizers.prepare(tokenizersOf(needs.goals, needs.graph), (_name, label) =>
    emit({ type: "notice", level: "info", code: "fetch-tokenizer", message: `fetching the tokenizer ${label}` }),
  );
  return missing.length > 0 ? err(missing) : ok(tokenizers);
}

/** The tokenizers among the inputs of the goals and of all that they may be made from. */
export function tokenizersOf(goals: readonly TargetName[], graph: Graph): ReadonlySet<string> {
  const names = new Set<string>();
  const seen = new Set<TargetName>();
  const pending = withCompanions(goals, graph).flatMap((goal) => graph.liveTarget(goal)?.requests ?? [goal]);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const target = graph.mustTarget(name);
    if (seen.has(target.name)) continue;
    seen.add(target.name);
    for (const input of Object.values(target.inputs)) if (input.kind === "tool") names.add(input.tool.name);
    pending.push(...dependencies(target));
  }
  return names;
}
