import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Action, ActionSources, Artifact } from "./action.ts";
import { expected } from "./blocked-path.ts";
import type { DecideSources } from "./decide.ts";
import type { Emit } from "./events.ts";
import type { Done } from "./node.ts";
import type { Trace } from "./ports.ts";

export interface PlaceOptions {
  readonly sources: ActionSources & DecideSources;
  readonly editedFolder: string;
  readonly emit: Emit;
}

/**
 * Puts a known result's files in place.
 * @param check whether each blob is held against its name on the way: not what this process has hashed while storing it
 */
export async function place(
  action: Action,
  trace: Trace,
  edited: readonly TargetName[],
  check: boolean,
  options: PlaceOptions,
): Promise<Result<Done, Problem>> {
  const { projectRoot, content, blobs, workspace } = options.sources;
  try {
    const before = workspace.placement(action.target.name);
    const artifacts: Artifact[] = [];
    for (const [i, name] of action.target.outputs.entries()) {
      const blob = trace.outputs[i];
      if (blob === undefined) throw new Error(`trace ${trace.key} lacks output ${i} of ${name}`);
      const path = join(projectRoot, name);
      if (content.digest(path) !== blob.digest) {
        if (edited.includes(name)) keepEdited(name, options);
        const restored = await blobs.restore(blob.digest, path, { check });
        if (!restored.ok) return err({ ...restored.error, where: `${name}: ${restored.error.where}` });
        content.learn(path, blob.digest);
      }
      artifacts.push({ name, digest: blob.digest, path });
    }
    const digests = artifacts.map((artifact) => artifact.digest);
    workspace.place(action.target.name, { key: action.key, outputs: digests });
    const changed = before === undefined || digests.some((digest, i) => before.outputs[i] !== digest);
    return ok({ artifacts, changed, notes: trace.notes, durationMs: trace.durationMs });
  } catch (error) {
    return err(expected(error, action.target.name));
  }
}

/** A file that a person edited is copied before it is replaced, and that is said: bad input never loses data. */
function keepEdited(name: TargetName, { sources, editedFolder, emit }: PlaceOptions): void {
  const from = join(sources.projectRoot, name);
  const digest = sources.content.digest(from);
  if (digest === undefined) return;
  mkdirSync(editedFolder, { recursive: true });
  copyFileSync(from, join(editedFolder, editedName(name, digest)));
  emit({
    type: "notice",
    level: "warning",
    code: "edited-output",
    message: `${name} was changed by hand, or came from elsewhere; it is made again. Your version is kept in .dsgen-cache/edited/${editedName(name, digest)}`,
  });
}

/** Where the edited version of a file is kept: its name, flattened, and the start of its digest. */
function editedName(name: TargetName, digest: string): string {
  return `${name.replaceAll("/", "__")}.${digest.slice(0, 12)}`;
}
