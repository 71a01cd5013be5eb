import { existsSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { createJiti, Jiti } from "jiti";
import { type Problem, wordsOf } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { carriedModule } from "./carried.ts";

/*
 * Finds modules on disk and loads them. TypeScript sources are compiled on the fly.
 */

const HERE = dirname(fileURLToPath(import.meta.url));

/** The default export of a module by its absolute path; `where` is what messages call it. */
export async function loadModule(path: string, where: string): Promise<Result<unknown, Problem>> {
  try {
    const module: unknown = /\.[cm]?ts$/.test(path)
      ? await typescript().import(path)
      : await (carriedModule(path) ?? import(pathToFileURL(path).href));
    if (typeof module === "object" && module !== null && "default" in module) return ok(module.default);
    return err({ kind: "graph", where, message: "the module has no default export.", fix: "Export one." });
  } catch (error) {
    const message = `the module cannot be loaded: ${wordsOf(error)}`;
    return err({ kind: "graph", where, message, fix: "Correct the module." });
  }
}

let jiti: Jiti | undefined;

/** Loaded when it is needed: that takes longer than dsgen itself. */
export function typescript(): Jiti {
  if (jiti !== undefined) return jiti;
  const create = createRequire(import.meta.url)("jiti").createJiti as typeof createJiti;
  jiti = create(import.meta.url, {
    interopDefault: false,
    moduleCache: true,
    fsCache: false,
    // The more specific name first: an alias also stands for what begins with it.
    alias: {
      "dsgen/targets": mustExist("../../targets/index"),
      "dsgen/recipes": join(HERE, "..", "recipes"),
      dsgen: mustExist("../index"),
    },
  });
  return jiti;
}

/** What dsgen itself exports under a specifier (`dsgen`, `dsgen/targets`, `dsgen/recipes/…`), compiled or not. */
export function ownExport(specifier: string): string | undefined {
  if (specifier === "dsgen") return own("../index");
  if (specifier === "dsgen/targets") return own("../../targets/index");
  const recipe = /^dsgen\/recipes\/([\w-]+)$/.exec(specifier)?.[1];
  return recipe === undefined ? undefined : own(`../recipes/${recipe}`);
}

function own(path: string): string | undefined {
  return sourceFile(join(HERE, path));
}

function mustExist(path: string): string {
  const found = own(path);
  if (found === undefined) throw new Error(`dsgen's own ${path} is missing`);
  return found;
}

/** JavaScript or TypeScript at a path, by its real path: as it is written, without extension, or `.ts` behind `.js`. */
export function sourceFile(path: string): string | undefined {
  const stem = path.replace(/\.[cm]?[jt]s$/, "");
  const tries = [path, `${stem}.js`, `${stem}.ts`, `${stem}.mjs`, `${stem}.mts`];
  const found = tries.find((candidate) => isSource(candidate) && existsSync(candidate));
  return found === undefined ? undefined : realpathSync(found);
}

export function isSource(path: string): boolean {
  return /\.[cm]?[jt]s$/.test(path);
}
