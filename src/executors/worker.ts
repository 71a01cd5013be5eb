import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expected } from "../engine/blocked-path.ts";
import { actionOf } from "../engine/describe.ts";
import { execute } from "../engine/execute.ts";
import type { ActionDescriptor, DescribedFile } from "../engine/executor.ts";
import type { Modules } from "../engine/modules.ts";
import type { OutputBlob, Tools } from "../engine/ports.ts";
import type { Digest } from "../graph/digest.ts";
import type { JsonObject } from "../graph/json.ts";
import type { RecipeRef } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { ToolRef } from "../graph/target.ts";
import type { StorePaths } from "../store/layout.ts";
import { restoreBlob } from "../store/restore.ts";
import { readResult, type WorkerResult, writeResult } from "./results.ts";
import { isWhole, publishBlob, sharedFolders } from "./shared-folder.ts";
import type { Work, WorkHead } from "./work-file.ts";

/*
 * A worker: makes the actions of one part of a descriptor file, one after the other. It holds no lock, writes no journal and no
 * trace, asks nobody anything, and moves nothing that is in the store: it only adds blobs under their content's names, and then
 * a result. However often it runs, and even when it was given up long ago, the worst that it does is to say the same again.
 */

export interface WorkerSurroundings extends Pick<WorkHead, "build" | "node"> {
  readonly paths: StorePaths;
  readonly modules: Modules;
  /** A tool by what it was declared as, which comes with the action. */
  toolOf(tool: ToolRef, declared: JsonObject): Pick<Tools, "fingerprint" | "open">;
  /** A folder on this machine's own disk. */
  readonly scratch: string;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly host: string;
  /** Told of each action as it ends. */
  readonly tell: (action: ActionDescriptor, result: WorkerResult) => void;
}

/** Makes every action of a part, and leaves a result of each. Throws a system error where not even that can be written. */
export async function runWork({ head, actions }: Work, surroundings: WorkerSurroundings): Promise<void> {
  const { paths, host, signal, tell } = surroundings;
  const other = otherSurroundings(head, surroundings);
  for (const action of actions) {
    signal.throwIfAborted();
    const left = other === undefined ? leftBefore(action, head.attempt, surroundings) : undefined;
    if (left !== undefined) {
      tell(action, left);
      continue;
    }
    const result = other === undefined ? await make(action, surroundings) : refused(other);
    // Ended from outside, nothing is known of the action: whoever sent the signal will say what becomes of it.
    signal.throwIfAborted();
    writeResult(paths, { key: action.key, attempt: head.attempt, identity: action.recipe.identity, host }, result);
    tell(action, result);
  }
}

/**
 * What an earlier process of this attempt made: a requeued task begins again, and need not make again what it had published.
 * Every output is read: what is damaged is made anew, and takes its place.
 */
function leftBefore(
  { key, outputs, recipe }: ActionDescriptor,
  attempt: string,
  { paths }: WorkerSurroundings,
): WorkerResult | undefined {
  const whole = { has: (digest: Digest) => isWhole(paths, digest) };
  const manifest = { recipe, outputs: outputs.length };
  const found = readResult({ paths, blobs: whole }, { key, manifest }, attempt);
  return found.state === "made" ? found : undefined;
}

/** Why nothing that this process makes would be the coordinator's own. */
function otherSurroundings(head: WorkHead, { build, node, host }: WorkerSurroundings): Problem | undefined {
  if (head.build !== build)
    return otherThan(host, `the dsgen that handed the work over (build ${head.build}); this one is build ${build}`);
  if (head.node !== node) return otherThan(host, `Node ${head.node}, which handed the work over; this is Node ${node}`);
  return undefined;
}

function otherThan(where: string, expectedAndFound: string): Problem {
  return {
    kind: "version",
    where,
    message: `a worker must be ${expectedAndFound}.`,
    fix: "Nothing was made. Have the same installation of dsgen and of Node on every machine: a folder that all of them share.",
  };
}

function refused(problem: Problem): WorkerResult {
  return { state: "refused", problem };
}

