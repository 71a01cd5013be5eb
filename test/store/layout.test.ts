import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { initialiseStore } from "../../src/store/layout.ts";
import { openStore } from "../../src/store/store.ts";
import { cacheOf, errorIn, scratch, valueIn } from "./project.ts";

test("initialising makes the tag, the ignore file and the folders, and can be repeated", () => {
  const root = scratch();
  const cache = cacheOf(root);
  mkdirSync(cache);
  writeFileSync(join(cache, "lock"), "held");
  // A part of dsgen that needs no lock may have been here first: the folder's name says whose it is.
  mkdirSync(join(cache, "simulator"));
  valueIn(initialiseStore(cache));
  valueIn(initialiseStore(cache));
  expect(readFileSync(join(cache, "CACHEDIR.TAG"), "utf8")).toMatch(/^Signature: 8a477f597d28d172789f06886806bc55\n/);
  expect(readFileSync(join(cache, ".gitignore"), "utf8")).toBe("*\n");
  expect(JSON.parse(readFileSync(join(cache, "v1", "format.json"), "utf8"))).toEqual({ format: "dsgen-store", v: 1 });
  for (const folder of ["cas", "actions", "expansions", "responses", "tmp", "quarantine"]) {
    expect(existsSync(join(cache, "v1", folder))).toBe(true);
  }
});

test("an ignore file of the user's own is kept", () => {
  const cache = cacheOf(scratch());
  valueIn(initialiseStore(cache));
  writeFileSync(join(cache, ".gitignore"), "mine\n");
  valueIn(initialiseStore(cache));
  expect(readFileSync(join(cache, ".gitignore"), "utf8")).toBe("mine\n");
});

test("somebody else's folder is refused before anything is written", () => {
  const root = scratch();
  writeFileSync(join(root, "thesis.tex"), "");
  const problem = errorIn(initialiseStore(root));
  expect(problem).toMatchObject({ kind: "usage", where: root });
  expect(problem.message).toContain("thesis.tex");
  expect(existsSync(join(root, ".gitignore"))).toBe(false);
});

test("a file where the cache should be is a problem that says so", () => {
  const root = scratch();
  writeFileSync(cacheOf(root), "");
  expect(errorIn(initialiseStore(cacheOf(root))).kind).toBe("io");
  const problem = errorIn(openStore({ cacheDir: cacheOf(root), projectRoot: root }));
  expect(problem.message).toBe("expected a folder for the cache, found a file.");
});

test("another version is not initialised over", () => {
  const cache = cacheOf(scratch());
  mkdirSync(join(cache, "v9"), { recursive: true });
  writeFileSync(join(cache, "CACHEDIR.TAG"), "");
  expect(errorIn(initialiseStore(cache)).kind).toBe("version");
  expect(existsSync(join(cache, "v1"))).toBe(false);
});
