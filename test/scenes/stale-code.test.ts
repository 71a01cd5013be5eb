import { symlinkSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { projectWithCode, recipeOf } from "./support/own-code.ts";
import { runDsgen, type SceneProject } from "./support/project.ts";
import { lineOf, write } from "./support/shipped.ts";

/*
 * A recipe of one's own that loads code and data in every way there is. Whatever of it changes, what it made is stale, and
 * what it makes then is new.
 */

let project: SceneProject;

const manifest = (name: string, version: string, more: object = {}) =>
  JSON.stringify({ name, version, main: "index.cjs", ...more });

/** Each file that the recipe's output shows, and what it holds when it is `n`. */
const FILES: Readonly<Record<string, (n: number) => string>> = {
  "targets/recipes/required.cjs": (n) => `module.exports = ${n};\n`,
  "targets/recipes/loaded.cjs": (n) => `module.exports = ${n};\n`,
  "targets/recipes/data.json": (n) => `{ "n": ${n} }\n`,
  "targets/recipes/beside.txt": (n) => `${n}`,
  "packages/shared/index.cjs": (n) => `exports.shared = ${n};\n`,
  "packages/shared/deep.cjs": (n) => `module.exports = ${n};\n`,
  "node_modules/outer/node_modules/inner/index.cjs": (n) => `module.exports = ${n};\n`,
};

beforeAll(() => {
  project = projectWithCode({
    all: {
      source: recipeOf(
        'await c.output().write(JSON.stringify([require("./required.cjs"), load("./loaded.cjs"), data.n, Number(beside), shared, deep, inner]));',
        `import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import data from "./data.json";
import { shared } from "shared";
import deep from "shared/deep.cjs";
import inner from "outer";
const load = createRequire(import.meta.url);
const beside = readFileSync(new URL("./beside.txt", import.meta.url), "utf8");`,
      ),
    },
  });
  for (const [path, of] of Object.entries(FILES)) write(project, path, of(0));
  write(project, "packages/shared/package.json", manifest("shared", "1.0.0"));
  symlinkSync(project.path("packages/shared"), project.path("node_modules/shared"), "dir");
  write(project, "node_modules/outer/package.json", manifest("outer", "1.0.0", { dependencies: { inner: "*" } }));
  write(project, "node_modules/outer/index.cjs", 'module.exports = require("inner");\n');
  write(project, "node_modules/outer/node_modules/inner/package.json", manifest("inner", "1.0.0"));
});
afterAll(() => project.remove());

it("is told by everything that it loads", async () => {
  const first = await runDsgen(project, ["build", "all.txt"]);
  expect(first.stderr).not.toMatch(/^error/m);
  expect(project.read("all.txt")).toBe("[0,0,0,0,0,0,0]");
  const numbers = [0, 0, 0, 0, 0, 0, 0];
  for (const [i, [path, of]] of Object.entries(FILES).entries()) {
    write(project, path, of(i + 1));
    numbers[i] = i + 1;
    const ran = await runDsgen(project, ["build", "--json", "all.txt"]);
    expect([path, project.read("all.txt")]).toEqual([path, JSON.stringify(numbers)]);
    expect(lineOf(ran.stdout, "build-finished")["outcome"]).toBe("up-to-date");
  }
  const plan = await runDsgen(project, ["plan", "--json", "all.txt"]);
  expect(lineOf(plan.stdout, "plan-total")).toMatchObject({ actions: { fresh: 1 } });
}, 120_000);

it("names the change of a package that another stands on", async () => {
  write(project, "node_modules/outer/node_modules/inner/package.json", manifest("inner", "1.0.1"));
  expect((await runDsgen(project, ["explain", "all.txt"])).stdout).toContain("inner@1.0.1");
});

it("says that a computed name cannot be followed", async () => {
  write(project, "targets/recipes/all.ts", recipeOf('await c.output().write(String(require(c.value("x"))));'));
  const ran = await runDsgen(project, ["build", "all.txt"]);
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain("(targets/recipes/all.ts): it loads a module by a computed name (require(…))");
});
