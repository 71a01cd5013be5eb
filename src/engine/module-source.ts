import { parse } from "es-module-lexer";
import { requireCalls } from "./require-calls.ts";

/*
 * What one module's source says about what it imports and passes on. Reads JavaScript and TypeScript alike, without
 * running either.
 */

/** The names a module is imported for, or all of them. */
export type Names = ReadonlySet<string> | typeof ALL;
export const ALL = "*" as const;

export interface Link {
  readonly specifier: string;
  /** `url`: a file beside the module, named by `new URL("./x", import.meta.url)`: a worker's module, or data that is read. */
  readonly by: "import" | "require" | "url";
  readonly names: Names;
  /** What the importer passes on: exported name → the name in the module it comes from; ALL for `export *`. */
  readonly reexports: ReadonlyMap<string, string> | typeof ALL;
}

export interface ParsedModule {
  readonly links: readonly Link[];
  /** True when the module holds nothing but re-exports. */
  readonly barrel: boolean;
  /** What nobody can follow (a computed name), as a person would look for it; undefined when there is nothing such. */
  readonly computed: string | undefined;
}

/** Reads JavaScript and TypeScript alike: the lexer knows which imports are type-only. */
export function parseModule(source: string): ParsedModule {
  const [imports, exports, facade] = parse(source);
  const links: Link[] = [];
  let computed: string | undefined;
  for (const [index, item] of imports.entries()) {
    if (item.type === "import-meta" || (item.type !== "dynamic" && item.typeOnly)) continue;
    if (item.specifier === undefined || (item.type === "dynamic" && item.glob)) {
      computed ??= "import(…)";
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
    links.push({ specifier: item.specifier, by: "import", names, reexports: star ? ALL : reexports });
  }
  const barrel = facade && links.length > 0;
  const whole = { names: ALL, reexports: new Map() };
  for (const match of source.matchAll(/new URL\(\s*["'](\.[^"']+)["']\s*,\s*import\.meta\.url/g)) {
    if (match[1] !== undefined) links.push({ specifier: match[1], by: "url", ...whole });
  }
  const required = requireCalls(source);
  for (const specifier of required.specifiers) links.push({ specifier, by: "require", ...whole });
  return { links, barrel, computed: computed ?? required.unknown };
}

/** The names in `import a, { b as c } from "m"`: `default` and `b`; ALL for `import * as m` and `import "m"`. */
function importedNames(written: string): Names {
  const statement = written.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
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

/** Where a barrel sends a name: `./a.ts strict`; empty when only an `export *` can know it. */
export function leadsTo(barrel: ParsedModule, name: string): string {
  for (const { reexports, specifier } of barrel.links) {
    const from = reexports === ALL ? undefined : reexports.get(name);
    if (from !== undefined) return `${specifier} ${from}`;
  }
  return "";
}

/** Which names to follow in a barrel's link when the barrel is imported for `wanted`; undefined when none. */
export function namesThrough(link: Link, wanted: ReadonlySet<string>): Names | undefined {
  if (link.reexports === ALL) return wanted;
  // Nothing of it is passed on, so it is imported for what it does: that happens whoever imports the barrel.
  if (link.reexports.size === 0) return link.names;
  const inner = new Set<string>();
  for (const name of wanted) {
    const from = link.reexports.get(name);
    if (from === ALL) return ALL;
    if (from !== undefined) inner.add(from);
  }
  return inner.size === 0 ? undefined : inner;
}
