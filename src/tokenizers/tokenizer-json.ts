import { readFileSync } from "node:fs";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";

/** A component that is not a Sequence, where it stands: `pre_tokenizer.pretokenizers[0]`. */
export interface Component {
  readonly path: string;
  readonly part: JsonValue;
}

/** What a tokenizer.json says, with its Sequences laid out. */
export class TokenizerJson {
  readonly model: JsonObject;
  readonly vocabulary: JsonObject;
  readonly added: readonly JsonValue[];
  /** Also true for an empty Sequence. */
  readonly normalizes: boolean;
  readonly normalizers: readonly Component[];
  readonly preTokenizers: readonly Component[];
  readonly postProcessors: readonly Component[];

  constructor(json: JsonObject) {
    this.model = objectIn(json["model"]);
    this.vocabulary = objectIn(this.model["vocab"]);
    this.added = Array.isArray(json["added_tokens"]) ? json["added_tokens"] : [];
    this.normalizes = isGiven(json["normalizer"]);
    this.normalizers = componentsOf(json["normalizer"], "normalizer", "normalizers");
    this.preTokenizers = componentsOf(json["pre_tokenizer"], "pre_tokenizer", "pretokenizers");
    this.postProcessors = componentsOf(json["post_processor"], "post_processor", "processors");
  }

  knows(token: string): boolean {
    return Object.hasOwn(this.vocabulary, token);
  }

  /** Every text has ids: each of its bytes is in the vocabulary, by one of the two ways to write bytes. */
  get complete(): boolean {
    const byteLevel = objectIn(this.preTokenizers.at(-1)?.part)["type"] === "ByteLevel";
    if (!byteLevel && this.model["byte_fallback"] !== true) return false;
    return BYTE_ALPHABET.every((letter, byte) => this.knows(byteLevel ? letter : fallbackToken(byte)));
  }
}

/** A component, or those of a Sequence, to any depth. */
function componentsOf(component: JsonValue | undefined, path: string, listKey: string): readonly Component[] {
  if (!isGiven(component)) return [];
  const whole = [{ path, part: component }];
  if (!isJsonObject(component) || component["type"] !== "Sequence") return whole;
  const list = component[listKey];
  if (!Array.isArray(list) || Object.keys(component).some((key) => key !== "type" && key !== listKey)) return whole;
  return list.flatMap((part: JsonValue, index) => componentsOf(part, `${path}.${listKey}[${index}]`, listKey));
}

export function isGiven(value: JsonValue | undefined): value is JsonValue {
  return value !== undefined && value !== null;
}

/** An object as it is, and an empty one for anything else. */
export function objectIn(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
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

/** How vocabularies with `byte_fallback` write a byte: `<0x0A>`. */
export function fallbackToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/**
 * How byte-level vocabularies write the 256 bytes, in order: a printable character of Latin-1 stands for itself, every other
 * byte for the next character from U+0100 on (`bytes_to_unicode` of GPT-2).
 */
export const BYTE_ALPHABET: readonly string[] = byteAlphabet();

function byteAlphabet(): readonly string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const itself = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(itself ? byte : next++);
  });
}
