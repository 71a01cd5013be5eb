import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fingerprintOf, fingerprintOfJson } from "../graph/digest.ts";
import { isOwnRecipe, OWN_RECIPES, type RecipeRef } from "../graph/names.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { type Identified, KeptIdentities, type ModuleIdentity } from "./kept-identity.ts";
import { type Followed, follow } from "./module-links.ts";
import { loadModule, ownExport, sourceFile } from "./module-loader.ts";
import { ALL, type Link, leadsTo, type Names, namesThrough, type ParsedModule, parseModule } from "./module-source.ts";
import { Packages, packageAround } from "./packages.ts";
import { fromRoot, isIn, realPath } from "./paths.ts";
import type { ContentIndex, Kept } from "./ports.ts";

/*
 * A module's identity is the content of its own source and of every module it imports or requires, followed to the end, and
 * of the files that it names by `new URL("./x", import.meta.url)`. Editing a recipe therefore invalidates what it made, with
 * no version number to remember. Two things are left out on purpose: type-only imports (they are gone when the code runs) and
 * barrels (a module that only re-exports is looked through, name by name, so that editing one recipe does not touch its
 * neighbours; where each of those names leads does count). An installed package counts with all that it depends on
 * (packages.ts); the modules of one that is linked count like the project's own. Modules are told apart by where they lie
 * as seen from the recipe: two that swap their contents are a change, a project that moves is none.
 */
const NOTHING_KEPT: Kept = { get: () => undefined, put: () => undefined };

export class Modules {
  /** By its real path. */
  readonly projectRoot: string;
  readonly #packageRoot: string;
  readonly #content: ContentIndex;
  readonly #packages: Packages;
  /** Packages that somebody works in, outside the project: their modules are named from there. */
  readonly #linked = new Map<string, string>();
  readonly #parsed = new Map<string, ParsedModule>();
  readonly #identities = new Map<string, Result<ModuleIdentity, Problem>>();
  /** The files an identity covers, with what they held when it was taken. */
  readonly #keyedAs = new Map<string, ReadonlyMap<string, string>>();
  readonly #loaded = new Set<string>();

  readonly #kept: KeptIdentities;

  private constructor(projectRoot: string, packageRoot: string, content: ContentIndex, kept: Kept) {
    // Modules are found by their real path (as Node finds them), which a project behind a symbolic link does not share.
    this.projectRoot = realPath(projectRoot);
    this.#packageRoot = realPath(packageRoot);
    this.#content = content;
    this.#packages = new Packages(content);
    this.#kept = new KeptIdentities(kept, content, [this.projectRoot, this.#packageRoot]);
  }

  /** @param packageRoot dsgen's own installation: the folder of its package.json */
  static open(projectRoot: string, packageRoot: string, content: ContentIndex, kept: Kept = NOTHING_KEPT): Modules {
    return new Modules(projectRoot, packageRoot, content, kept);
  }

  /** Where a recipe's source lies, or why it cannot be found. */
  resolve(ref: RecipeRef): Result<string, Problem> {
    const path = isOwnRecipe(ref) ? ownExport(ref) : sourceFile(join(this.projectRoot, ref));
    if (path !== undefined) return ok(path);
    return err({
      kind: "graph",
      where: ref,
      message: "there is no such recipe module.",
      fix: `Name a file from the project root (targets/recipes/mine.ts), or one of dsgen's own (${OWN_RECIPES}…).`,
    });
  }

  /**
   * The identity of a recipe: see ModuleIdentity. Problems (`graph`): it, or a module it imports, is not there, cannot be
   * read or parsed, or imports by a computed name. Throws a ProblemError where reading is not permitted.
   */
  identity(ref: RecipeRef): Result<ModuleIdentity, Problem> {
    const known = this.#identities.get(ref);
    if (known !== undefined) return known;
    const path = this.resolve(ref);
    if (!path.ok) return path;
    const kept = isOwnRecipe(ref) ? this.#kept.get(ref, path.value) : undefined;
    if (kept !== undefined) return this.#identified(ref, kept);
    const walked = this.#walk(path.value);
    if (!walked.ok) return err({ ...walked.error, where: `${ref} (${walked.error.where})` });
    const { parts, plain } = walked.value;
    const seenFromHere = [...parts].map(({ place, content }) => `${place} ${content}`).sort();
    const files = new Map(parts.flatMap(({ file, content }) => (file === undefined ? [] : [[file, content]])));
    const identity: ModuleIdentity = {
      identity: fingerprintOfJson(seenFromHere),
      files: [...files.keys()],
      packages: parts.flatMap(({ folder }) => (folder === undefined ? [] : [folder])),
      modules: labelled(parts),
    };
    if (isOwnRecipe(ref) && plain)
      this.#kept.put(ref, path.value, { identity, contents: files }, this.#packages.looked());
    return this.#identified(ref, { identity, contents: files });
  }

