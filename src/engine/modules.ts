import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { init, parse } from "es-module-lexer";
import { createJiti, type Jiti } from "jiti";
import { type Fingerprint, fingerprintOfJson } from "../graph/digest.ts";
import type { RecipeRef } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { ContentIndex } from "./ports.ts";

/*
 * A module's identity is the content of its own source and of every module it imports, followed to the end. Editing a
 * recipe therefore invalidates what it made, with no version number to remember. Two things are left out on purpose:
 * type-only imports (they are gone when the code runs) and barrels (a module that only re-exports is looked through, name
 * by name, so that editing one recipe does not touch its neighbours). A package counts as its name and version.
 */
export interface ModuleIdentity {
  readonly identity: Fingerprint;
  /** Module (path from the project or package root, or `package@version`) → content fingerprint. */
  readonly modules: Readonly<Record<string, string>>;
}

const BUILT_IN = "dsgen/recipes/";

export class Modules {
  readonly #projectRoot: string;
  readonly #packageRoot: string;
  readonly #content: ContentIndex;
  readonly #parsed = new Map<string, ParsedModule>();
  readonly #identities = new Map<string, ModuleIdentity>();
  #jiti: Jiti | undefined;

  private constructor(projectRoot: string, packageRoot: string, content: ContentIndex) {
    this.#projectRoot = projectRoot;
    this.#packageRoot = packageRoot;
    this.#content = content;
  }

  /** @param packageRoot dsgen's own installation: the folder of its package.json */
  static async open(projectRoot: string, packageRoot: string, content: ContentIndex): Promise<Modules> {
    await init;
    return new Modules(projectRoot, packageRoot, content);
  }

  /** Where a recipe's source lies, or why it cannot be found. */
  resolve(ref: RecipeRef): Result<string, Problem> {
    const here = dirname(fileURLToPath(import.meta.url));
    const path = ref.startsWith(BUILT_IN)
      ? firstThatExists(join(here, "..", "recipes", ref.slice(BUILT_IN.length)))
      : firstThatExists(join(this.#projectRoot, ref));
    if (path !== undefined) return ok(path);
    return err({
      kind: "graph",
      where: ref,
      message: "there is no such recipe module.",
      fix: `Name a file from the project root (targets/recipes/mine.ts), or one of dsgen's own (${BUILT_IN}…).`,
    });
  }

  /** The identity of a recipe: see ModuleIdentity. Throws a ProblemError for a module that cannot be read. */
  identity(ref: RecipeRef): Result<ModuleIdentity, Problem> {
    const known = this.#identities.get(ref);
    if (known !== undefined) return ok(known);
    const path = this.resolve(ref);
    if (!path.ok) return path;
    const modules: Record<string, string> = {};
    const problem = this.#walk(path.value, modules);
    if (problem !== undefined) return err({ ...problem, where: `${ref} (${problem.where})` });
    const sorted = Object.fromEntries(Object.entries(modules).sort(([a], [b]) => (a < b ? -1 : 1)));
    const identity = { identity: fingerprintOfJson(Object.values(sorted).sort()), modules: sorted };
    this.#identities.set(ref, identity);
    return ok(identity);
  }

  /** A recipe's (or expansion module's) default export, loaded; TypeScript sources are compiled on the fly. */
  async load(ref: RecipeRef): Promise<Result<unknown, Problem>> {
    const path = this.resolve(ref);
    return path.ok ? this.loadFile(path.value) : path;
  }

  /** The default export of a module by its absolute path. */
  async loadFile(path: string): Promise<Result<unknown, Problem>> {
    try {
      const module: unknown = isTypeScript(path)
        ? await this.#typescript().import(path)
        : await import(pathToFileURL(path).href);
      if (typeof module === "object" && module !== null && "default" in module) return ok(module.default);
      return err({
        kind: "graph",
        where: this.#label(path),
        message: "the module has no default export.",
        fix: "Export one.",
      });
    } catch (error) {
      const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      return err({ kind: "graph", where: this.#label(path), message: `the module cannot be loaded: ${message}` });
    }
  }

  #typescript(): Jiti {
    this.#jiti ??= createJiti(import.meta.url, {
      interopDefault: false,
      moduleCache: true,
      fsCache: false,
      alias: { dsgen: firstThatExists(join(dirname(fileURLToPath(import.meta.url)), "..", "index")) ?? "dsgen" },
    });
    return this.#jiti;
  }

  #walk(start: string, modules: Record<string, string>): Problem | undefined {
    const pending: { readonly path: string; readonly names: Names }[] = [{ path: start, names: ALL }];
    const seen = new Set<string>();
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const module = this.#parse(next.path);
      if (module === undefined) {
        return { kind: "graph", where: this.#label(next.path), message: "the module cannot be read." };
      }
      if (module.computed) {
        return {
          kind: "graph",
          where: this.#label(next.path),
          message: "it imports a module by a computed name, so what it is made of cannot be known.",
          fix: "Import by a literal name.",
        };
      }
      const through = module.barrel && next.names !== ALL;
      const visit = through ? `${next.path} ${[...next.names].sort().join(",")}` : next.path;
      if (seen.has(visit)) continue;
      seen.add(visit);
      if (!through) modules[this.#label(next.path)] = this.#content.fingerprint(next.path) ?? "";
      for (const link of module.links) {
        const names = through ? namesThrough(link, next.names) : link.names;
        if (names === undefined) continue;
        const found = this.#follow(next.path, link.specifier);
        if (found === undefined) {
          return {
            kind: "graph",
            where: this.#label(next.path),
            message: `it imports ${link.specifier}, which cannot be found.`,
          };
        }
        if (found.kind === "package") modules[found.id] = found.id;
        else if (found.kind === "file") pending.push({ path: found.path, names });
      }
    }
    return undefined;
  }

  #parse(path: string): ParsedModule | undefined {
    const known = this.#parsed.get(path);
    if (known !== undefined) return known;
    let source: string;
    try {
      source = readFileSync(path, "utf8");
    } catch {
      return undefined;
    }
    const parsed = parseModule(source);
    this.#parsed.set(path, parsed);
    return parsed;
  }

