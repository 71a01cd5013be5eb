import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Digest, Fingerprint } from "../graph/digest.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Input } from "../graph/target.ts";
import {
  type Action,
  type ActionFile,
  type ActionSources,
  changedMeanwhile,
  inputChanged,
  type Makeable,
} from "./action.ts";
import type { ActionDescriptor, DescribedFile, DescribedInput, FileInput } from "./executor.ts";
import type { BlobStore } from "./ports.ts";

/*
 * Actions as plain data: made here, and an action made of such data again in another process.
 */

interface Sources extends Pick<ActionSources, "tools" | "content"> {
  readonly blobs: BlobStore;
  /** Files that are no target's are copied here on their way into the store. */
  readonly stagingRoot: string;
}

/**
 * Whether an action can be made by another process: it hangs on no gate, no variable of the environment, and no tool that can
 * only be opened here.
 */
export function isPortable({ target }: Action, { tools }: Pick<Sources, "tools">): boolean {
  if (target.gate !== undefined) return false;
  return Object.values(target.inputs).every((input) => {
    switch (input.kind) {
      case "env":
        return false;
      case "tool":
        return tools.declared?.(input.tool) !== undefined;
      default:
        return true;
    }
  });
}

/** See `Work.describe`. For portable actions. */
export async function describeAction(action: Action, sources: Sources): Promise<Result<ActionDescriptor, Problem>> {
  const { target, key, manifest } = action;
  const inputs: Record<string, DescribedInput> = {};
  for (const [name, input] of Object.entries(target.inputs)) {
    const described = await describeInput(name, input, action, sources);
    if (!described.ok) return described;
    inputs[name] = described.value;
  }
  // What was put into the store is what the files hold now.
  const changed = changedMeanwhile(action, sources.content);
  if (changed !== undefined) return err(inputChanged(changed, target.name));
  const { ref: _, identity } = manifest.recipe;
  const recipe = { ref: target.recipe, identity };
  return ok({
    v: 1,
    key,
    target: target.name,
    outputs: target.outputs,
    recipe,
    inputs,
    resources: target.resources ?? {},
  });
}

async function describeInput(
  name: string,
  input: Input,
  action: Action,
  sources: Sources,
): Promise<Result<DescribedInput, Problem>> {
  const hash = action.manifest.inputs[name]?.[0]?.hash ?? "";
  switch (input.kind) {
    case "value":
      return ok(input);
    case "env":
      throw new Error(`${action.target.name} is not portable`);
    case "module":
      return ok({ kind: "module", ref: input.module, identity: hash as Fingerprint });
    case "tool": {
      const declared = sources.tools.declared?.(input.tool);
      if (declared === undefined) throw new Error(`${action.target.name} is not portable`);
      return ok({ kind: "tool", tool: input.tool, hash, declared });
    }
    case "file":
    case "glob":
    case "target":
    case "targets":
      return describeFiles(name, input.kind, action, sources);
    case "expand":
      return describeFiles(name, "targets", action, sources);
  }
}

async function describeFiles(
  input: string,
  kind: FileInput,
  action: Action,
  sources: Sources,
): Promise<Result<DescribedInput, Problem>> {
  const files: DescribedFile[] = [];
  for (const { name, path } of action.files[input] ?? []) {
    const digest = sources.content.digest(path);
    if (digest === undefined) return err(inputChanged(name, action.target.name));
    if (!sources.blobs.has(digest)) {
      const stored = await store(path, sources);
      if (stored !== digest) return err(inputChanged(name, action.target.name));
    }
    files.push({ name, digest });
  }
  return ok({ kind: "files", input: kind, files });
}

/** A copy of a file of the project, or of a built one whose blob is gone, in the store. */
async function store(path: string, { blobs, stagingRoot }: Sources): Promise<Digest> {
  mkdirSync(stagingRoot, { recursive: true });
  const folder = mkdtempSync(join(stagingRoot, "input-"));
  try {
    const copy = join(folder, "0");
    copyFileSync(path, copy);
    return (await blobs.adopt(copy)).digest;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The action of a descriptor, as its recipe sees it. @param pathOf where the bytes of an input file lie in this process */
export function actionOf(
  { target: name, outputs, recipe, inputs: described }: ActionDescriptor,
  pathOf: (file: DescribedFile) => string,
): Makeable {
  const inputs: Record<string, Input> = {};
  const files: Record<string, readonly ActionFile[]> = {};
  for (const [input, of] of Object.entries(described)) {
    inputs[input] = declarationOf(of);
    if (of.kind === "files") files[input] = of.files.map((file) => fileOf(file, of.input, pathOf(file)));
  }
  return { target: { name, outputs, recipe: recipe.ref, inputs }, files, environment: {} };
}

/** A recipe sees the digest of what a target made, wherever it is run, and of nothing else. */
function fileOf({ name, digest }: DescribedFile, input: FileInput, path: string): ActionFile {
  return input === "target" || input === "targets" ? { name, path, digest } : { name, path };
}

/** How a recipe may ask for an input hangs on how it was declared. */
function declarationOf(input: DescribedInput): Input {
  switch (input.kind) {
    case "value":
      return input;
    case "module":
      return { kind: "module", module: input.ref };
    case "tool":
      return { kind: "tool", tool: input.tool };
    case "files": {
      const names = input.files.map(({ name }) => name as TargetName);
      switch (input.input) {
        case "file":
          return { kind: "file", path: names[0] ?? "" };
        case "glob":
          return { kind: "glob", patterns: names };
        case "target":
          return { kind: "target", target: names[0] ?? ("" as TargetName) };
        case "targets":
          return { kind: "targets", targets: names };
      }
    }
  }
}
