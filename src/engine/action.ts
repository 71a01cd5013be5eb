import { type ActionKey, type Digest, fingerprintOf, fingerprintOfJson } from "../graph/digest.ts";
import { type Graph, referencedTargets } from "../graph/graph.ts";
import { canonicalJson, type JsonValue } from "../graph/json.ts";
import type { TargetName } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result, unreachable } from "../graph/result.ts";
import type { Input, Target } from "../graph/target.ts";
import { globFiles } from "./glob-files.ts";
import type { Modules } from "./modules.ts";
import { pathIn } from "./paths.ts";
import type { ActionManifest, ContentIndex, ManifestEntry, Tools } from "./ports.ts";

/** A built file: its content's digest, and where the bytes can be read now. */
export interface Artifact {
  readonly name: TargetName;
  readonly digest: Digest;
  readonly path: string;
}

/** A target with every input resolved: ready to be keyed and run. */
export interface Action extends Makeable {
  readonly target: Target;
  readonly manifest: ActionManifest;
  readonly key: ActionKey;
}

export interface ActionFile {
  readonly name: string;
  readonly path: string;
  /** Of what a target made. */
  readonly digest?: Digest;
}

/** What running an action's recipe takes. */
export interface Makeable {
  readonly target: Pick<Target, "name" | "outputs" | "recipe" | "inputs">;
  /** Files by input, in order: what `context.file` and `context.files` read. */
  readonly files: Readonly<Record<string, readonly ActionFile[]>>;
  /** The declared variables of the environment, as they are keyed. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface ActionSources {
  readonly projectRoot: string;
  readonly graph: Graph;
  readonly modules: Modules;
  readonly content: ContentIndex;
  readonly tools: Tools;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What each input that is chosen by an expansion was settled on, by the input's name. */
export type Chosen = ReadonlyMap<string, readonly TargetName[]>;

/** A longer value is known by its hash alone: every action that it is an input of keeps it whole, to tell what changed. */
const SHOWN_BYTES = 16_000;

/**
 * Resolves a target's inputs. `artifact` must know every target it is made from; `chosen` lists what its expansions
 * settled on; `gateHash` stands for the answers its gate let through.
 */
export function resolveAction(
  sources: ActionSources,
  target: Target,
  artifact: (name: TargetName) => Artifact,
  chosen: Chosen,
  gateHash: string | undefined,
): Result<Action, Problem> {
  const recipe = sources.modules.identity(target.recipe);
  if (!recipe.ok) return err({ ...recipe.error, where: `${target.name}: ${recipe.error.where}` });
  const inputs: Record<string, ManifestEntry[]> = {};
  const files: Record<string, readonly ActionFile[]> = {};
  const environment: Record<string, string | undefined> = {};
  for (const name in target.inputs) {
    const input = target.inputs[name];
    if (input === undefined || !Object.hasOwn(target.inputs, name)) continue;
    const resolved = resolveInput(sources, target, name, input, artifact, chosen);
    if (!resolved.ok) return resolved;
    inputs[name] = resolved.value.entries;
    if (resolved.value.files.length > 0) files[name] = resolved.value.files;
    if (input.kind === "env") environment[input.name] = sources.environment[input.name];
  }
  if (gateHash !== undefined) Object.assign(inputs, gateEntry(gateHash));
  const { identity, modules } = recipe.value;
  const of = { ref: target.recipe, identity, modules };
  const manifest: ActionManifest = { v: 1, recipe: of, outputs: target.outputs.length, inputs };
  return ok({ target, files, environment, manifest, key: keyOf(manifest) });
}

/** The same action where its gate lets other answers through. */
export function withGate(action: Action, gateHash: string): Action {
  const manifest = { ...action.manifest, inputs: { ...action.manifest.inputs, ...gateEntry(gateHash) } };
  return { ...action, manifest, key: keyOf(manifest) };
}

function gateEntry(hash: string): Record<string, ManifestEntry[]> {
  return { answers: [{ kind: "gate", label: "answers", hash }] };
}

/** An action's key: its recipe and the content of its inputs. Labels (paths, config positions) are not in it. */
function keyOf({ recipe, outputs, inputs }: ActionManifest): ActionKey {
  let text = `v1 ${recipe.identity} ${outputs}`;
  const names = Object.keys(inputs);
  if (names.length > 1) names.sort();
  for (let at = 0; at < names.length; at++) {
    const name = names[at] ?? "";
    const entries = inputs[name] ?? [];
    text += `\n${JSON.stringify(name)} `;
    for (let each = 0; each < entries.length; each++) {
      const entry = entries[each];
      if (entry !== undefined) text += `${each > 0 ? " " : ""}${entry.kind}:${entry.hash}`;
    }
  }
  return fingerprintOf(text) as ActionKey;
}

interface ResolvedInput {
  readonly entries: ManifestEntry[];
  readonly files: readonly ActionFile[];
}

function resolveInput(
  sources: ActionSources,
  target: Target,
  name: string,
  input: Input,
  artifact: (name: TargetName) => Artifact,
  chosen: Chosen,
): Result<ResolvedInput, Problem> {
  switch (input.kind) {
    case "value":
      return ok({ entries: [valueEntry(input.value, input.at)], files: [] });
    case "env": {
      // Only its hash is kept: a variable may hold a secret.
      const hash = fingerprintOfJson(sources.environment[input.name] ?? null);
      return ok({ entries: [{ kind: "env", label: `$${input.name}`, hash }], files: [] });
    }
    case "tool": {
      const tool = sources.tools.fingerprint(input.tool);
      if (!tool.ok) return tool;
      const label = `${input.tool.kind} ${input.tool.name}`;
      return ok({ entries: [{ kind: "tool", label, hash: tool.value.hash, shown: tool.value.shown }], files: [] });
    }
    case "module": {
      const identity = sources.modules.identity(input.module);
      if (!identity.ok) return err({ ...identity.error, where: `${target.name}: ${identity.error.where}` });
      return ok({ entries: [{ kind: "module", label: input.module, hash: identity.value.identity }], files: [] });
    }
    case "file":
      return fileEntry(sources, target, name, input.path);
    case "glob":
      return globEntries(sources, target, name, input.patterns);
    case "target":
    case "targets":
      return ok(targetEntries(referencedTargets(input), artifact));
    case "expand":
      return ok(targetEntries(chosen.get(name) ?? [], artifact));
    default:
      return unreachable(input);
  }
}

function valueEntry(value: JsonValue, at: string): ManifestEntry {
  const text = canonicalJson(value);
  const entry: ManifestEntry = { kind: "value", label: at, hash: fingerprintOfJson(value) };
  return text.length <= SHOWN_BYTES ? { ...entry, shown: value } : entry;
}

function fileEntry(sources: ActionSources, target: Target, name: string, path: string): Result<ResolvedInput, Problem> {
  const absolute = pathIn(sources.projectRoot, path);
  const hash = sources.content.fingerprint(absolute);
  if (hash === undefined) {
    return err({
      kind: "missing-input",
      where: target.name,
      message: `input "${name}" declares the file ${path}, which does not exist, and no target makes it.`,
      fix: "Create the file, or correct the path.",
    });
  }
  return ok({ entries: [{ kind: "file", label: path, hash }], files: [{ name: path, path: absolute }] });
}

function globEntries(
  sources: ActionSources,
  target: Target,
  name: string,
  patterns: readonly string[],
): Result<ResolvedInput, Problem> {
  const paths = globFiles(sources.projectRoot, patterns);
  const { graph } = sources;
  const made = paths.find((path) => graph.target(path) !== undefined || graph.liveTarget(path) !== undefined);
  if (made !== undefined) {
    return err({
      kind: "graph",
      where: target.name,
      message: `the glob of input "${name}" (${patterns.join(", ")}) matches ${made}, which a target makes.`,
      fix: 'Declare made files with kind: "target", so that they are built first.',
    });
  }
  const entries: ManifestEntry[] = [];
  const files: ActionFile[] = [];
  for (const path of paths) {
    const one = fileEntry(sources, target, name, path);
    if (!one.ok) return one;
    // A glob's recipe sees the paths it matched, so here, and only here, a path is content.
    for (const each of one.value.entries.map((e) => ({ ...e, hash: matchedHash(path, e.hash) }))) entries.push(each);
    for (const each of one.value.files) files.push(each);
  }
  return ok({ entries, files });
}

function matchedHash(path: string, content: string): string {
  return fingerprintOf(`${path}\n${content}`);
}

/**
 * The first input file that no longer holds what the action is keyed on, if any: somebody saved it while the recipe ran.
 * What the recipe then made may come from the new content, and must not be stored under the old one's key.
 */
export function changedMeanwhile(action: Action, content: ContentIndex): string | undefined {
  for (const [input, files] of Object.entries(action.files)) {
    const entries = action.manifest.inputs[input] ?? [];
    for (const [i, { name, path }] of files.entries()) {
      const entry = entries[i];
      const now = entry?.kind === "target" ? content.digest(path) : content.fingerprint(path);
      const matched = action.target.inputs[input]?.kind === "glob" && now !== undefined;
      if ((matched ? matchedHash(name, now) : now) !== entry?.hash) return name;
    }
  }
  return undefined;
}

export function inputChanged(file: string, where: TargetName): Problem {
  return {
    kind: "io",
    where,
    message: `${file} changed while this was being made from it.`,
    fix: "Run again; nothing was stored.",
  };
}

function targetEntries(names: readonly TargetName[], artifact: (name: TargetName) => Artifact): ResolvedInput {
  const artifacts = names.map(artifact);
  return { entries: artifacts.map(entryOf), files: artifacts };
}

function entryOf({ name, digest }: Artifact): ManifestEntry {
  return { kind: "target", label: name, hash: digest };
}
