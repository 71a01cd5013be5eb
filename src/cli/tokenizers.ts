import type { ProjectConfig } from "../config/project-config.ts";
import { withCompanions } from "../engine/build.ts";
import type { Emit } from "../events/schema.ts";
import type { Graph } from "../graph/graph.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Target } from "../graph/target.ts";
import type { Store } from "../store/store.ts";
import { type Encoder, loadEncoder } from "../tokenizers/encoder.ts";
import { Tokenizers } from "../tokenizers/tokenizers.ts";

/** The tokenizers that a config names. */
export function tokenizersIn(
  projectRoot: string,
  config: ProjectConfig,
  store: Store,
  environment: NodeJS.ProcessEnv,
): Tokenizers {
  return new Tokenizers({
    projectRoot,
    tokenizers: config.tokenizers,
    content: store.content,
    tables: { folder: store.paths.tables, writable: store.writable },
    environment,
  });
}

/** Has the files of these on this machine. Problems: every one that is not to be had. */
export async function fetched(
  tokenizers: Tokenizers,
  names: Iterable<string>,
  emit: Emit,
): Promise<Result<Tokenizers, readonly Problem[]>> {
  const missing = await tokenizers.prepare(names, (_name, label) =>
    emit({ type: "notice", level: "info", code: "fetch-tokenizer", message: `fetching the tokenizer ${label}` }),
  );
  return missing.length > 0 ? err(missing) : ok(tokenizers);
}

/** These, which are fetched, ready to encode. */
export async function encodersOf(
  tokenizers: Tokenizers,
  names: readonly string[],
): Promise<Result<readonly Encoder[], readonly Problem[]>> {
  const encoders: Encoder[] = [];
  for (const name of names) {
    const encoder = await loadEncoder(await tokenizers.open({ kind: "tokenizer", name }));
    if (!encoder.ok) return err([encoder.error]);
    encoders.push(encoder.value);
  }
  return ok(encoders);
}

/** These, fetched where they are not here, ready to encode. */
export async function encodersNamed(
  tokenizers: Tokenizers,
  names: readonly string[],
  emit: Emit,
): Promise<Result<readonly Encoder[], readonly Problem[]>> {
  const ready = await fetched(tokenizers, names, emit);
  return ready.ok ? encodersOf(ready.value, names) : ready;
}

/**
 * The tokenizers among the inputs of the goals and of all that they may be made from: a task that is not built now, or of
 * which only the requests are wanted, needs none.
 */
export function tokenizersOf(goals: readonly TargetName[], graph: Graph): ReadonlySet<string> {
  const names = new Set<string>();
  if (!graph.usesTools) return names;
  const wanted = withCompanions(goals, graph).flatMap((goal) => graph.liveTarget(goal)?.requests ?? [goal]);
  const pending = wanted.map((name) => graph.mustTarget(name));
  const seen = new Set<Target>();
  for (let target = pending.pop(); target !== undefined; target = pending.pop()) {
    if (seen.has(target)) continue;
    seen.add(target);
    for (const name in target.inputs) {
      const input = target.inputs[name];
      if (input?.kind === "tool" && input.tool.kind === "tokenizer") names.add(input.tool.name);
    }
    const from = graph.madeFrom(target);
    for (let at = from.length - 1; at >= 0; at--) {
      const input = from[at];
      if (input !== undefined) pending.push(input);
    }
  }
  return names;
}
