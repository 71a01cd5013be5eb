import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { ContentIndex } from "../engine/ports.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import {
  PROVEN_FILES,
  PROVEN_MODELS,
  PROVEN_NORMALIZERS,
  PROVEN_POST_PROCESSORS,
  PROVEN_PRE_TOKENIZERS,
  type ProvenParameters,
} from "./proven-table.ts";
import { TOKENIZER_FILES, type TokenizerFile, type TokenizerFolder } from "./source.ts";
import { BYTE_ALPHABET, type Component, isGiven, objectIn, readJson, TokenizerJson } from "./tokenizer-json.ts";

/** A part of a tokenizer that is not proven. */
export interface Unproven {
  /** `pre_tokenizer.pretokenizers[0]` */
  readonly path: string;
  /** `Digits{individual_digits:true}`: its type and parameters, shortened. */
  readonly value: string;
}

/**
 * The unproven parts of a tokenizer on this machine. None for files that cannot be read or are no JSON: loading them says
 * what is wrong with them.
 */
export function unprovenParts(tokenizer: TokenizerFolder, content: ContentIndex): readonly Unproven[] {
  const digest = (file: TokenizerFile) => content.digest(realpathSync(join(tokenizer.folder, file)));
  if (PROVEN_FILES.some((files) => TOKENIZER_FILES.every((file) => files[file] === digest(file)))) return [];
  const [json, config] = TOKENIZER_FILES.map((file) => readJson(join(tokenizer.folder, file)));
  return json === undefined || config === undefined ? [] : unprovenComponents(json, config);
}

/**
 * The parts of a tokenizer for which equal ids are not proven; none for one whose every part is.
 * @param tokenizer the content of tokenizer.json
 * @param config the content of tokenizer_config.json, of which the JavaScript library reads more than the official one
 */
export function unprovenComponents(tokenizer: JsonObject, config: JsonObject): readonly Unproven[] {
  const json = new TokenizerJson(tokenizer);
  const { vocab, merges, ...model } = json.model;
  const missing = [
    ...["truncation", "padding"].map((path) => ({ path, part: tokenizer[path] })).filter(({ part }) => isGiven(part)),
    ...json.normalizers.filter(({ part }, at) => !isProven(part, PROVEN_NORMALIZERS, at, json)),
    ...json.preTokenizers.filter(({ part }, at) => !isProven(part, PROVEN_PRE_TOKENIZERS, at, json)),
    ...(isProven(json.model, PROVEN_MODELS, 0, json) ? [] : [{ path: "model", part: model }]),
    ...json.postProcessors.filter(({ part }, at) => !isProven(part, PROVEN_POST_PROCESSORS, at, json)),
    ...unprovenTokens(json),
    ...["remove_space", "do_lowercase_and_remove_accent"]
      .filter((key) => config[key] === true)
      .map((key) => ({ path: `tokenizer_config.${key}`, part: true })),
  ];
  return missing.map(({ path, part }) => ({ path, value: shownComponent(part ?? null) }));
}

function isProven(
  part: JsonValue,
  table: Readonly<Record<string, ProvenParameters>>,
  at: number,
  json: TokenizerJson,
): boolean {
  const type = objectIn(part)["type"];
  const parameters = typeof type === "string" && Object.hasOwn(table, type) ? table[type] : undefined;
  if (!isJsonObject(part) || parameters === undefined) return false;
  const listed = (key: string) => key === "type" || Object.hasOwn(parameters, key);
  const known = Object.hasOwn(parameters, "*") || Object.keys(part).every(listed);
  return known && Object.entries(parameters).every(([key, proven]) => proven(part[key], { part, at, json }));
}

function unprovenTokens(json: TokenizerJson): readonly Component[] {
  const seen = new Set<JsonValue>();
  const normalized = json.added.filter((token) => objectIn(token)["normalized"] === true).length;
  // Without a normaliser the official library still looks for the two kinds one after the other.
  const mixed = !json.normalizes && normalized > 0 && normalized < json.added.length;
  let next = Object.keys(json.vocabulary).length;
  return json.added.flatMap((token, index) => {
    const found = [{ path: `added_tokens[${index}]`, part: token }];
    if (!isJsonObject(token) || typeof token["content"] !== "string") return found;
    const { content } = token;
    const known = json.vocabulary[content];
    const flags = token["single_word"] === false && token["lstrip"] === false && token["rstrip"] === false;
    const once = content !== "" && !seen.has(content);
    seen.add(content);
    // The official library counts ids itself, and the file's say nothing.
    const numbered = token["id"] === (known ?? next);
    if (known === undefined) next++;
    return flags && once && numbered && !mixed && staysApart(json, token, content) ? [] : found;
  });
}

/**
 * The JavaScript library takes any piece that reads like an added token for that token, also one that normalising or the
 * byte alphabet has made of other text. True when no other text can become this content.
 */
function staysApart(json: TokenizerJson, token: JsonObject, content: string): boolean {
  const ascii = /^[\x20-\x7e]*$/.test(content);
  const byNormalising = json.normalizers.some(({ part }) => {
    const { type, content: replacement, prepend } = objectIn(part);
    const inserted = replacement ?? prepend;
    // Of ASCII, NFC makes only the letter K (of the Kelvin sign), the semicolon and the grave accent out of others.
    if (type === "NFC") return token["normalized"] !== true && (!ascii || /[K;`]/.test(content));
    return token["normalized"] === true || (typeof inserted === "string" && content.includes(inserted));
  });
  if (byNormalising) return false;
  if (json.knows(content)) return true;
  const whole = json.model["ignore_merges"] === true || json.model["type"] === "WordPiece";
  const mayBeBytes = [...content].every((character) => BYTE_ALPHABET.includes(character));
  return [...content].length > 1 && !(whole && !ascii && mayBeBytes);
}

/** `Digits{individual_digits:true}` */
function shownComponent(value: JsonValue): string {
  const { type, ...parameters } = isJsonObject(value) ? value : { type: value };
  const inside = Object.entries(parameters).map(([key, parameter]) => `${key}:${JSON.stringify(parameter)}`);
  const name = typeof type === "string" ? type : type === undefined ? "" : JSON.stringify(type);
  const text = isJsonObject(value) ? `${name}{${inside.join(",")}}` : name;
  const characters = [...text];
  return characters.length <= 160 ? text : `${characters.slice(0, 159).join("")}…`;
}