  #follow(from: string, specifier: string): Followed | undefined {
    if (isBuiltin(specifier)) return { kind: "builtin" };
    if (specifier.startsWith(".") || specifier.startsWith("/") || specifier.startsWith("file:")) {
      const base = specifier.startsWith("file:") ? fileURLToPath(specifier) : resolve(dirname(from), specifier);
      const path = firstThatExists(base);
      return path === undefined ? undefined : { kind: "file", path };
    }
    const id = packageId(from, specifier) ?? packageId(join(this.#packageRoot, "package.json"), specifier);
    return id === undefined ? undefined : { kind: "package", id };
  }

  /** A module's name on every machine: from the project root, or from the package's own. */
  #label(path: string): string {
    const inProject = relative(this.#projectRoot, path);
    const inPackage = relative(this.#packageRoot, path);
    const label = inProject.startsWith("..") ? `dsgen/${inPackage}` : inProject;
    return label.split(sep).join("/");
  }
}

/** The names a module is imported for, or all of them. */
type Names = ReadonlySet<string> | typeof ALL;
const ALL = "*" as const;

interface Link {
  readonly specifier: string;
  readonly names: Names;
  /** What the importer passes on: exported name → the name in the module it comes from; ALL for `export *`. */
  readonly reexports: ReadonlyMap<string, string> | typeof ALL;
}

interface ParsedModule {
  readonly links: readonly Link[];
  /** True when the module holds nothing but re-exports. */
  readonly barrel: boolean;
  /** It imports by a computed name, which nobody can follow. */
  readonly computed: boolean;
}

type Followed =
  | { readonly kind: "builtin" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "package"; readonly id: string };

/** Reads JavaScript and TypeScript alike: the lexer knows which imports are type-only. */
function parseModule(source: string): ParsedModule {
  const [imports, exports, facade] = parse(source);
  const links: Link[] = [];
  let computed = false;
  for (const [index, item] of imports.entries()) {
    if (item.type === "import-meta" || (item.type === "static" && item.typeOnly)) continue;
    if (item.specifier === undefined || (item.type === "dynamic" && item.glob)) {
      computed = true;
      continue;
    }
    const reexports = new Map<string, string>();
    let star = false;
    for (const exported of exports) {
      if (exported.type === "direct" || exported.typeOnly || exported.importIndex !== index) continue;
      if (exported.type === "reexport-all") star = true;
      else reexports.set(exported.name, exported.importName ?? ALL);
    }
    const names = item.type === "dynamic" ? ALL : importedNames(source.slice(item.importStart, item.importEnd));
    links.push({ specifier: item.specifier, names, reexports: star ? ALL : reexports });
  }
  // A worker's entry module is named by URL, not imported; what it runs is part of the recipe all the same.
  for (const match of source.matchAll(/new URL\(\s*["'](\.[^"']+\.[cm]?[jt]s)["']\s*,\s*import\.meta\.url/g)) {
    if (match[1] !== undefined) links.push({ specifier: match[1], names: ALL, reexports: new Map() });
  }
  return { links, barrel: facade && links.length > 0, computed };
}

/** The names in `import a, { b as c } from "m"`: `default` and `b`; ALL for `import * as m` and `import "m"`. */
function importedNames(statement: string): Names {
  const clause = /^(?:import|export)\s*([\s\S]*?)\s*from\s*["']/.exec(statement)?.[1];
  if (clause === undefined) return ALL;
  const braces = /\{([\s\S]*)\}/.exec(clause)?.[1];
  const outside = clause.replace(/\{[\s\S]*\}/, "").replace(/[,\s]/g, "");
  if (outside.startsWith("*")) return ALL;
  const names = new Set<string>();
  if (outside !== "") names.add("default");
  for (const item of (braces ?? "").split(",")) {
    const name = item.trim().split(/\s+as\s+/)[0];
    if (name !== undefined && name !== "" && !name.startsWith("type ")) names.add(name);
  }
  return names;
}

/** Which names to follow in a barrel's link when the barrel is imported for `wanted`; undefined when none. */
function namesThrough(link: Link, wanted: Names): Names | undefined {
  if (wanted === ALL || link.reexports === ALL) return wanted;
  const inner = new Set<string>();
  for (const name of wanted) {
    const from = link.reexports.get(name);
    if (from === ALL) return ALL;
    if (from !== undefined) inner.add(from);
  }
  return inner.size === 0 ? undefined : inner;
}

/** `name@version` of the package a specifier names, as seen from a file. */
function packageId(from: string, specifier: string): string | undefined {
  const name = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
  const paths = createRequire(from).resolve.paths(name) ?? [];
  for (const folder of paths) {
    const file = join(folder, name, "package.json");
    if (!existsSync(file)) continue;
    const manifest: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof manifest === "object" && manifest !== null && "version" in manifest)
      return `${name}@${manifest.version}`;
  }
  return undefined;
}

function firstThatExists(path: string): string | undefined {
  const stem = path.replace(/\.[cm]?[jt]s$/, "");
  const tries = [path, `${stem}.js`, `${stem}.ts`, `${stem}.mjs`, `${stem}.mts`];
  const found = tries.find((candidate) => /\.[cm]?[jt]s$/.test(candidate) && existsSync(candidate));
  return found === undefined ? undefined : realpathSync(found);
}

function isTypeScript(path: string): boolean {
  return /\.[cm]?ts$/.test(path);
}
