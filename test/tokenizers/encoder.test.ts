import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadEncoder } from "../../src/tokenizers/encoder.ts";
import { installedFolder, TINY, temporaryFolder, tinyFolder, writeFiles } from "./tiny-tokenizer.ts";

async function encoderOf(folder: string) {
  const loaded = await loadEncoder({ name: "it", folder, hash: "" });
  if (!loaded.ok) throw new Error(loaded.error.message);
  return loaded.value;
}

test("ids are the model's, without special tokens", async () => {
  const solar = await encoderOf(installedFolder("llama2"));
  // The config asks for <s> in front (add_bos_token); encoding never adds it.
  expect(solar.encode("Hello")).toEqual([22557]);
  expect(solar.encode("")).toEqual([]);
  // A special token written out in the text is that token.
  expect(solar.encode("</s>")).toEqual([2]);
  expect(solar.name).toBe("it");
});

test("a folder is loaded once, whoever asks, and under the name of whoever asks", async () => {
  const folder = tinyFolder();
  const [a, b] = await Promise.all([
    loadEncoder({ name: "a", folder, hash: "" }),
    loadEncoder({ name: "b", folder, hash: "" }),
  ]);
  expect(a.ok && b.ok && a.value.encode === b.value.encode).toBe(true);
  expect(a.ok && b.ok && [a.value.name, b.value.name]).toEqual(["a", "b"]);
});

test("changed files under the same path are another tokenizer", async () => {
  const folder = tinyFolder();
  const before = await loadEncoder({ name: "it", folder, hash: "1" });
  writeFiles(folder, { "tokenizer.json": (TINY["tokenizer.json"] ?? "").replace('[["a","b"]]', "[]") });
  const after = await loadEncoder({ name: "it", folder, hash: "2" });
  expect([before.ok && before.value.encode("ab"), after.ok && after.value.encode("ab")]).toEqual([[95], [65, 66]]);
});

test.each([
  { what: "missing", content: undefined, says: "tokenizer.json is not there" },
  { what: "empty", content: "", says: "begins with nothing" },
  { what: "a web page", content: "<!doctype html>", says: 'begins with "<!doctype html>"' },
  {
    what: "a Git LFS pointer",
    content: "version https://git-lfs.github.com/spec/v1\noid sha256:0",
    says: "Git LFS pointer",
  },
  { what: "cut off", content: (TINY["tokenizer.json"] ?? "").slice(0, 100), says: "AutoTokenizer cannot load" },
  { what: "of another kind", content: '{"a": 1}', says: "AutoTokenizer cannot load" },
])("a tokenizer.json that is $what is a problem that says so", async ({ content, says }) => {
  const folder = writeFiles(join(temporaryFolder(), "t"), {
    "tokenizer_config.json": TINY["tokenizer_config.json"] ?? "",
  });
  if (content !== undefined) writeFileSync(join(folder, "tokenizer.json"), content);
  const loaded = await loadEncoder({ name: "it", folder, hash: "" });
  expect(loaded).toMatchObject({ ok: false, error: { kind: "tokenizer", message: expect.stringContaining(says) } });
  // Once it is mended, it loads.
  writeFiles(folder, TINY);
  expect((await loadEncoder({ name: "it", folder, hash: "" })).ok).toBe(true);
});
