import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, onTestFinished } from "vitest";
import type { ModuleIdentity } from "../../src/engine/kept-identity.ts";
import { Modules } from "../../src/engine/modules.ts";
import type { ContentIndex } from "../../src/engine/ports.ts";
import { fingerprintOf } from "../../src/graph/digest.ts";
import type { RecipeRef } from "../../src/graph/names.ts";
import type { Problem } from "../../src/graph/problem.ts";

/*
 * A folder of modules for each test, and what dsgen makes of the one called `recipe.ts`.
 */

const PACKAGE_ROOT = fileURLToPath(new URL("../..", import.meta.url));

const content: ContentIndex = {
  fingerprint: (path) => (existsSync(path) ? fingerprintOf(readFileSync(path)) : undefined),
  digest: () => undefined,
  learn: () => undefined,
};

export let root: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "dsgen-modules-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
});

export function write(files: Readonly<Record<string, string>>): void {
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), source);
  }
}

export function modulesIn(projectRoot: string): Modules {
  return Modules.open(projectRoot, PACKAGE_ROOT, content);
}

export async function identityOf(ref = "recipe.ts", projectRoot = root): Promise<ModuleIdentity> {
  const identity = modulesIn(projectRoot).identity(ref as RecipeRef);
  if (!identity.ok) throw new Error(`${identity.error.where}: ${identity.error.message}`);
  return identity.value;
}

export async function problemOf(ref = "recipe.ts"): Promise<Problem> {
  const identity = modulesIn(root).identity(ref as RecipeRef);
  if (identity.ok) throw new Error(`expected a problem, got ${JSON.stringify(identity.value.modules)}`);
  return identity.error;
}

export async function modulesOf(files: Readonly<Record<string, string>>, ref = "recipe.ts"): Promise<string[]> {
  write(files);
  return Object.keys((await identityOf(ref)).modules);
}

/** Whether writing these files over the ones there gives the recipe another identity. */
export async function changedBy(files: Readonly<Record<string, string>>, projectRoot = root): Promise<boolean> {
  const before = (await identityOf("recipe.ts", projectRoot)).identity;
  write(files);
  return (await identityOf("recipe.ts", projectRoot)).identity !== before;
}
