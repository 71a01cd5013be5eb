import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { requireCalls } from "../../src/engine/require-calls.ts";
import { changedBy, identityOf, modulesOf, problemOf, root, write } from "./module-project.ts";

/*
 * Promise 2, beyond a recipe's own imports: what it requires, the packages it stands on, and the files beside it.
 */

const manifest = (name: string, version: string, more: object = {}) => JSON.stringify({ name, version, ...more });

function link(from: string, to: string): void {
  mkdirSync(dirname(join(root, from)), { recursive: true });
  symlinkSync(join(root, to), join(root, from), "dir");
}

describe("what a recipe requires", () => {
  test.each([
    ["as TypeScript may", 'export default require("./lib.cjs");'],
    [
      "through createRequire",
      'import { createRequire } from "node:module";\nconst load = createRequire(import.meta.url);\nexport default load("./lib.cjs");',
    ],
    [
      "through createRequire under another name, at once",
      'import { createRequire as make } from "module";\nexport default make(import.meta.url)("./lib.cjs");',
    ],
    [
      "by its place",
      'import { readFileSync } from "node:fs";\nexport default readFileSync(require.resolve("./lib.cjs"));',
    ],
  ])("counts %s, to the end", async (_how, source) => {
    const files = { "recipe.ts": source, "lib.cjs": 'module.exports = require("./deep");', "deep/index.js": "1" };
    expect(await modulesOf(files)).toEqual(["deep/index.js", "lib.cjs", "recipe.ts"]);
    expect(await changedBy({ "deep/index.js": "2" })).toBe(true);
  });

  test("may be absent, and its coming is a change", async () => {
    write({ "recipe.ts": 'let a; try { a = require("./maybe.cjs"); } catch {}\nexport default a;' });
    expect(await changedBy({ "maybe.cjs": "module.exports = 1;" })).toBe(true);
  });

  test.each([
    ["a name put together", "export default (x) => require(`./\x24{x}.cjs`);", "require(…)"],
    ["a name from elsewhere", "export default (x) => require(x);", "require(…)"],
    [
      "a createRequire for another place",
      'import { createRequire } from "node:module";\nexport default createRequire(process.cwd() + "/")("./a");',
      "createRequire(process.cwd()",
    ],
    ["a require that is handed on", "export default (load) => load(require);", "(require)"],
  ])("by %s is an error that says so", async (_what, source, said) => {
    write({ "recipe.ts": source });
    const problem = await problemOf();
    expect(problem.where).toContain("recipe.ts");
    expect(problem.message).toContain("computed name");
    expect(problem.message).toContain(said);
  });

  test("is not what only looks like it", () => {
    const source = [
      "const a = \"require('./a')\"; // require('./b')",
      "/* require('./c') */ const re = /require\\('x'\\)/;",
      "const t = `require('./d') \x24{require('./yes')} \x24{{ b: { c: 1 } }} require('./e')`;",
      "o.require('./f'); const p = { require: 1 }; if (typeof require === 'function') require.main;",
    ].join("\n");
    expect(requireCalls(source)).toEqual({ specifiers: ["./yes"], unknown: undefined });
  });
});

