import { join } from "node:path";
import type { Digest } from "../graph/digest.ts";
import type { TargetName } from "../graph/names.ts";
import type { RestoreReason, StaleReason } from "../graph/state.ts";
import type { Target } from "../graph/target.ts";
import type { Action, Artifact } from "./action.ts";
import { pathIn } from "./paths.ts";
import type { ActionCache, BlobStore, ContentIndex, SharedResults, Trace, Workspace } from "./ports.ts";
import { staleReasons } from "./stale.ts";

/** What to do about a target whose inputs are all at hand. The same for build, plan, status and explain. */
export type Verdict =
  | { readonly kind: "fresh"; readonly artifacts: readonly Artifact[] }
  /** The result is known; its files must be put (back) in place. `edited` lists files that a person has changed. */
  | {
      readonly kind: "restore";
      readonly trace: Trace;
      readonly reason: RestoreReason;
      readonly edited: readonly TargetName[];
    }
  | { readonly kind: "build"; readonly reasons: readonly StaleReason[]; readonly edited: readonly TargetName[] };

export interface DecideSources {
  readonly projectRoot: string;
  readonly content: ContentIndex;
  readonly workspace: Workspace;
  readonly actions: ActionCache;
  readonly blobs: BlobStore;
  /** Undefined: nobody is asked. */
  readonly shared?: SharedResults;
}

/**
 * Decides one action. Reads stats, and contents only where a stat has changed; writes nothing.
 * A file is fresh when it holds what this action made, whoever put it there; a hit needs every blob.
 */
export function decide(sources: DecideSources, action: Action): Verdict {
  const { target, key } = action;
  const placement = sources.workspace.placement(target.name);
  if (placement !== undefined && placement.key === key) {
    const artifacts = inPlace(sources, target, placement.outputs);
    if (artifacts !== undefined) return { kind: "fresh", artifacts };
  }
  const edited = editedOutputs(sources, target, placement?.outputs);
  const own = sources.actions.trace(key);
  const lost = own?.outputs.findIndex((blob) => !sources.blobs.has(blob.digest, blob.size)) ?? -1;
  const shared = own === undefined || lost !== -1 ? sources.shared?.trace(key) : undefined;
  const trace = shared ?? own;
  if (trace === undefined || trace.outputs.length !== target.outputs.length) {
    const before = placement === undefined ? undefined : sources.actions.manifest(placement.key);
    const reasons = staleReasons(before, action.manifest);
    // Same key, no trace: the cache entry is gone, so nothing can say what changed.
    return { kind: "build", reasons: reasons.length > 0 ? reasons : [{ kind: "never-built" }], edited };
  }
  if (lost !== -1 && shared === undefined) {
    return { kind: "build", reasons: [{ kind: "blob-lost", output: target.outputs[lost] ?? target.name }], edited };
  }
  const artifacts = inPlace(
    sources,
    target,
    trace.outputs.map((blob) => blob.digest),
  );
  if (artifacts !== undefined) return { kind: "fresh", artifacts };
  const reason: RestoreReason =
    edited.length > 0
      ? "edited"
      : shared !== undefined
        ? "shared"
        : placement === undefined || placement.key === key
          ? "missing"
          : "reverted";
  return { kind: "restore", trace, reason, edited };
}

/** The target's files, if each holds exactly the given content. */
function inPlace(sources: DecideSources, target: Target, digests: readonly Digest[]): readonly Artifact[] | undefined {
  const { outputs } = target;
  const first = outputs[0];
  // Mostly there is one.
  if (outputs.length === 1 && first !== undefined) {
    const artifact = artifactIn(sources, first, digests[0]);
    return artifact && [artifact];
  }
  const artifacts: Artifact[] = [];
  for (const [i, name] of outputs.entries()) {
    const artifact = artifactIn(sources, name, digests[i]);
    if (artifact === undefined) return undefined;
    artifacts.push(artifact);
  }
  return artifacts;
}

function artifactIn(sources: DecideSources, name: TargetName, digest: Digest | undefined): Artifact | undefined {
  // By its name, which is how it is known: its place is put together where somebody reads it.
  if (digest === undefined || sources.content.digest(name) !== digest) return undefined;
  return { name, digest, path: pathIn(sources.projectRoot, name) };
}

/**
 * Files that lie where the target goes and no longer hold what dsgen put there; where it put nothing, those that it never
 * made: a person's, until proven otherwise.
 */
function editedOutputs(sources: DecideSources, target: Target, placed: readonly Digest[] | undefined): TargetName[] {
  return target.outputs.filter((name, i) => {
    const digest = sources.content.digest(join(sources.projectRoot, name));
    if (digest === undefined) return false;
    return placed === undefined ? !sources.blobs.has(digest) : digest !== placed[i];
  });
}
