import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createJiti, type Jiti } from "jiti";
import { type Fingerprint, fingerprintOfJson } from "../graph/digest.ts";
import type { RecipeRef } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import {
  ALL,
  leadsTo,
  type Names,
  namesThrough,
  type ParsedModule,
  parseModule,
  prepareLexer,
} from "./module-source.ts";
import type { ContentIndex } from "./ports.ts";

/*
 * A module's identity is the content of its own source and of every module it imports, followed to the end. Editing a
 * recipe therefore invalidates what it made, with no version number to remember. Two things are left out on purpose:
 * type-only imports (they are gone when the code runs) and barrels (a module that only re-exports is looked through, name
 * by name, so that editing one recipe does not touch its neighbours; where each of those names leads does count). A package
 * counts as its name and version. Modules are told apart by where they lie as seen from the recipe: two that swap their
 * contents are a change, a project that moves is none.
 */
export interface ModuleIdentity {
  readonly identity: Fingerprint;
  /**
   * Module (path from the project or package root, or `package@version`) → content fingerprint; and a name that a barrel
   * passes on (`lib/index.ts { check }`) → where it leads.
   */
  readonly modules: Readonly<Record<string, string>>;
}

const BUILT_IN = "dsgen/recipes/";

export class Modules {
  readonly #projectRoot: string;
  readonly #packageRoot: string;
  readonly #content: ContentIndex;
  readonly #parsed = new Map<string, ParsedModule>();
  readonly #identities = new Map<string, ModuleIdentity>();
  /** The files an identity covers, with what they held when it was taken; gone once the recipe is loaded. */
  readonly #unloaded = new Map<string, ReadonlyMap<string, string>>();
  #jiti: Jiti | undefined;

  private constructor(projectRoot: string, packageRoot: string, content: ContentIndex) {
    // Modules are found by their real path (as Node finds them), which a project behind a symbolic link does not share.
    this.#projectRoot = realPath(projectRoot);
    this.#packageRoot = realPath(packageRoot);
    this.#content = content;
  }

  /** @param packageRoot dsgen's own installation: the folder of its package.json */
  static async open(projectRoot: string, packageRoot: string, content: ContentIndex): Promise<Modules> {
    await prepareLexer();
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

  /**
   * The identity of a recipe: see ModuleIdentity. Problems (`graph`): it, or a module it imports, is not there, cannot be
   * read or parsed, or imports by a computed name. Throws a ProblemError where reading is not permitted.
   */
  identity(ref: RecipeRef): Result<ModuleIdentity, Problem> {
    const known = this.#identities.get(ref);
    if (known !== undefined) return ok(known);
    const path = this.resolve(ref);
    if (!path.ok) return path;
    const parts = new Map<string, Part>();
    const problem = this.#walk(path.value, parts);
    if (problem !== undefined) return err({ ...problem, where: `${ref} (${problem.where})` });
    const seenFromHere = [...parts.values()].map(({ place, content }) => `${place} ${content}`).sort();
    const identity = { identity: fingerprintOfJson(seenFromHere), modules: labelled(parts) };
    this.#identities.set(ref, identity);
    this.#unloaded.set(
      ref,
      new Map([...parts.values()].flatMap(({ file, content }) => (file ? [[file, content]] : []))),
    );
    return ok(identity);
  }

  /** A recipe's (or expansion module's) default export, loaded; TypeScript sources are compiled on the fly. */
  async load(ref: RecipeRef): Promise<Result<unknown, Problem>> {
    const path = this.resolve(ref);
    if (!path.ok) return path;
    const loaded = await this.loadFile(path.value);
    const changed = loaded.ok ? this.#changedSinceKeyed(ref) : undefined;
    return changed === undefined ? loaded : err(changed);
  }

