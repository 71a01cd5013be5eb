import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { type Fingerprint, fingerprintOfJson } from "../graph/digest.ts";
import { isJsonObject, type JsonObject, jsonObjectIn } from "../graph/json.ts";
import { fromRoot } from "./paths.ts";
import type { ContentIndex } from "./ports.ts";

/*
 * What an installed package is: its version, what the package manager noted of its content when it was installed (npm's
 * `node_modules/.package-lock.json`), and, to the end, the packages that it finds beside it. Where nothing was noted (other
 * package managers, folders put there by hand or linked), its files are looked at instead.
 */

/** One installed package as its importer finds it. */
export interface InstalledPackage {
  /** `zod@4.1.2` */
  readonly id: string;
  /** Its folder, by its real path. */
  readonly folder: string;
  /** Version, content and which packages it finds under the names it depends on. */
  readonly content: string;
}

/** Files that no running program reads: they may differ between two installations of one package. */
const NOT_RUN = /\.(?:map|md|markdown|d\.[cm]?ts)$/i;

export class Packages {
  readonly #content: ContentIndex;
  readonly #manifests = new Map<string, JsonObject | undefined>();
  readonly #locks = new Map<string, JsonObject | undefined>();
  readonly #known = new Map<string, InstalledPackage>();
  readonly #listed = new Set<string>();

  constructor(content: ContentIndex) {
    this.#content = content;
  }

  /** Every file that was looked for, there or not, and every folder that was listed, with a slash behind it. */
  looked(): readonly string[] {
    const lockOf = (root: string) => join(root, "node_modules", ".package-lock.json");
    return [
      ...[...this.#manifests.keys()].map((folder) => join(folder, "package.json")),
      ...[...this.#locks.keys()].map(lockOf),
      ...this.#listed,
    ];
  }

  /** The folder, by its real path, of the package that a specifier names as seen from a file; undefined when not installed. */
  find(from: string, specifier: string): string | undefined {
    const name = packageName(specifier);
    for (const modules of createRequire(from).resolve.paths(name) ?? []) {
      const folder = join(modules, name);
      if (this.#manifest(folder) !== undefined) return realpathSync(folder);
    }
    return undefined;
  }

  /** The package in a folder and all that it depends on, to the end, each once. */
  closure(folder: string): readonly InstalledPackage[] {
    const found = new Map<string, InstalledPackage>();
    const pending = [folder];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (found.has(next)) continue;
      const needs = this.#needs(next);
      const known = this.#known.get(next) ?? this.#installed(next, needs);
      this.#known.set(next, known);
      found.set(next, known);
      for (const need of needs.values()) if (need !== undefined) pending.push(need);
    }
    return [...found.values()];
  }

  #installed(folder: string, needs: ReadonlyMap<string, string | undefined>): InstalledPackage {
    const id = this.#id(folder);
    const uses = [...needs].map(([name, need]) => [name, need === undefined ? "not installed" : this.#id(need)]);
    const content = fingerprintOfJson([id, this.#noted(folder) ?? this.#files(folder), uses.sort()]);
    return { id, folder, content };
  }

  /** What it depends on, by name: the folder that it finds, or undefined where there is none. */
  #needs(folder: string): ReadonlyMap<string, string | undefined> {
    const manifest = this.#manifest(folder) ?? {};
    const needs = new Map<string, string | undefined>();
    for (const kind of ["dependencies", "optionalDependencies", "peerDependencies"]) {
      const listed = manifest[kind];
      if (!isJsonObject(listed)) continue;
      for (const name of Object.keys(listed)) needs.set(name, this.find(join(folder, "package.json"), name));
    }
    return needs;
  }

  #id(folder: string): string {
    const { name, version } = this.#manifest(folder) ?? {};
    return `${typeof name === "string" ? name : "?"}@${typeof version === "string" ? version : "?"}`;
  }

  /** What npm noted of the package's content, if it still speaks of the version that lies there. */
  #noted(folder: string): string | undefined {
    const version = this.#manifest(folder)?.["version"];
    const root = folder.split(`${sep}node_modules${sep}`)[0] ?? folder;
    const packages = this.#lock(root)?.["packages"];
    if (root === folder || !isJsonObject(packages)) return undefined;
    const path = fromRoot(root, folder);
    const own = packages[path];
    if (!isJsonObject(own) || own["version"] !== version) return undefined;
    const noted = integrityOf(own);
    if (noted !== undefined || own["inBundle"] !== true) return noted;
    // It came inside another package, whose content was noted as a whole.
    for (let at = path.lastIndexOf("/node_modules/"); at > 0; at = path.lastIndexOf("/node_modules/", at - 1)) {
      const around = packages[path.slice(0, at)];
      if (isJsonObject(around) && around["inBundle"] !== true) return integrityOf(around);
    }
    return undefined;
  }

  #lock(root: string): JsonObject | undefined {
    if (!this.#locks.has(root)) this.#locks.set(root, readJson(join(root, "node_modules", ".package-lock.json")));
    return this.#locks.get(root);
  }

  #manifest(folder: string): JsonObject | undefined {
    if (!this.#manifests.has(folder)) this.#manifests.set(folder, readJson(join(folder, "package.json")));
    return this.#manifests.get(folder);
  }

  /** The content of every file in the folder that a program may run or read. */
  #files(folder: string): Fingerprint {
    const files: [string, string][] = [];
    const pending = [folder];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      this.#listed.add(`${next}/`);
      for (const entry of readdirSync(next, { withFileTypes: true })) {
        const path = join(next, entry.name);
        if (entry.isDirectory() && entry.name !== "node_modules" && !entry.name.startsWith(".")) pending.push(path);
        if (!entry.isFile() || NOT_RUN.test(entry.name)) continue;
        this.#listed.add(path);
        files.push([fromRoot(folder, path), this.#content.fingerprint(path) ?? ""]);
      }
    }
    return fingerprintOfJson(files.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** Whether a package lies where a package manager puts what it fetched, rather than in a folder that somebody works in. */
export function isInstalled(folder: string): boolean {
  return folder.includes(`${sep}node_modules${sep}`);
}

/** The package that a file belongs to: its name, and the folder of its package.json. */
export function packageAround(file: string): { readonly name: string; readonly folder: string } | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const name = readJson(join(folder, "package.json"))?.["name"];
    if (typeof name === "string") return { name, folder };
  }
  return undefined;
}

export function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function integrityOf(entry: JsonObject): string | undefined {
  return typeof entry["integrity"] === "string" ? entry["integrity"] : undefined;
}

/** A JSON object, or undefined when there is none: half-installed is as good as absent. */
function readJson(path: string): JsonObject | undefined {
  return existsSync(path) ? jsonObjectIn(readFileSync(path, "utf8")) : undefined;
}
