import { err, ok, type Result } from "./result.ts";

/** A target's name: its path from the project root, with `/`, no `.` or `..` segments. */
export type TargetName = string & { readonly __brand: "TargetName" };

/**
 * A recipe module's address. `dsgen/recipes/<name>` is one of the package's own; anything else is a path from the
 * project root (`targets/recipes/rhymes.ts`), so that keys do not depend on where a project lies.
 */
export type RecipeRef = string & { readonly __brand: "RecipeRef" };

/** Why a text is not a path inside the project, or the path, normalised. Both `a/./b` and `a//b` become `a/b`. */
export function projectPath(text: string): Result<string, string> {
  if (text === "") return err("the path is empty");
  if (text.includes("\0")) return err("the path holds a NUL character");
  if (text.includes("\\")) return err("the path holds a backslash; write / between folders");
  if (text.startsWith("/") || /^[A-Za-z]:/.test(text))
    return err("the path is absolute; name it from the project root");
  const segments = text.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) return err("the path leaves the project (it holds ..)");
  if (segments.length === 0) return err("the path names the project root itself");
  if (segments[0] === ".dsgen-cache") return err("the path lies in the cache");
  return ok(segments.join("/"));
}

/** Like `projectPath`, as a target's name. */
export function targetName(text: string): Result<TargetName, string> {
  const path = projectPath(text);
  return path.ok ? ok(path.value as TargetName) : path;
}

export const OWN_RECIPES = "dsgen/recipes/";

/** Whether a recipe is one of dsgen's own, rather than the project's. */
export function isOwnRecipe(ref: RecipeRef): boolean {
  return ref.startsWith(OWN_RECIPES);
}