  /**
   * A module saved between the moment it was hashed and the moment it was loaded would store what the new code makes under
   * the old code's key. Once loaded, it cannot change any more in this process.
   */
  #changedSinceKeyed(ref: RecipeRef): Problem | undefined {
    for (const [file, content] of this.#unloaded.get(ref) ?? []) {
      if (this.#content.fingerprint(file) === content) continue;
      return {
        kind: "recipe",
        where: this.#label(file),
        message: "the module changed while the build was under way.",
        fix: "Run again; nothing was stored.",
      };
    }
    this.#unloaded.delete(ref);
    return undefined;
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
      return err({
        kind: "graph",
        where: this.#label(path),
        message: `the module cannot be loaded: ${message}`,
        fix: "Correct the module.",
      });
    }
  }

  #typescript(): Jiti {
    this.#jiti ??= createJiti(import.meta.url, {
      interopDefault: false,
      moduleCache: true,
      fsCache: false,
      // The more specific name first: an alias also stands for what begins with it.
      alias: { "dsgen/targets": own("../../targets/index"), dsgen: own("../index") },
    });
    return this.#jiti;
  }

  #walk(start: string, parts: Map<string, Part>): Problem | undefined {
    const from = dirname(start);
    const place = (path: string) => (path === start ? "." : relative(from, path).split(sep).join("/"));
    const pending: { readonly path: string; readonly names: Names }[] = [{ path: start, names: ALL }];
    const seen = new Set<string>();
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { path, names } = next;
      const module = this.#parse(path);
      if (!module.ok) return module.error;
      const through = module.value.barrel && names !== ALL ? names : undefined;
      const visit = through === undefined ? path : `${path} ${[...through].sort().join(",")}`;
      if (seen.has(visit)) continue;
      seen.add(visit);
      if (through === undefined) {
        const content = this.#content.fingerprint(path) ?? "";
        parts.set(this.#label(path), { place: place(path), content, file: path });
      }
      for (const name of through ?? []) {
        const passed = `{ ${name} }`;
        parts.set(`${this.#label(path)} ${passed}`, {
          place: `${place(path)} ${passed}`,
          content: leadsTo(module.value, name),
        });
      }
      for (const link of module.value.links) {
        const wanted = through === undefined ? link.names : namesThrough(link, through);
        if (wanted === undefined) continue;
        const found = this.#follow(path, link.specifier);
        if (found === undefined) {
          return {
            kind: "graph",
            where: this.#label(path),
            message: `it imports ${link.specifier}, which cannot be found.`,
            fix: "Correct the import, or install the package.",
          };
        }
        if (found.kind === "package") parts.set(found.id, { place: found.id, content: found.id });
        else if (found.kind === "file") pending.push({ path: found.path, names: wanted });
      }
    }
    return undefined;
  }

  #parse(path: string): Result<ParsedModule, Problem> {
    const known = this.#parsed.get(path);
    if (known !== undefined) return ok(known);
    const where = this.#label(path);
    let source: string;
    try {
      source = readFileSync(path, "utf8");
    } catch {
      return err({ kind: "graph", where, message: "the module cannot be read." });
    }
    let parsed: ParsedModule;
    try {
      parsed = parseModule(source);
    } catch (error) {
      const at = error instanceof Error ? (/\d+:\d+$/.exec(error.message)?.[0] ?? "?") : "?";
      return err({
        kind: "graph",
        where: `${where}:${at}`,
        message: "the module has a syntax error.",
        fix: "Correct it; `node --check` or the TypeScript compiler says more.",
      });
    }
    if (parsed.computed) {
      return err({
        kind: "graph",
        where,
        message: "it imports a module by a computed name, so what it is made of cannot be known.",
        fix: "Import by a literal name.",
      });
    }
    this.#parsed.set(path, parsed);
    return ok(parsed);
  }

  #follow(from: string, specifier: string): Followed | undefined {
    if (isBuiltin(specifier)) return { kind: "builtin" };
    if (specifier.startsWith(".") || specifier.startsWith("/") || specifier.startsWith("file:")) {
      const base = specifier.startsWith("file:") ? fileURLToPath(specifier) : resolve(dirname(from), specifier);
      const path = firstThatExists(base);
      return path === undefined ? undefined : { kind: "file", path };
    }
    const own = join(this.#packageRoot, "package.json");
    // A recipe in a project that has no dsgen installed beside it is run with this one.
    const id =
      packageId(from, specifier) ??
      (packageName(specifier) === "dsgen" ? versionedName("dsgen", own) : packageId(own, specifier));
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

/** One thing a recipe is made of: where it lies as seen from the recipe, and what is there. */
interface Part {
  readonly place: string;
  readonly content: string;
  /** The module's own file, if that is what it is. */
  readonly file?: string;
}

function labelled(parts: ReadonlyMap<string, Part>): Record<string, string> {
  const sorted = [...parts].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([label, { content }]) => [label, content]));
}

type Followed =
  | { readonly kind: "builtin" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "package"; readonly id: string };

/** `name@version` of the package a specifier names, as seen from a file. */
function packageId(from: string, specifier: string): string | undefined {
  const name = packageName(specifier);
  for (const folder of createRequire(from).resolve.paths(name) ?? []) {
    const id = versionedName(name, join(folder, name, "package.json"));
    if (id !== undefined) return id;
  }
  return undefined;
}

function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function versionedName(name: string, manifestFile: string): string | undefined {
  if (!existsSync(manifestFile)) return undefined;
  let manifest: unknown;
  try {
    manifest = JSON.parse(readFileSync(manifestFile, "utf8"));
  } catch {
    // Half-installed: as good as absent.
    return undefined;
  }
  if (typeof manifest !== "object" || manifest === null || !("version" in manifest)) return undefined;
  return `${name}@${manifest.version}`;
}

function firstThatExists(path: string): string | undefined {
  const stem = path.replace(/\.[cm]?[jt]s$/, "");
  const tries = [path, `${stem}.js`, `${stem}.ts`, `${stem}.mjs`, `${stem}.mts`];
  const found = tries.find((candidate) => /\.[cm]?[jt]s$/.test(candidate) && existsSync(candidate));
  return found === undefined ? undefined : realpathSync(found);
}

function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

function isTypeScript(path: string): boolean {
  return /\.[cm]?ts$/.test(path);
}

/** A module of this very installation, compiled or not. */
function own(path: string): string {
  const found = firstThatExists(join(dirname(fileURLToPath(import.meta.url)), path));
  if (found === undefined) throw new Error(`dsgen's own ${path} is missing`);
  return found;
}
