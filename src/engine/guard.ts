import { AsyncLocalStorage } from "node:async_hooks";
import { statSync } from "node:fs";
import { devNull } from "node:os";
import { isOwnRecipe, type RecipeRef } from "../graph/names.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { unreachable } from "../graph/result.ts";
import { fromRoot, isIn, realPath } from "./paths.ts";

/*
 * What a project's own code may see while it makes a target: what the target declares, the files of the code itself, and
 * what it wrote itself. Anything else is noticed (guard-hooks.ts) and fails the target, naming what must be declared: what
 * was made from it would otherwise be called fresh after it has changed.
 */

/** Something from outside that code looked at. */
export type Touch =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "env"; readonly name: string }
  | { readonly kind: "network"; readonly to: string }
  | { readonly kind: "process"; readonly command: string };

/** What a piece of code is made of: its modules and the files beside them, and the folders of its packages. */
export interface CodeFiles {
  readonly files: readonly string[];
  readonly packages: readonly string[];
}

export interface Declared {
  /** The target that is being made. */
  readonly where: string;
  readonly projectRoot: string;
  /** The declared inputs, by absolute path. */
  readonly files?: readonly string[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** How far the clock is ahead for it. */
  readonly clockAheadMs?: number;
}

/** The same on every machine, whatever it is set to. */
const FIXED_ENVIRONMENT = { TZ: "UTC", LANG: "en_US.UTF-8", LC_ALL: "en_US.UTF-8" };

export class Guard {
  /** What was touched first without being declared, if anything was; stays, whatever the code does with the error. */
  problem: Problem | undefined;
  readonly clockAheadMs: number;
  /** What the code sees as its environment. */
  readonly environment: Map<string, string>;
  /** The recipe or check whose code runs, as the target names it. */
  readonly #code: RecipeRef;
  readonly #declared: Declared;
  readonly #files: ReadonlySet<string>;
  /** The same by their real paths; made when a path is not known as it is written. */
  #realFiles: ReadonlySet<string> | undefined;
  readonly #folders: string[];

  constructor(code: RecipeRef, made: CodeFiles, declared: Declared) {
    this.#code = code;
    this.#declared = declared;
    this.clockAheadMs = declared.clockAheadMs ?? 0;
    this.#files = new Set([...(declared.files ?? []), ...made.files]);
    this.#folders = [...made.packages];
    const given = Object.entries({ ...FIXED_ENVIRONMENT, ...declared.environment });
    this.environment = new Map(given.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  }

  /** A file that the code made itself (reading it tells it nothing new), or a folder with what is declared in another way. */
  allow(path: string): void {
    this.#folders.push(realPath(path));
  }

  /** @throws ProblemError (`recipe`) for what is not declared */
  check(touch: Touch): void {
    if (this.#allows(touch)) return;
    const problem = undeclared(touch, this.#code, this.#declared);
    this.problem ??= problem;
    throw new ProblemError(problem);
  }

  /** Notes the first of these that is not declared: what code touched when it was loaded, before anyone could say for whom. */
  judge(touches: readonly Touch[]): void {
    const first = touches.find((touch) => !this.#allows(touch));
    if (first !== undefined) this.problem ??= undeclared(first, this.#code, this.#declared);
  }

  #allows(touch: Touch): boolean {
    switch (touch.kind) {
      case "file":
        return this.#files.has(touch.path) || touch.path === devNull || this.#allowsReal(realPath(touch.path));
      case "env":
        return Object.hasOwn(this.#declared.environment ?? {}, touch.name) || this.environment.has(touch.name);
      case "network":
      case "process":
        return false;
      default:
        return unreachable(touch);
    }
  }

  #allowsReal(path: string): boolean {
    this.#realFiles ??= new Set([...this.#files].map(realPath));
    return this.#realFiles.has(path) || this.#folders.some((folder) => isIn(path, folder));
  }
}

/** The guard of the code that is running, across everything it awaits. */
export const guards = new AsyncLocalStorage<Guard | undefined>();

/** Runs what dsgen does on a recipe's behalf. Not by `exit`, which takes the storage down and puts it up again, each time. */
export function unguarded<T>(run: () => T): T {
  return guards.run(undefined, run);
}

/** What modules of the project touched while they were loaded, by the module's file. */
const touchedByLoading = new Map<string, readonly Touch[]>();

/** A module touches something while it is loaded, which happens once, for whoever asks first: the guards of all come later. */
export function rememberTouch(file: string, touch: Touch): void {
  touchedByLoading.set(file, [...(touchedByLoading.get(file) ?? []), touch]);
}

/** A guard for a project's own recipe or check; none for dsgen's. Judges what its modules touched when they were loaded. */
export function guardFor(code: RecipeRef, made: CodeFiles, declared: Declared): Guard | undefined {
  if (isOwnRecipe(code)) return undefined;
  const guard = new Guard(code, made, declared);
  guard.judge(made.files.flatMap((file) => touchedByLoading.get(file) ?? []));
  return guard;
}

/** Runs code under its guard. */
export function guarded<T>(guard: Guard | undefined, run: () => T): T {
  return guard === undefined ? run() : guards.run(guard, run);
}

function undeclared(touch: Touch, code: RecipeRef, { where, projectRoot }: Declared): Problem {
  const [what, fix] = told(touch, projectRoot);
  return { kind: "recipe", where, message: `${code} ${what}, which the target does not declare.`, fix };
}

function told(touch: Touch, projectRoot: string): readonly [string, string] {
  switch (touch.kind) {
    case "file": {
      const path = fromRoot(projectRoot, touch.path);
      if (path === "" || path.startsWith("..")) {
        return [
          `looks at ${touch.path}`,
          "Bring the file into the project and declare it among the target's inputs: file(…).",
        ];
      }
      return [
        `looks at ${path}`,
        `Declare it among the target's inputs: ${declaration(touch.path, path)}. A file that belongs to the code is declared where it is read, by new URL("./name", import.meta.url).`,
      ];
    }
    case "env":
      return [
        `looks at the environment variable ${touch.name}`,
        `Declare it among the target's inputs: env("${touch.name}").`,
      ];
    case "network":
      return [
        `opens a network connection (${touch.to})`,
        "Nobody can know when what lies there changes. Fetch it before the build and declare the file: file(…).",
      ];
    case "process":
      return [
        `starts a process (${touch.command})`,
        "Nobody can know what another program reads. Run it before the build and declare what it wrote: file(…).",
      ];
    default:
      return unreachable(touch);
  }
}

/** How to declare what is there, or may come to be there. */
function declaration(path: string, name: string): string {
  const found = unguarded(() => statSync(path, { throwIfNoEntry: false }));
  if (found?.isDirectory() === true) return `glob("${name}/**")`;
  return found === undefined ? `glob("${name}"), as it need not be there` : `file("${name}")`;
}
