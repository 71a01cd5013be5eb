import { join } from "node:path";
import { referencedTargets } from "../graph/graph.ts";
import { jsonObjectIn } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import { manifestHead } from "./manifest-head.ts";
import type { GraphSession } from "./session.ts";

/**
 * Whether what was made of datasets is made up. Their manifests say it, whoever answers now: a simulator may answer under
 * any address, and each of its answers bears its mark.
 */
export function isMadeUp({ graph, projectRoot, simulated }: GraphSession, made: TargetName): boolean {
  const manifests = Object.values(graph.mustTarget(made).inputs)
    .flatMap(referencedTargets)
    .filter((name) => name.endsWith(".manifest.json"));
  return (
    simulated || manifests.some((name) => jsonObjectIn(manifestHead(join(projectRoot, name)))?.["simulated"] === true)
  );
}
