/*
 * dsgen starts from one file (scripts/bundle.ts) that carries its own modules, recipes and targets among them. What a recipe
 * is stays the content of its source file; what is run is what was carried, for as long as the files are those it was made of.
 */
export interface Carried {
  /** A hash of all that the file was made of: dsgen's compiled code and the packages in it. */
  readonly build: string;
  /** Are dsgen's own files still those that it was made of? */
  unchanged(): boolean;
  /** Modules that are named by their file, by its absolute path. */
  readonly modules: Readonly<Record<string, () => Promise<unknown>>>;
}

let carried: Carried | undefined;

/** Said by the file that dsgen starts from, before anything else. */
export function carry(what: Carried): void {
  carried = what;
}

/** By path: what was loaded once is not loaded again in this process, whatever becomes of its file (nor does Node). */
const loaded = new Map<string, Promise<unknown>>();

/** The module of a file of dsgen's own, if it is carried and the file is as it was. */
export function carriedModule(path: string): Promise<unknown> | undefined {
  const module = loaded.get(path) ?? firstLoaded(path);
  if (module !== undefined) loaded.set(path, module);
  return module;
}

function firstLoaded(path: string): Promise<unknown> | undefined {
  const load = carried?.modules[path];
  // Targets are keyed by what they declare; a recipe is keyed by its file.
  const isKeyed = !path.endsWith("/targets/index.js");
  return load !== undefined && (!isKeyed || carried?.unchanged() === true) ? load() : undefined;
}

/** Which dsgen this is; undefined where nobody can tell but from all its files. */
export function carriedBuild(): string | undefined {
  return carried?.build;
}
