import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import type { Fingerprint } from "../graph/digest.ts";
import type { RecipeRef } from "../graph/names.ts";
import type { ContentIndex, Kept } from "./ports.ts";

/** What a module is (modules.ts). */
export interface ModuleIdentity {
  readonly identity: Fingerprint;
  /** Every file that is looked at for it, absolute. */
  readonly files: readonly string[];
  /** The folders of the packages it is made of. */
  readonly packages: readonly string[];
  /**
   * Module (path from the project or package root, `package@version`) → content fingerprint; and a name that a barrel
   * passes on (`lib/index.ts { check }`) → where it leads.
   */
  readonly modules: Readonly<Record<string, string>>;
}

/** An identity, and what each file that it covers held when it was taken. */
export interface Identified {
  readonly identity: ModuleIdentity;
  readonly contents: ReadonlyMap<string, string>;
}

/** What was kept of a recipe: `looked` has what lay at each path that was asked for packages, "" for nothing. */
interface KeptIdentity extends Identified {
  readonly looked: ReadonlyMap<string, string>;
}

/**
 * The identities of dsgen's own recipes from one command to the next. One holds while everything that was looked at for it
 * holds what it held then, by content: the modules, the packages' manifests and what was noted of their installation, and the
 * places where there was none. A recipe of the project is followed anew each time.
 */
export class KeptIdentities {
  readonly #kept: Kept;
  readonly #content: ContentIndex;
  readonly #roots: readonly string[];

  constructor(kept: Kept, content: ContentIndex, roots: readonly string[]) {
    this.#kept = kept;
    this.#content = content;
    this.#roots = roots;
  }

  get(ref: RecipeRef, path: string): Identified | undefined {
    const known = this.#kept.get(this.#key(ref, path));
    if (!isKeptIdentity(known)) return undefined;
    return this.#hold(known.contents) && this.#hold(known.looked) ? known : undefined;
  }

  put(ref: RecipeRef, path: string, { identity, contents }: Identified, looked: Iterable<string>): void {
    const found = new Map([...looked].map((place) => [place, this.#at(place)]));
    this.#kept.put(this.#key(ref, path), { identity, contents, looked: found } satisfies KeptIdentity);
  }

  /** Where Node looks for packages hangs on variables of the environment, too. */
  #key(ref: RecipeRef, path: string): readonly string[] {
    return ["recipe", ref, path, ...this.#roots, ...(createRequire(path).resolve.paths("dsgen") ?? [])];
  }

  #hold(files: ReadonlyMap<string, string>): boolean {
    return [...files].every(([file, content]) => this.#at(file) === content);
  }

  #at(place: string): string {
    return place.endsWith("/") ? listing(place) : (this.#content.fingerprint(place) ?? "");
  }
}

/** What lies in a folder, and of what kind; nothing where there is none. */
function listing(folder: string): string {
  if (!existsSync(folder)) return "";
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries
    .map((entry) => `${entry.name}\0${entry.isDirectory()} ${entry.isFile()}`)
    .sort()
    .join("\0");
}

function isKeptIdentity(value: unknown): value is KeptIdentity {
  return typeof value === "object" && value !== null && "identity" in value && "looked" in value;
}