describe("an installed package", () => {
  const recipe = { "recipe.ts": 'import { x } from "outer";\nexport default x;' };
  const installed = {
    ...recipe,
    "node_modules/outer/package.json": manifest("outer", "1.0.0", { dependencies: { inner: "*" } }),
    "node_modules/outer/index.js": 'export { x } from "inner";',
    "node_modules/inner/package.json": manifest("inner", "1.0.0"),
    "node_modules/inner/index.js": "export const x = 1;",
    "node_modules/beside/package.json": manifest("beside", "1.0.0"),
  };

  test("counts with the packages that it stands on", async () => {
    expect(await modulesOf(installed)).toEqual(["inner@1.0.0", "outer@1.0.0", "recipe.ts"]);
    expect(await changedBy({ "node_modules/inner/package.json": manifest("inner", "1.0.1") })).toBe(true);
    expect(await changedBy({ "node_modules/beside/package.json": manifest("beside", "1.0.1") })).toBe(false);
  });

  test("that nothing was noted of counts by its files", async () => {
    write(installed);
    expect(await changedBy({ "node_modules/inner/index.js": "export const x = 2;" })).toBe(true);
    expect(await changedBy({ "node_modules/inner/index.d.ts": "export const x: 2;" })).toBe(false);
  });

  test("counts by what npm noted when it was installed, as far as that speaks of what is there", async () => {
    const noted = (inner: string, integrity: string) => ({
      "node_modules/.package-lock.json": JSON.stringify({
        packages: {
          "node_modules/outer": { version: "1.0.0", integrity: "sha512-outer" },
          "node_modules/inner": { version: inner, integrity },
        },
      }),
    });
    write({ ...installed, ...noted("1.0.0", "sha512-one") });
    expect(await changedBy(noted("1.0.0", "sha512-two"))).toBe(true);
    write(noted("0.9.0", "sha512-two"));
    expect(await changedBy({ "node_modules/inner/index.js": "export const x = 3;" })).toBe(true);
  });

  test("finds another package beside it: a change, though no version is new", async () => {
    write({ ...installed, "node_modules/outer/node_modules/inner/package.json": manifest("inner", "1.0.0") });
    expect(await changedBy({ "node_modules/outer/node_modules/inner/package.json": manifest("inner", "2.0.0") })).toBe(
      true,
    );
  });
});

describe("a linked package", () => {
  const files = {
    "project/recipe.ts": 'import { x } from "shared/words";\nexport default x;',
    "shared/package.json": manifest("shared", "1.0.0", {
      type: "module",
      exports: { "./words": { import: "./src/words.js", default: "./src/words.cjs" } },
    }),
    "shared/src/words.js": 'import "./deep.js";\nexport const x = 1;',
    "shared/src/words.cjs": "exports.x = 1;",
    "shared/src/deep.js": "1;",
    "shared/notes.txt": "",
  };

  test("counts like the project's own modules, whatever its version", async () => {
    write(files);
    link("project/node_modules/shared", "shared");
    const { modules } = await identityOf("recipe.ts", join(root, "project"));
    expect(Object.keys(modules)).toEqual([
      "recipe.ts",
      "shared/package.json",
      "shared/src/deep.js",
      "shared/src/words.cjs",
      "shared/src/words.js",
    ]);
    const project = join(root, "project");
    expect(await changedBy({ "shared/src/deep.js": "2;" }, project)).toBe(true);
    expect(await changedBy({ "shared/notes.txt": "x" }, project)).toBe(false);
  });

  test("may be a workspace of the project itself", async () => {
    write({
      "recipe.ts": 'import { x } from "words";\nexport default x;',
      "packages/words/package.json": manifest("words", "1.0.0", { main: "./index.ts" }),
      "packages/words/index.ts": "export const x = 1;",
    });
    link("node_modules/words", "packages/words");
    expect(Object.keys((await identityOf()).modules)).toContain("packages/words/index.ts");
    expect(await changedBy({ "packages/words/index.ts": "export const x = 2;" })).toBe(true);
  });
});

describe("a file beside a module", () => {
  test.each([
    ["JSON that is imported", 'import data from "./data.json";\nexport default data;', "data.json"],
    ["JSON that is required", 'export default require("./data.json");', "data.json"],
    ["a text that is named by URL", 'export default new URL("./words.txt", import.meta.url);', "words.txt"],
    ["a .wasm that is named by URL", 'export default new URL("../x/code.wasm", import.meta.url);', "x/code.wasm"],
  ])("counts: %s", async (_what, source, file) => {
    write({ "a/recipe.ts": source, [`a/${file}`]: "1", [file]: "1" });
    const path = file.startsWith("x/") ? file : `a/${file}`;
    const before = await identityOf("a/recipe.ts");
    expect(Object.keys(before.modules).sort()).toEqual(["a/recipe.ts", path].sort());
    write({ [path]: "2" });
    expect((await identityOf("a/recipe.ts")).identity).not.toBe(before.identity);
  });

  test.each(["./words.txt", "./code.wasm"])("that cannot be a module is named: %s", async (file) => {
    write({ "recipe.ts": `import data from "${file}";\nexport default data;`, [file]: "x" });
    const problem = await problemOf();
    expect(problem.message).toContain(`${file}, which is neither JavaScript, TypeScript nor JSON`);
    expect(problem.fix).toContain(`new URL("${file}", import.meta.url)`);
  });
});
