import { join } from "node:path";
import { Tokenizer } from "tokenizers";
import { onTestFinished } from "vitest";
import type { JsonObject } from "../../src/graph/json.ts";
import { loadEncoder } from "../../src/tokenizers/encoder.ts";
import { temporaryFolder, writeFiles } from "./tiny-tokenizer.ts";

/** The ids of many texts, with no special tokens added. */
export type Encode = (texts: readonly string[]) => Promise<readonly (readonly number[])[]>;

/** The official library, which reads tokenizer.json itself. @throws Error for a tokenizer that it does not load */
export function officialEncoder(tokenizer: string): Encode {
  const official = Tokenizer.fromString(tokenizer);
  return async (texts) => {
    const encodings = await official.encodeBatch([...texts], { addSpecialTokens: false });
    return encodings.map((encoding) => encoding.getIds());
  };
}

/** dsgen's encoder, loaded from a folder as a build loads it. */
export async function encoderIn(folder: string): Promise<Encode> {
  const loaded = await loadEncoder({ name: "it", folder, hash: "" });
  if (!loaded.ok) throw new Error(loaded.error.message);
  const { encode } = loaded.value;
  return async (texts) => texts.map(encode);
}

/** The same for a tokenizer that is only here. */
export function encoderOf(tokenizer: string, config: JsonObject = {}): Promise<Encode> {
  const folder = writeFiles(join(temporaryFolder(), "it"), {
    "tokenizer.json": tokenizer,
    "tokenizer_config.json": JSON.stringify({ tokenizer_class: "PreTrainedTokenizerFast", ...config }),
  });
  return encoderIn(folder);
}

/** The texts whose ids are not the same in both, shortest first. */
export async function differing(ours: Encode, official: Encode, texts: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (let from = 0; from < texts.length; from += 2000) {
    const part = texts.slice(from, from + 2000);
    const [a, b] = await Promise.all([ours(part), official(part)]);
    part.forEach((text, index) => {
      if (JSON.stringify(a[index]) !== JSON.stringify(b[index])) found.push(text);
    });
  }
  return found.sort((a, b) => a.length - b.length);
}

/** Texts on which a tokenizer's ids differ; at most three. */
export async function disagreement(tokenizer: JsonObject, texts: readonly string[]): Promise<readonly string[]> {
  const json = JSON.stringify(tokenizer);
  return (await differing(await encoderOf(json), officialEncoder(json), texts)).slice(0, 3);
}

/** A tokenizer without its tables, for messages. */
export function shown(tokenizer: JsonObject): string {
  return JSON.stringify(tokenizer, (key, value: unknown) => (key === "vocab" || key === "merges" ? undefined : value));
}

/** Says nothing while AutoTokenizer is given classes and parts that it warns of. */
export function quiet(): void {
  const { warn } = console;
  console.warn = () => {};
  onTestFinished(() => {
    console.warn = warn;
  });
}