async function make(action: ActionDescriptor, surroundings: WorkerSurroundings): Promise<WorkerResult> {
  const { modules, scratch, threads, signal } = surroundings;
  const tools = checkedTools(action, surroundings);
  if (!tools.ok) return refused(tools.error);
  const folder = mkdtempSync(join(scratch, "dsgen-worker-"));
  try {
    const inputs = await takeInputs(action, join(folder, "in"), surroundings);
    if (!inputs.ok) return refused(inputs.error);
    const runs = actionOf(action, inputs.value);
    const staged = await execute(runs, {
      modules,
      tools: tools.value,
      stagingRoot: join(folder, "out"),
      threads,
      signal,
      answers: undefined,
    });
    if (!staged.ok) return isOfSurroundings(staged.error) ? refused(staged.error) : failed(staged.error);
    const { files, notes, durationMs } = staged.value;
    const outputs: OutputBlob[] = [];
    const { paths } = surroundings;
    for (const file of files) outputs.push(await publishBlob(file, paths, sharedFolders(paths).tmp));
    return { state: "made", outputs, notes, durationMs };
  } catch (error) {
    return refused(expected(error, action.target));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function failed(problem: Problem): WorkerResult {
  return { state: "failed", problem };
}

/** Whether another machine, or this one later, may well make what failed here. */
function isOfSurroundings({ kind }: Problem): boolean {
  return kind === "disk-full" || kind === "io" || kind === "permission" || kind === "corrupt";
}

/** The tools, once all code and all tools were found to be what the action's key was made of. */
function checkedTools(
  { target, recipe, inputs }: ActionDescriptor,
  { modules, toolOf }: WorkerSurroundings,
): Result<Tools, Problem> {
  const code: [RecipeRef, string][] = [[recipe.ref, recipe.identity]];
  const tools = new Map<string, Pick<Tools, "fingerprint" | "open">>();
  const named = ({ kind, name }: ToolRef) => JSON.stringify([kind, name]);
  for (const input of Object.values(inputs)) {
    if (input.kind === "module") code.push([input.ref, input.identity]);
    if (input.kind !== "tool") continue;
    const tool = toolOf(input.tool, input.declared);
    const found = tool.fingerprint(input.tool);
    if (!found.ok) return found;
    if (found.value.hash !== input.hash) return err(otherHere(target, `the ${input.tool.kind} ${input.tool.name}`));
    tools.set(named(input.tool), tool);
  }
  for (const [ref, identity] of code) {
    const found = modules.identity(ref);
    if (!found.ok) return found;
    if (found.value.identity !== identity) return err(otherHere(target, ref));
  }
  const of = (tool: ToolRef) => {
    const found = tools.get(named(tool));
    if (found === undefined) throw new Error(`${target} declares no ${tool.kind} ${tool.name}`);
    return found;
  };
  return ok({ fingerprint: (tool) => of(tool).fingerprint(tool), open: (tool) => of(tool).open(tool) });
}

function otherHere(where: string, what: string): Problem {
  return {
    kind: "version",
    where,
    message: `${what} must be what it was when the work was handed over; on this machine it is something else.`,
    fix: "Nothing was made. Run dsgen build again; where it was not edited meanwhile, this machine has another copy of it.",
  };
}

/** Copies of the input files on this machine's own disk, each held against its digest. */
async function takeInputs(
  { inputs }: ActionDescriptor,
  folder: string,
  { paths }: WorkerSurroundings,
): Promise<Result<(file: DescribedFile) => string, Problem>> {
  mkdirSync(folder);
  const pathOf = ({ digest }: DescribedFile) => join(folder, digest);
  const files = Object.values(inputs).flatMap((input) => (input.kind === "files" ? input.files : []));
  for (const file of new Map(files.map((one) => [one.digest, one])).values()) {
    const { name, digest } = file;
    const problem = (found: string): Problem => ({
      kind: "corrupt",
      where: name,
      message: `expected its content in the cache; ${found}.`,
      fix: "Nothing was made of it. dsgen fsck, on the machine that builds, says what is damaged in the cache itself.",
    });
    const taken = await restoreBlob({
      source: join(paths.cas, digest.slice(0, 2), digest),
      digest,
      destination: pathOf(file),
      where: name,
      check: true,
      unreadable: (error) => problem(`it cannot be read from here (${error instanceof Error ? error.message : error})`),
      damaged: () => problem("what this machine reads there is something else"),
    });
    if (!taken.ok) return taken;
  }
  return ok(pathOf);
}
