import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findProject, listConfigFiles } from "../../src/config/config-files.ts";

let top = "";

beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), "dsgen-find-")));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

function folder(...parts: readonly string[]): string {
  const path = join(top, ...parts);
  mkdirSync(path, { recursive: true });
  return path;
}

test("the nearest folder upwards whose config/ holds tasks/ or dsgen.yaml", () => {
  folder("outer", "config", "tasks");
  const inner = folder("outer", "inner", "config");
  const deep = folder("outer", "inner", "a", "b");
  expect(findProject(deep)).toEqual({
    ok: true,
    value: { root: join(top, "outer"), configDir: join(top, "outer", "config") },
  });
  writeFileSync(join(inner, "dsgen.yaml"), "{}\n");
  expect(findProject(deep)).toEqual({ ok: true, value: { root: join(top, "outer", "inner"), configDir: inner } });
});

test("says which folders were tried", () => {
  folder("a", "config");
  writeFileSync(join(folder("a", "b"), "config"), "a file");
  const found = findProject(join(top, "a", "b"));
  expect(found).toMatchObject({ ok: false, error: { kind: "usage", where: join(top, "a", "b") } });
  if (found.ok) return;
  expect(found.error.message).toContain(
    `found none at ${join(top, "a", "b", "config")}, ${join(top, "a", "config")}, ${join(top, "config")}, `,
  );
  expect(found.error.fix).toContain("dsgen init");
});

test("--config-dir names the folder; the root stays", () => {
  folder("p", "config", "tasks");
  const other = folder("p", "variants", "small");
  folder("p", "variants", "small", "tasks");
  expect(findProject(join(top, "p", "variants"), "small")).toEqual({
    ok: true,
    value: { root: join(top, "p"), configDir: other },
  });
  const alone = folder("q", "conf", "tasks");
  expect(findProject(join(top, "q"), "conf")).toEqual({
    ok: true,
    value: { root: join(top, "q"), configDir: join(alone, "..") },
  });
});

test("--config-dir that is none", () => {
  folder("p", "config", "tasks");
  writeFileSync(join(top, "p", "file"), "");
  const problem = (name: string) => {
    const found = findProject(join(top, "p"), name);
    return found.ok ? undefined : `${found.error.where}: ${found.error.message} ${found.error.fix}`;
  };
  const must = "a config folder must have dsgen.yaml or tasks/ in it; found";
  expect(problem("gone")).toBe(
    `--config-dir gone: ${must} no such folder at ${join(top, "p", "gone")}. Name the folder that holds dsgen.yaml and tasks/.`,
  );
  expect(problem("file")).toBe(
    `--config-dir file: ${must} a file at ${join(top, "p", "file")}. Name the folder that holds dsgen.yaml and tasks/.`,
  );
  expect(problem("../p")).toBe(
    `--config-dir ../p: ${must} a folder with neither at ${join(top, "p")}. Did you mean --config-dir ../p/config?`,
  );
});

test("config files are listed in one order, hidden ones and others left out", () => {
  const config = folder("config");
  for (const name of ["tokenizers.yaml", "dsgen.yaml", "notes.yaml"]) writeFileSync(join(config, name), "");
  const tasks = folder("config", "tasks");
  for (const name of ["b.yaml", "a.yaml", "B.yaml", ".a.yaml", "a.txt"]) writeFileSync(join(tasks, name), "");
  expect(listConfigFiles(config)).toEqual([
    join(config, "dsgen.yaml"),
    join(config, "tokenizers.yaml"),
    ...["B.yaml", "a.yaml", "b.yaml"].map((name) => join(tasks, name)),
  ]);
  expect(listConfigFiles(join(top, "gone"))).toEqual([]);
});
