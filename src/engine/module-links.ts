import { realpathSync, statSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import fresh from "#fresh";
import { isSource, ownExport, sourceFile, typescript } from "./module-loader.ts";
import type { Link } from "./module-source.ts";
import { isInstalled, type Packages, packageName } from "./packages.ts";

/** Where a link of a module leads. Paths are real paths. */
export type Followed =
  | { readonly kind: "builtin" }
  /** `also`: where the same name leads when it is loaded the other way (`import` and `require` may differ). */
  | { readonly kind: "module"; readonly path: string; readonly also?: string }
  /** A file that is no code: its content counts. */
  | { readonly kind: "data"; readonly path: string }
  /** A file that neither Node nor dsgen can load as a module. */
  | { readonly kind: "unsupported"; readonly path: string }
  | { readonly kind: "package"; readonly folder: string }
  | { readonly kind: "absent" };

const BUILTIN: Followed = { kind: "builtin" };
const ABSENT: Followed = { kind: "absent" };

/** @param ownRoot the folder of dsgen's own package.json: its packages are found by a project that has none */
export function follow(from: string, link: Link, packages: Packages, ownRoot: string): Followed {
  const { specifier, by } = link;
  // A data: URL is all in the importer's own source.
  if (isBuiltin(specifier) || specifier.startsWith("data:")) return BUILTIN;
  if (by === "url" || /^(?:\.|\/|file:)/.test(specifier)) return followPath(from, link);
  // A name of the importer's own package.json (`imports`).
  if (specifier.startsWith("#")) return nativelyFound(from, specifier);
  const installed = packages.find(from, specifier);
  const isOwn =
    packageName(specifier) === "dsgen" && (installed === undefined || installed === ownRoot || isTyped(from));
  const exported = isOwn ? ownExport(specifier) : undefined;
  // What a project takes from dsgen is followed name by name, so that another version of the rest changes nothing.
  if (exported !== undefined) return { kind: "module", path: exported };
  const folder = installed ?? packages.find(join(ownRoot, "package.json"), specifier);
  if (folder === undefined) return nativelyFound(from, specifier);
  return isInstalled(folder) ? { kind: "package", folder } : nativelyFound(from, specifier);
}

function followPath(from: string, { specifier, by }: Link): Followed {
  const path = specifier.startsWith("file:") ? fileURLToPath(specifier) : resolve(dirname(from), specifier);
  const source = sourceFile(path);
  if (source !== undefined) return { kind: "module", path: source };
  if (isFile(path)) {
    const real = realpathSync(path);
    return { kind: by === "url" || /\.(?:json|node)$/.test(path) ? "data" : "unsupported", path: real };
  }
  if (by !== "require") return ABSENT;
  const folder = sourceFile(join(path, "index"));
  return folder === undefined ? nativelyFound(from, specifier) : { kind: "module", path: folder };
}

/** Whatever Node finds under a name, for `import` and for `require`. Where it looks for that is not told. */
function nativelyFound(from: string, specifier: string): Followed {
  fresh.spoiled();
  const conditions = ["node", "import"];
  const found = [
    attempt(() => typescript().esmResolve(specifier, { parentURL: pathToFileURL(from).href, conditions })),
    attempt(() => createRequire(from).resolve(specifier)),
  ].flatMap((at) => {
    const path = at?.startsWith("file:") === true ? fileURLToPath(at) : at;
    return path !== undefined && isFile(path) ? [realpathSync(path)] : [];
  });
  const [path, also] = [...new Set(found)];
  if (path === undefined) return ABSENT;
  if (!isSource(path)) return { kind: /\.(?:json|node)$/.test(path) ? "data" : "unsupported", path };
  return also === undefined || !isSource(also) ? { kind: "module", path } : { kind: "module", path, also };
}

function attempt(find: () => string): string | undefined {
  try {
    return find();
  } catch {
    // Node's ways of saying that there is nothing under this name are many, and none of them matters here.
    return undefined;
  }
}

/** Compiled on the fly, where `dsgen` stands for this very dsgen. */
function isTyped(path: string): boolean {
  return /\.[cm]?ts$/.test(path);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
