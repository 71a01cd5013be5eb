import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { type Action, type Artifact, changedMeanwhile } from "./action.ts";
import { problemOfSystem } from "./blocked-path.ts";
import { makeAgain } from "./determinism.ts";
import { type ExecuteOptions, execute } from "./execute.ts";
import type { ActionCache, BlobStore, ContentIndex, OutputBlob, Trace, Workspace } from "./ports.ts";

export interface PerformPorts {
  readonly projectRoot: string;
  readonly blobs: BlobStore;
  readonly actions: ActionCache;
  readonly content: ContentIndex;
  readonly workspace: Workspace;
  /** Files that a person edited are copied here before they are replaced: bad input never loses data. */
  readonly editedFolder: string;
}

/** How a build makes things: what running a recipe needs, and whether each is made twice. */
export interface MakingOptions extends ExecuteOptions {
  readonly twice: boolean;
}

export interface Performed {
  readonly artifacts: readonly Artifact[];
  readonly trace: Trace;
  /** True when the bytes differ from what this project had there last. */
  readonly changed: boolean;
}

/**
 * Makes an action's outputs: run, store blobs, then the trace that names them, then the files. In that order a crash at
 * any point leaves either nothing new or a complete hit.
 */
export async function performBuild(
  ports: PerformPorts,
  action: Action,
  edited: readonly TargetName[],
  options: MakingOptions,
): Promise<Result<Performed, Problem>> {
  const staged = await execute(action, options);
  if (!staged.ok) return staged;
  try {
    const same = options.twice ? await makeAgain(action, staged.value.files, options) : ok(undefined);
    if (!same.ok) return same;
    const changed = changedMeanwhile(action, ports.content);
    if (changed !== undefined) return err(inputChanged(changed, action.target.name));
    const outputs: OutputBlob[] = [];
    for (const file of staged.value.files) {
      outputs.push(await ports.blobs.adopt(file, { durable: false }));
    }
    const trace: Trace = {
      v: 1,
      key: action.key,
      outputs,
      durationMs: Math.round(staged.value.durationMs),
      notes: staged.value.notes,
    };
    await ports.actions.put(action.manifest, trace);
    return await performRestore(ports, action, trace, edited, { check: false });
  } catch (error) {
    return err(expected(error, action.target.name));
  } finally {
    staged.value.dispose();
  }
}

/** Puts a known result's files in place, checking each blob on the way unless it was stored just now. */
export async function performRestore(
  ports: PerformPorts,
  action: Action,
  trace: Trace,
  edited: readonly TargetName[],
  options = { check: true },
): Promise<Result<Performed, Problem>> {
  try {
    for (const name of edited) keepEdited(ports, name);
    const before = ports.workspace.placement(action.target.name);
    const artifacts: Artifact[] = [];
    for (const [i, name] of action.target.outputs.entries()) {
      const blob = trace.outputs[i];
      if (blob === undefined) throw new Error(`trace ${trace.key} lacks output ${i} of ${name}`);
      const path = join(ports.projectRoot, name);
      if (ports.content.digest(path) !== blob.digest) {
        const restored = await ports.blobs.restore(blob.digest, path, options);
        if (!restored.ok) return err({ ...restored.error, where: `${name}: ${restored.error.where}` });
        ports.content.learn(path, blob.digest);
      }
      artifacts.push({ name, digest: blob.digest, path });
    }
    const digests = artifacts.map((artifact) => artifact.digest);
    ports.workspace.place(action.target.name, { key: action.key, outputs: digests });
    const changed = before === undefined || digests.some((digest, i) => before.outputs[i] !== digest);
    return ok({ artifacts, trace, changed });
  } catch (error) {
    return err(expected(error, action.target.name));
  }
}

/**
 * Makes again what lies in place, and compares; nothing is placed or stored. Twice, as what a recipe leaves over shows in the
 * second run of a process only. What came from outside is left alone.
 */
export async function performAgain(
  action: Action,
  artifacts: readonly Artifact[],
  options: MakingOptions,
): Promise<Result<undefined, Problem>> {
  if (!options.twice || action.target.gate !== undefined) return ok(undefined);
  const paths = artifacts.map(({ path }) => path);
  const first = await makeAgain(action, paths, options);
  return first.ok ? makeAgain(action, paths, options) : first;
}

function keepEdited(ports: PerformPorts, name: TargetName): void {
  const from = join(ports.projectRoot, name);
  const digest = ports.content.digest(from);
  if (digest === undefined) return;
  mkdirSync(ports.editedFolder, { recursive: true });
  copyFileSync(from, join(ports.editedFolder, editedName(name, digest)));
}

/** Where the edited version of a file is kept: its name, flattened, and the start of its digest. */
export function editedName(name: TargetName, digest: string): string {
  return `${name.replaceAll("/", "__")}.${digest.slice(0, 12)}`;
}

function inputChanged(file: string, where: TargetName): Problem {
  return {
    kind: "io",
    where,
    message: `${file} changed while this was being made from it.`,
    fix: "Run again; nothing was stored.",
  };
}

/** An expected failure as a Problem; a bug is thrown on. */
function expected(error: unknown, where: string): Problem {
  if (error instanceof ProblemError) return error.problem;
  const problem = problemOfSystem(error, where);
  if (problem === undefined) throw error;
  return problem;
}
