import { err, ok, type Result } from "./result.ts";

/** A target's name: its path from the project root, with `/`, no `.` or `..` segments. */
export type TargetName = string & { readonly __brand: "TargetName" };

/**
 * A recipe module's address. `dsgen/recipes/<name>` is one of the package's own; anything else is a path from the
 * project root (`targets/recipes/rhymes.ts`), so that keys do not depend on where a project lies.
 */
export type RecipeRef = string & { readonly __brand: "RecipeRef" };

/** What file systems allow: bytes of one component, and of a whole path with room for the project's own place. */
const COMPONENT_BYTES = 255;
const PATH_BYTES = 1000;
/** What dsgen writes beside a file it makes has a longer name: its manifest, a temporary file. */
const BESIDE_BYTES = 32;

/** Folders of a project that hold what is not made from its targets: sources, packages, history. */
const NOT_FOR_OUTPUTS: ReadonlyMap<string, string> = new Map([
  [".git", "the repository's history"],
  ["node_modules", "installed packages"],
]);
const NOT_FOR_OUTPUTS_AT_ROOT: ReadonlyMap<string, string> = new Map([
  ["config", "the configuration"],
  ["targets", "the pipeline's sources"],
]);

/** Of letters, digits and `_.-`, no name beginning with a dot, and shorter than any limit: nothing below can be wrong with it. */
const PLAIN = /^(?=.{1,200}$)\w[\w.-]*(?:\/\w[\w.-]*)*$/;

/** Why a text is not a path inside the project, or the path, normalised. Both `a/./b` and `a//b` become `a/b`. */
export function projectPath(text: string): Result<string, string> {
  // Most paths are plain: 10,000 of them are checked before every build.
  if (PLAIN.test(text)) return ok(text);
  if (text === "") return err("the path is empty");
  if (text.includes("\0")) return err("the path holds a NUL character");
  const control = /\p{Cc}/u.exec(text)?.[0];
  if (control !== undefined) return err(`the path holds a control character (${codePoint(control)})`);
  if (/\p{Surrogate}/u.test(text)) return err("the path holds half of a surrogate pair, which no file name can");
  if (text.includes("\\")) return err("the path holds a backslash; write / between folders");
  if (text.startsWith("/") || /^[A-Za-z]:/.test(text))
    return err("the path is absolute; name it from the project root");
  const segments = text.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) return err("the path leaves the project (it holds ..)");
  const [first] = segments;
  if (first === undefined) return err("the path names the project root itself");
  if (foldedPath(first) === ".dsgen-cache") return err("the path lies in the cache");
  const long = segments.find((segment) => Buffer.byteLength(segment) > COMPONENT_BYTES);
  if (long !== undefined) {
    return err(`a name in the path is ${Buffer.byteLength(long)} bytes long; file systems take ${COMPONENT_BYTES}`);
  }
  const path = segments.join("/");
  const bytes = Buffer.byteLength(path);
  return bytes > PATH_BYTES ? err(`the path is ${bytes} bytes long; at most ${PATH_BYTES} are safe`) : ok(path);
}

/** Like `projectPath`, as a target's name: outside what is not dsgen's to write, and short enough for what lies beside it. */
export function targetName(text: string): Result<TargetName, string> {
  // Of a plain path only these names can be wrong, however they are written.
  if (PLAIN.test(text) && !/node_modules|^(?:config|targets)(?:\/|$)/i.test(text)) return ok(text as TargetName);
  const path = projectPath(text);
  if (!path.ok) return path;
  const segments = path.value.split("/");
  // The last one too: `.git` is a file in a second work tree.
  for (const [index, segment] of segments.map(foldedPath).entries()) {
    const holds = NOT_FOR_OUTPUTS.get(segment) ?? (index === 0 ? NOT_FOR_OUTPUTS_AT_ROOT.get(segment) : undefined);
    if (holds !== undefined) return err(`${segments.slice(0, index + 1).join("/")}/ holds ${holds}`);
  }
  const bytes = Buffer.byteLength(segments.at(-1) ?? "");
  if (bytes > COMPONENT_BYTES - BESIDE_BYTES) {
    return err(
      `its name is ${bytes} bytes long; file systems take ${COMPONENT_BYTES}, and ${BESIDE_BYTES} of them are for what is written beside it`,
    );
  }
  return ok(path.value as TargetName);
}

/** A path as a file system sees it that ignores case or the ways of writing an accent: equal ones may be one file. */
export function foldedPath(path: string): string {
  // Most paths are plain: 10,000 of them are folded before every build.
  return /[^ -~]/.test(path) ? path.normalize("NFC").toLowerCase().normalize("NFC") : path.toLowerCase();
}

function codePoint(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

export const OWN_RECIPES = "dsgen/recipes/";

/** Whether a recipe is one of dsgen's own, rather than the project's. */
export function isOwnRecipe(ref: RecipeRef): boolean {
  return ref.startsWith(OWN_RECIPES);
}
