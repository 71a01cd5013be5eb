import { readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { RecipeRef } from "../../src/graph/names.ts";
import { changedBy, identityOf, modulesIn, modulesOf, problemOf, root, write } from "./module-project.ts";

/*
 * Promise 2, where the code is concerned: a recipe's identity is its own source and all that it imports, and nothing else.
 */

test("what is loaded in this thread stays; one that loads it later is told that it is another", async () => {
  const recipe = "recipe.mjs" as RecipeRef;
  write({ [recipe]: 'import { a } from "./a.mjs";\nexport default a;', "a.mjs": "export const a = 1;" });
  const modules = modulesIn(root);
  modules.identity(recipe);
  expect(await modules.load(recipe)).toEqual({ ok: true, value: 1 });
  expect(modules.changedSinceKeyed(recipe)).toBeUndefined();
  write({ "a.mjs": "export const a = 2;" });
  expect(await modules.load(recipe)).toEqual({ ok: true, value: 1 });
  expect(modules.changedSinceKeyed(recipe)?.message).toContain("changed while the build was under way");
});

describe("what a recipe imports", () => {
  test("counts to the end, through .ts, .mjs and .js, static and dynamic", async () => {
    const modules = await modulesOf({
      "recipe.ts": 'import { a } from "./lib/a.ts";\nexport default async () => (await import("./later.mjs"), a);',
      "lib/a.ts": 'import b from "../b.mjs";\nexport const a = b;',
      "b.mjs": 'import { c } from "./c.js";\nexport default c;',
      "c.js": "export const c = 1;",
      "later.mjs": 'export { d as default } from "./d.js";',
      "d.js": "export const d = 1;",
      "unrelated.ts": "export const e = 1;",
    });
    expect(modules).toEqual(["b.mjs", "c.js", "d.js", "later.mjs", "lib/a.ts", "recipe.ts"]);
    for (const file of modules)
      expect(await changedBy({ [file]: `${readFileSync(join(root, file))}\n// edited` })).toBe(true);
    expect(await changedBy({ "unrelated.ts": "export const e = 2;" })).toBe(false);
  });

  test("is found with a TypeScript source behind a .js specifier, or without extension", async () => {
    const files = { "recipe.ts": 'import "./a.js";\nimport "./b";\nexport default 1;', "a.ts": "1;", "b.ts": "2;" };
    expect(await modulesOf(files)).toEqual(["a.ts", "b.ts", "recipe.ts"]);
  });

  test("may go round in circles", async () => {
    const files = {
      "recipe.ts": 'import { a } from "./a.ts";\nexport default a;',
      "a.ts": 'import { b } from "./b.ts";\nexport const a = () => b;',
      "b.ts": 'import { a } from "./a.ts";\nimport recipe from "./recipe.ts";\nexport const b = () => [a, recipe];',
    };
    expect(await modulesOf(files)).toEqual(["a.ts", "b.ts", "recipe.ts"]);
    expect(await changedBy({ "b.ts": `${files["b.ts"]}\n` })).toBe(true);
  });

  test("does not count when only its types are meant", async () => {
    const files = {
      "recipe.ts": [
        'import type { T } from "./types.ts";',
        'export type { U } from "./more-types.ts";',
        'export type * from "./all-types.ts";',
        'import { type V, run } from "./run.ts";',
        "export default (x: T): V => run(x);",
      ].join("\n"),
      "types.ts": "export type T = 1;",
      "more-types.ts": "export type U = 1;",
      "all-types.ts": "export type W = 1;",
      "run.ts": "export type V = 1; export const run = (x: unknown) => x as V;",
    };
    expect(await modulesOf(files)).toEqual(["recipe.ts", "run.ts"]);
    expect(await changedBy({ "types.ts": "export type T = 2;", "all-types.ts": "export type W = 3;" })).toBe(false);
  });

  test("counts a worker's entry module and what it imports", async () => {
    const files = {
      "recipe.ts":
        'import { Worker } from "node:worker_threads";\nexport default () => new Worker(new URL("./worker.mjs", import.meta.url));',
      "worker.mjs": 'import { work } from "./work.mjs";\nwork();',
      "work.mjs": "export const work = () => 1;",
    };
    expect(await modulesOf(files)).toEqual(["recipe.ts", "work.mjs", "worker.mjs"]);
    expect(await changedBy({ "work.mjs": "export const work = () => 2;" })).toBe(true);
  });

  test("counts an installed package, and Node's own modules not at all", async () => {
    const manifest = (version: string) => ({
      "node_modules/@scope/tool/package.json": JSON.stringify({ name: "@scope/tool", version }),
      "node_modules/broken/package.json": "{",
    });
    write(manifest("1.2.3"));
    const source =
      'import { x } from "@scope/tool/sub/path.js";\nimport fs from "node:fs";\nimport path from "path";\nexport default [x, fs, path];';
    expect(await modulesOf({ "recipe.ts": source })).toEqual(["@scope/tool@1.2.3", "recipe.ts"]);
    expect(await changedBy(manifest("1.2.4"))).toBe(true);
    write({ "recipe.ts": 'import "broken";\nexport default 1;' });
    expect((await problemOf()).message).toContain("broken, which cannot be found");
  });

  test("counts of dsgen what it takes from it, installed beside the project or not", async () => {
    const modules = await modulesOf({
      "recipe.ts": 'import { defineRecipe } from "dsgen";\nexport default defineRecipe(async () => {});',
    });
    expect(modules).toEqual(["dsgen/src/engine/recipe.ts", "dsgen/src/index.ts { defineRecipe }", "recipe.ts"]);
  });
});

describe("a barrel", () => {
  const files = {
    "recipe.ts": 'import { used as mine } from "./lib/index.ts";\nexport default mine;',
    "lib/index.ts":
      'export { used } from "./used.ts";\nexport { other } from "./other.ts";\nexport * as rest from "./rest.ts";',
    "lib/used.ts": "export const used = 1;",
    "lib/other.ts": "export const other = 1;",
    "lib/rest.ts": "export const rest = 1;",
  };

  test("is looked through by name: its other re-exports do not count", async () => {
    expect(await modulesOf(files)).toEqual(["lib/index.ts { used }", "lib/used.ts", "recipe.ts"]);
    const neighbours = { "lib/other.ts": "export const other = 2;", "lib/rest.ts": "export const rest = 2;" };
    expect(await changedBy(neighbours)).toBe(false);
    expect(await changedBy({ "lib/index.ts": `${files["lib/index.ts"]}\nexport { more } from "./more.ts";` })).toBe(
      false,
    );
    expect(await changedBy({ "lib/used.ts": "export const used = 2;" })).toBe(true);
  });

  test("counts for where it leads: the same name sent elsewhere is another program", async () => {
    write({ ...files, "lib/index.ts": 'export { strict as used, lax } from "./used.ts";' });
    expect(await changedBy({ "lib/index.ts": 'export { lax as used, strict as lax } from "./used.ts";' })).toBe(true);
  });

  test("is looked through another one, through stars, defaults and renamed imports", async () => {
    const modules = await modulesOf({
      "recipe.ts":
        'import first, {\n  // the one that matters, "from" here\n  second as two, /* } */\n  third,\n} from "./a.ts";\nexport default [first, two, third];',
      "a.ts":
        'import { inner } from "./b.ts";\nexport { inner as second };\nexport { default } from "./default.ts";\nexport * from "./stars.ts";\nexport { no } from "./no.ts";',
      "b.ts": 'export { deep as inner } from "./deep.ts";\nexport { no } from "./no.ts";',
      "deep.ts": "export const deep = 1;",
      "default.ts": "export default 1;",
      "stars.ts": "export const third = 1;",
      "no.ts": "export const no = 1;",
    });
    expect(modules.filter((name) => !name.includes("{"))).toEqual(["deep.ts", "default.ts", "recipe.ts", "stars.ts"]);
  });

  test("imported whole counts whole", async () => {
    const whole = { ...files, "recipe.ts": 'import * as lib from "./lib/index.ts";\nexport default lib;' };
    expect(await modulesOf(whole)).toEqual(["lib/index.ts", "lib/other.ts", "lib/rest.ts", "lib/used.ts", "recipe.ts"]);
  });

  test("that also imports a module for what it does passes that on to everybody", async () => {
    const modules = await modulesOf({
      ...files,
      "lib/index.ts": `import "./setup.ts";\n${files["lib/index.ts"]}`,
      "lib/setup.ts": "globalThis.ready = true;",
    });
    expect(modules).toContain("lib/setup.ts");
    expect(modules).not.toContain("lib/other.ts");
  });

  test("that holds code of its own is none", async () => {
    const modules = await modulesOf({ ...files, "lib/index.ts": `${files["lib/index.ts"]}\nexport const own = 1;` });
    expect(modules).toEqual(["lib/index.ts", "lib/other.ts", "lib/rest.ts", "lib/used.ts", "recipe.ts"]);
  });
});

describe("an identity", () => {
  const files = {
    "recipe.ts": 'import { a } from "./a.ts";\nimport { b } from "./b.ts";\nexport default [a, b];',
    "a.ts": "export const a = 1; export const b = 2;",
    "b.ts": "export const b = 1; export const a = 2;",
  };

  test("does not depend on where the project lies, nor on how its root is written", async () => {
    write(files);
    const { identity, modules } = await identityOf();
    const before = { identity, modules };
    const elsewhere = `${root}-moved`;
    renameSync(root, elsewhere);
    onTestFinished(() => rmSync(elsewhere, { recursive: true, force: true }));
    expect(await identityOf("recipe.ts", elsewhere)).toMatchObject(before);
    symlinkSync(elsewhere, root);
    expect(await identityOf("recipe.ts", root)).toMatchObject(before);
  });

  test("does not depend on what the recipe is called", async () => {
    write({ ...files, "renamed.ts": files["recipe.ts"] });
    expect((await identityOf("renamed.ts")).identity).toBe((await identityOf()).identity);
  });

  test("sees two modules swap their contents", async () => {
    write(files);
    expect(await changedBy({ "a.ts": files["b.ts"], "b.ts": files["a.ts"] })).toBe(true);
  });

  test("of dsgen's own recipes is told by paths from the package", async () => {
    const { modules } = await identityOf("dsgen/recipes/render-requests");
    const paths = Object.keys(modules);
    expect(paths).toContain("dsgen/src/recipes/render-requests.ts");
    expect(paths.filter((path) => path.includes(".."))).toEqual([]);
    // One recipe's identity does not hang on another's.
    expect(paths.filter((path) => path.includes("/recipes/"))).toEqual(["dsgen/src/recipes/render-requests.ts"]);
  });
});

describe("what cannot be known is said", () => {
  test.each([
    ["a computed name", "const m = process.argv[2];\nexport default async () => import(m);", "computed name"],
    ["a name put together", "const m = 'a';\nexport default async () => import(`./lib/\x24{m}.ts`);", "computed name"],
    ["a missing module", 'import "./nowhere.ts";\nexport default 1;', "./nowhere.ts, which cannot be found"],
    ["a missing package", 'import "no-such-package-anywhere";\nexport default 1;', "no-such-package-anywhere"],
    ["a syntax error", "export default async (context) => {", "syntax error"],
    ["a folder", 'import "./lib";\nexport default 1;', "./lib, which cannot be found"],
  ])("%s", async (_what, source, said) => {
    write({ "recipe.ts": source, "lib/index.ts": "1;" });
    const problem = await problemOf();
    expect(problem.kind).toBe("graph");
    expect(problem.where).toContain("recipe.ts");
    expect(problem.message).toContain(said);
    expect(problem.fix).toBeDefined();
  });

  test("in a module it imports, with that module's name", async () => {
    write({ "recipe.ts": 'import "./lib/a.ts";', "lib/a.ts": "export const x = {" });
    expect((await problemOf()).where).toBe("recipe.ts (lib/a.ts:1:1)");
  });

  test("a recipe that is not there", async () => {
    expect((await problemOf("targets/recipes/none.ts")).message).toContain("no such recipe module");
    expect((await problemOf("dsgen/recipes/none")).message).toContain("no such recipe module");
  });
});
