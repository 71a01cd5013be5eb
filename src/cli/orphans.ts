import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { ContentIndex } from "../engine/ports.ts";
import type { Digest } from "../graph/digest.ts";
import type { Graph } from "../graph/graph.ts";
import { type TargetName, targetName } from "../graph/names.ts";
import type { LiveTarget } from "../graph/target.ts";
import { partialName } from "./goals.ts";
import type { StoreSession } from "./session.ts";

/** A file that dsgen put into the project for a target that is no more: its task was removed, renamed or made smaller. */
export interface Orphan {
  readonly file: string;
  readonly target: TargetName;
  /** `edited`: it is not what was put there. `only-copy`: the cache no longer has it, so it may hold paid answers. */
  readonly state: "as-placed" | "edited" | "only-copy";
}

/**
 * Every orphan that is still there, in the order of the targets' names. What dsgen has not placed is never one, nor is what
 * a partial build wrote beside a dataset.
 */
export function orphans({ projectRoot, store }: StoreSession, graph: Graph): readonly Orphan[] {
  const { workspace, content, blobs } = store;
  const byNumber = new Intl.Collator("en", { numeric: true });
  const partial = new Set(graph.targets.map(({ name }) => partialName(name)));
  const gone = workspace.targets().filter((target) => graph.target(target) === undefined && !partial.has(target));
  return [...gone].sort(byNumber.compare).flatMap((target): Orphan[] => {
    const [own, ...others] = workspace.placement(target)?.outputs ?? [];
    if (own === undefined) return [];
    const stateOf = (file: string): Orphan["state"] => {
      const digest = content.digest(join(projectRoot, file));
      if (digest === undefined || ![own, ...others].includes(digest)) return "edited";
      return blobs.has(digest) ? "as-placed" : "only-copy";
    };
    const files = [
      ...(existsSync(join(projectRoot, target)) ? [target] : []),
      ...besides(target, others, projectRoot, content).filter((file) => graph.target(file) === undefined),
    ];
    return files.map((file) => ({ file, target, state: stateOf(file) }));
  });
}

/**
 * The other outputs of a target, which only the target itself could name: files beside it that have its name up to the
 * ending (`shard0.summary.json`) and, to the byte, what was put there.
 */
function besides(target: string, placed: readonly Digest[], projectRoot: string, content: ContentIndex): string[] {
  if (placed.length === 0) return [];
  const folder = dirname(target);
  const stem = `${basename(target).replace(/\.[^.]*$/, "")}.`;
  const absolute = join(projectRoot, folder);
  return (existsSync(absolute) ? readdirSync(absolute) : [])
    .filter((name) => name.startsWith(stem) && name !== basename(target))
    .map((name) => (folder === "." ? name : `${folder}/${name}`))
    .filter((file) => {
      const digest = content.digest(join(projectRoot, file));
      return digest !== undefined && placed.includes(digest);
    });
}

/** The views of the batch jobs that lie beside orphaned request files, as a build of their task would have written them. */
export function orphanViews(found: readonly Orphan[], graph: Graph): readonly LiveTarget[] {
  const folders = new Map<string, TargetName[]>();
  for (const { file, target } of found) {
    const folder = /^.+(?=\/request_batch\d+\.jsonl$)/.exec(target)?.[0];
    if (folder !== undefined && file === target) folders.set(folder, [...(folders.get(folder) ?? []), target]);
  }
  return [...folders].flatMap(([folder, requests]) => {
    const name = targetName(`${folder}/batch_metadata.json`);
    if (!name.ok || graph.liveTarget(name.value) !== undefined) return [];
    return [{ name: name.value, view: "batch-metadata", task: basename(folder), stage: "batches", requests }];
  });
}
