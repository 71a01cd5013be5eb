import type { GraphDefinition } from "./graph.ts";
import type { JsonObject, JsonValue } from "./json.ts";
import { type RecipeRef, type TargetName, targetName } from "./names.ts";
import { ProblemError } from "./problem.ts";
import type { Input, Target } from "./target.ts";

/*
 * The words a module in `targets/` declares targets with. They only build data; Graph.build checks it as a whole, names too.
 */

/** A target's name from a path. Throws a ProblemError for one that is empty, absolute or leaves the project. */
export function name(path: string): TargetName {
  const checked = targetName(path);
  if (checked.ok) return checked.value;
  throw new ProblemError({
    kind: "graph",
    where: path,
    message: `not a target's name: ${checked.error}.`,
    fix: "Name targets by a path from the project root.",
  });
}

/** A recipe: one of dsgen's own (`dsgen/recipes/validate-shard`) or a file from the project root. */
export function recipe(ref: string): RecipeRef {
  return ref as RecipeRef;
}

/** A config value. `at` is where a person edits it; only the value is hashed. */
export function value(of: JsonValue, at: string): Input {
  return { kind: "value", value: of, at };
}

export function file(path: string): Input {
  return { kind: "file", path };
}

export function glob(...patterns: string[]): Input {
  return { kind: "glob", patterns };
}

/** A variable of the environment. No other is there while the target's recipe and checks run. */
export function env(variable: string): Input {
  return { kind: "env", name: variable };
}

/** Another target's file. */
export function made(target: string): Input {
  return { kind: "target", target: target as TargetName };
}

export function madeAll(targets: readonly string[]): Input {
  return { kind: "targets", targets: targets as readonly TargetName[] };
}

export function tool(kind: string, of: string): Input {
  return { kind: "tool", tool: { kind, name: of } };
}

/** A module whose default export the recipe calls; editing it, or what it imports, makes the target stale. */
export function moduleInput(ref: string): Input {
  return { kind: "module", module: recipe(ref) };
}

/** Targets chosen among `candidates` by an expansion module, from what built ones hold. */
export function chosen(module: string, params: JsonObject, candidates: readonly TargetName[]): Input {
  return { kind: "expand", module: recipe(module), params, candidates };
}

/**
 * Several lists that one expansion module settles at once: an input for each, by its name.
 * @param parts the lists' names, which are the inputs' as well; or by input its list, and which of the candidates that may hold
 */
export function chosenParts(
  module: string,
  params: JsonObject,
  candidates: readonly TargetName[],
  parts: readonly string[] | Readonly<Record<string, { readonly part: string; readonly takes: readonly TargetName[] }>>,
): Readonly<Record<string, Input>> {
  const all = { kind: "expand", module: recipe(module), params, candidates } as const;
  const named = Array.isArray(parts) ? parts.map((part: string) => [part, { part }] as const) : Object.entries(parts);
  return Object.fromEntries(named.map(([input, of]) => [input, { ...all, ...of }]));
}

/** A target as it is usually written: its outputs default to its name, its pool to `cpu`, its stage to `own`. */
export type TargetDeclaration = Omit<Target, "name" | "outputs" | "recipe" | "pool" | "stage"> & {
  readonly name: string;
  readonly outputs?: readonly string[];
  readonly recipe: string;
} & Partial<Pick<Target, "pool" | "stage">>;

export function target(declaration: TargetDeclaration): Target {
  const { name: own, outputs = [own], recipe: ref } = declaration;
  const named = { name: own as TargetName, outputs: outputs as readonly TargetName[], recipe: recipe(ref) };
  return { pool: "cpu", stage: "own", ...declaration, ...named };
}

/** What the default export of `targets/index.ts` is: targets from a project's configuration. */
export type Pipeline<Project> = (project: Project) => GraphDefinition;