  #identified(ref: RecipeRef, { identity, contents }: Identified): Result<ModuleIdentity, Problem> {
    const known = ok(identity);
    this.#identities.set(ref, known);
    this.#keyedAs.set(ref, contents);
    return known;
  }

  /** A recipe's (or expansion module's) default export, loaded. */
  async load(ref: RecipeRef): Promise<Result<unknown, Problem>> {
    const path = this.resolve(ref);
    if (!path.ok) return path;
    const load = () => this.loadFile(path.value);
    const loaded = isOwnRecipe(ref) ? await load() : await watched(load);
    if (!loaded.ok || this.#loaded.has(ref)) return loaded;
    const changed = this.changedSinceKeyed(ref);
    if (changed !== undefined) return err(changed);
    this.#loaded.add(ref);
    return loaded;
  }

  /**
   * A module saved between the moment it was hashed and the moment it was loaded would store what the new code makes under
   * the old code's key. Once loaded, it cannot change any more in this thread.
   */
  changedSinceKeyed(ref: RecipeRef): Problem | undefined {
    for (const [file, content] of this.#keyedAs.get(ref) ?? []) {
      if (this.#content.fingerprint(file) === content) continue;
      return {
        kind: "recipe",
        where: this.#label(file),
        message: "the module changed while the build was under way.",
        fix: "Run again; nothing was stored.",
      };
    }
    return undefined;
  }

  /** The default export of a module of the project's that is no recipe: its `targets/`. */
  loadProjectFile(path: string): Promise<Result<unknown, Problem>> {
    return watched(() => this.loadFile(path));
  }

  /** The default export of a module by its absolute path. */
  loadFile(path: string): Promise<Result<unknown, Problem>> {
    return loadModule(path, this.#label(path));
  }

  /** `plain`: every link was a path to a file that is there, or the name of an installed package or of Node's own. */
  #walk(start: string): Result<{ readonly parts: readonly Part[]; readonly plain: boolean }, Problem> {
    const parts: Part[] = [];
    let plain = true;
    const pending: { readonly path: string; readonly names: Names }[] = [{ path: start, names: ALL }];
    const seen = new Set<string>();
    const once = (what: string): boolean => !seen.has(what) && seen.add(what) !== undefined;
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { path, names } = next;
      const module = this.#parse(path);
      if (!module.ok) return module;
      const through = module.value.barrel && names !== ALL ? names : undefined;
      if (!once(through === undefined ? path : `${path} ${[...through].sort().join(",")}`)) continue;
      if (through === undefined) parts.push(this.#filePart(path, start));
      for (const name of through ?? []) {
        parts.push(this.#part(`${path} { ${name} }`, start, leadsTo(module.value, name)));
      }
      for (const link of module.value.links) {
        const wanted = through === undefined ? link.names : namesThrough(link, through);
        if (wanted === undefined) continue;
        const found = follow(path, link, this.#packages, this.#packageRoot);
        plain &&= isPlain(link, found);
        switch (found.kind) {
          case "builtin":
            break;
          case "module":
            for (const to of found.also === undefined ? [found.path] : [found.path, found.also]) {
              const manifest = this.#linkedManifest(to);
              if (manifest !== undefined && once(manifest)) parts.push(this.#filePart(manifest, start));
              pending.push({ path: to, names: wanted });
            }
            break;
          case "data":
            if (once(found.path)) parts.push(this.#filePart(found.path, start));
            break;
          case "package":
            for (const { id, folder, content } of once(found.folder) ? this.#packages.closure(found.folder) : []) {
              if (once(`package ${folder}`)) parts.push({ label: id, place: id, content, folder });
            }
            break;
          default: {
            const problem = unfollowed(link, found, this.#label(path));
            if (problem !== undefined) return err(problem);
            // Where it is looked for and not there, its appearing is a change.
            parts.push(this.#part(`${path} (${link.specifier})`, start, "absent"));
          }
        }
      }
    }
    return ok({ parts, plain });
  }

  #part(path: string, start: string, content: string): Part {
    const label = this.#label(path);
    const rootOf = (file: string) => this.#linkedAround(file) ?? fromRoot(this.projectRoot, file).startsWith("..");
    const near = rootOf(path) === rootOf(start);
    const place = near ? fromRoot(dirname(start), path) : label;
    return { label, place: path === start ? "." : place, content };
  }

  #filePart(file: string, start: string): Part {
    return { ...this.#part(file, start, this.#content.fingerprint(file) ?? ""), file };
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
    if (parsed.computed !== undefined) {
      return err({
        kind: "graph",
        where,
        message: `it loads a module by a computed name (${parsed.computed}), so what it is made of cannot be known.`,
        fix: 'Load it by a literal name: import("./a.ts"), require("./a.cjs").',
      });
    }
    this.#parsed.set(path, parsed);
    return ok(parsed);
  }

  /**
   * The package.json of a module that comes from neither the project nor dsgen: it says how the package's modules are
   * loaded. From here on they are named from there; where the package lies is this machine's business.
   */
  #linkedManifest(path: string): string | undefined {
    if (isIn(path, this.projectRoot) || isIn(path, this.#packageRoot)) return undefined;
    const around = packageAround(path);
    if (around === undefined) return undefined;
    this.#linked.set(around.folder, around.name);
    return join(around.folder, "package.json");
  }

  #linkedAround(path: string): string | undefined {
    return [...this.#linked.keys()].find((folder) => isIn(path, folder));
  }

  /** A module's name on every machine: from the project root, or from its package's. */
  #label(path: string): string {
    const linked = this.#linkedAround(path);
    const [name, root] = isIn(path, this.projectRoot)
      ? ["", this.projectRoot]
      : linked === undefined
        ? ["dsgen/", this.#packageRoot]
        : [`${this.#linked.get(linked) ?? ""}/`, linked];
    return name + fromRoot(root, path);
  }
}

function isPlain(link: Link, found: Followed): boolean {
  const { kind } = found;
  return kind === "builtin" || kind === "package" || (kind !== "absent" && link.specifier.startsWith("."));
}

/** One thing a recipe is made of: what people call it, where it lies as seen from the recipe, and what is there. */
interface Part {
  readonly label: string;
  readonly place: string;
  readonly content: string;
  /** The file, if that is what it is. */
  readonly file?: string;
  /** The folder of the package, if that is what it is. */
  readonly folder?: string;
}

function labelled(parts: readonly Part[]): Record<string, string> {
  const contents = new Map<string, string[]>();
  for (const { label, content } of parts) contents.set(label, [...(contents.get(label) ?? []), content]);
  const sorted = [...contents].sort(([a], [b]) => (a < b ? -1 : 1));
  // Two installations of one package differ in what they find beside them.
  return Object.fromEntries(
    sorted.map(([label, all]) => [label, all.length === 1 ? all.join() : fingerprintOf(all.sort().join())]),
  );
}

/** Why a link cannot be followed; undefined for what may be absent (`require` in a `try`, a file that is looked for). */
function unfollowed(
  link: Link,
  found: Extract<Followed, { kind: "absent" | "unsupported" }>,
  where: string,
): Problem | undefined {
  const { specifier, by } = link;
  if (found.kind === "unsupported") {
    return {
      kind: "graph",
      where,
      message: `it loads ${specifier}, which is neither JavaScript, TypeScript nor JSON.`,
      fix: `Read it instead: readFileSync(new URL("${specifier}", import.meta.url)); it counts as part of the module then.`,
    };
  }
  if (by !== "import") return undefined;
  return {
    kind: "graph",
    where,
    message: `it imports ${specifier}, which cannot be found.`,
    fix: "Correct the import, or install the package.",
  };
}

/** The hooks cost a few milliseconds, which a project without code of its own need not wait for. */
async function watched<T>(load: () => Promise<T>): Promise<T> {
  const { watchLoading } = await import("./guard-hooks.ts");
  return watchLoading(load);
}
