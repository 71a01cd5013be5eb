import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { BYTE_ALPHABET, isOfByteAlphabet } from "./byte-alphabet.ts";
import { PROVEN_BEHAVIOURS, PROVEN_REGEXES } from "./proven-splits.ts";

/*
 * What of a tokenizer.json the encoder is proven to do as the official `tokenizers` library does. The JavaScript library
 * differs from it in more places than it says so: it reads `split` of a Metaspace as false, `Digits` as ASCII digits, most
 * behaviours of a Split as Isolated, and JavaScript's white space for Unicode's. So nothing is taken on trust: what is not
 * listed here, with the parameters listed here, is unproven. test/tokenizers/proven.test.ts holds every entry against the
 * official library, and keeps a text for which the ids differ beside what was left out.
 */

/** A part of a tokenizer that is not proven. */
export interface Unproven {
  /** `pre_tokenizer.pretokenizers[0]` */
  readonly path: string;
  /** `Digits{individual_digits:true}`: its type and parameters, shortened. */
  readonly value: string;
}

/**
 * The parts of a tokenizer for which equal ids are not proven; none for one whose every part is.
 * @param tokenizer the content of tokenizer.json
 * @param config the content of tokenizer_config.json, of which the JavaScript library reads more than the official one
 */
export function unprovenComponents(tokenizer: JsonObject, config: JsonObject): readonly Unproven[] {
  const found: Unproven[] = [];
  const missing = (path: string, value: JsonValue | undefined): void => {
    found.push({ path, value: shownComponent(value ?? null) });
  };
  const parts = new Parts(tokenizer);
  for (const key of ["truncation", "padding"]) if (given(tokenizer[key])) missing(key, tokenizer[key]);
  walk(tokenizer["normalizer"], "normalizer", "normalizers", missing, (part, at) => isProvenNormalizer(part, at));
  walk(tokenizer["pre_tokenizer"], "pre_tokenizer", "pretokenizers", missing, (part) =>
    isProvenPreTokenizer(part, parts),
  );
  if (!isProvenModel(parts)) missing("model", withoutTables(parts.model));
  walk(tokenizer["post_processor"], "post_processor", "processors", missing, isProvenPostProcessor);
  checkAddedTokens(parts, missing);
  for (const key of ["remove_space", "do_lowercase_and_remove_accent"]) {
    if (config[key] === true) missing(`tokenizer_config.${key}`, true);
  }
  return found;
}

type Tell = (path: string, value: JsonValue | undefined) => void;

/** A component, or those of a Sequence, to any depth; `at` is a component's place among them. */
function walk(
  component: JsonValue | undefined,
  path: string,
  listKey: string,
  tell: Tell,
  proven: (part: JsonObject, at: number) => boolean,
): void {
  for (const [at, leaf] of leaves(component, path, listKey).entries()) {
    if (!isJsonObject(leaf.part) || !proven(leaf.part, at)) tell(leaf.path, leaf.part);
  }
}

interface Leaf {
  readonly path: string;
  readonly part: JsonValue;
}

function leaves(component: JsonValue | undefined, path: string, listKey: string): readonly Leaf[] {
  if (!given(component)) return [];
  if (!isJsonObject(component) || component["type"] !== "Sequence") return [{ path, part: component }];
  const list = component[listKey];
  if (!Array.isArray(list) || !hasOnly(component, ["type", listKey])) return [{ path, part: component }];
  return list.flatMap((part: JsonValue, index) => leaves(part, `${path}.${listKey}[${index}]`, listKey));
}

/** What the parts' proofs have to know of each other. */
class Parts {
  readonly model: JsonObject;
  readonly vocabulary: JsonObject;
  readonly added: readonly JsonValue[];
  /** Also true for an empty Sequence. */
  readonly normalizes: boolean;
  readonly normalizers: readonly JsonValue[];
  readonly preTokenizers: readonly JsonValue[];

  constructor(tokenizer: JsonObject) {
    this.model = isJsonObject(tokenizer["model"]) ? tokenizer["model"] : {};
    this.vocabulary = isJsonObject(this.model["vocab"]) ? this.model["vocab"] : {};
    this.added = Array.isArray(tokenizer["added_tokens"]) ? tokenizer["added_tokens"] : [];
    this.normalizes = given(tokenizer["normalizer"]);
    this.normalizers = leaves(tokenizer["normalizer"], "", "normalizers").map(({ part }) => part);
    this.preTokenizers = leaves(tokenizer["pre_tokenizer"], "", "pretokenizers").map(({ part }) => part);
  }

  knows(token: string): boolean {
    return Object.hasOwn(this.vocabulary, token);
  }

  /** Every text has ids: each of its bytes is in the vocabulary, by one of the two ways to write bytes. */
  get complete(): boolean {
    const last = this.preTokenizers.at(-1);
    if (isJsonObject(last) && last["type"] === "ByteLevel") return BYTE_ALPHABET.every((byte) => this.knows(byte));
    return (
      this.model["byte_fallback"] === true &&
      BYTE_ALPHABET.every((_, byte) => this.knows(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`))
    );
  }
}

function isProvenNormalizer(part: JsonObject, at: number): boolean {
  switch (part["type"]) {
    case "NFC":
      return hasOnly(part, ["type"]);
    case "Prepend":
      // After another it may meet a text that has become empty, which only the official library leaves empty.
      return at === 0 && hasOnly(part, ["type", "prepend"]) && typeof part["prepend"] === "string";
    case "Replace":
      return (
        hasOnly(part, ["type", "pattern", "content"]) &&
        isTextPattern(part["pattern"]) &&
        typeof part["content"] === "string" &&
        // `$&` and its like are references in JavaScript.
        !part["content"].includes("$")
      );
    default:
      return false;
  }
}

function isProvenPreTokenizer(part: JsonObject, parts: Parts): boolean {
  switch (part["type"]) {
    case "ByteLevel":
      return (
        hasOnly(part, ["type", "add_prefix_space", "trim_offsets", "use_regex"]) &&
        typeof part["add_prefix_space"] === "boolean" &&
        part["use_regex"] === false
      );
    case "Split": {
      if (!hasOnly(part, ["type", "pattern", "behavior", "invert"])) return false;
      const { pattern, behavior, invert } = part;
      if (!PROVEN_BEHAVIOURS.some(([word, inverted]) => word === behavior && inverted === invert)) return false;
      if (isTextPattern(pattern)) return true;
      return (
        isJsonObject(pattern) &&
        hasOnly(pattern, ["Regex"]) &&
        typeof pattern["Regex"] === "string" &&
        PROVEN_REGEXES.includes(pattern["Regex"])
      );
    }
    case "Metaspace":
      return (
        hasOnly(part, ["type", "replacement", "prepend_scheme", "split"]) &&
        part["replacement"] === "▁" &&
        part["split"] === false &&
        (part["prepend_scheme"] === "always" ||
          part["prepend_scheme"] === "never" ||
          // "first" is told by the place in the text as it was before normalisation.
          (part["prepend_scheme"] === "first" && parts.normalizers.length === 0 && parts.preTokenizers.length === 1))
      );
    default:
      return false;
  }
}

function isProvenModel(parts: Parts): boolean {
  const { model } = parts;
  const unknown = model["unk_token"];
  switch (model["type"]) {
    case "BPE": {
      if (!hasOnly(model, BPE_KEYS) || !Array.isArray(model["merges"])) return false;
      const plain =
        (model["dropout"] ?? 0) === 0 &&
        (model["continuing_subword_prefix"] ?? "") === "" &&
        (model["end_of_word_suffix"] ?? "") === "";
      if (!plain) return false;
      if (parts.complete) return true;
      // A character without an id is one unknown token in both; joining several, or leaving them out, differs.
      return (
        typeof unknown === "string" &&
        parts.knows(unknown) &&
        model["fuse_unk"] !== true &&
        model["byte_fallback"] !== true
      );
    }
    case "WordPiece":
      return (
        hasOnly(model, WORDPIECE_KEYS) &&
        typeof unknown === "string" &&
        parts.knows(unknown) &&
        typeof model["continuing_subword_prefix"] === "string" &&
        Number.isInteger(model["max_input_chars_per_word"])
      );
    default:
      return false;
  }
}

const BPE_KEYS = [
  "type",
  "dropout",
  "unk_token",
  "continuing_subword_prefix",
  "end_of_word_suffix",
  "fuse_unk",
  "byte_fallback",
  "ignore_merges",
  "vocab",
  "merges",
];
const WORDPIECE_KEYS = ["type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"];

/** Without special tokens, none of these changes ids: what remains of a template is the text. */
function isProvenPostProcessor(part: JsonObject): boolean {
  switch (part["type"]) {
    case "ByteLevel":
    case "BertProcessing":
    case "RobertaProcessing":
      return true;
    case "TemplateProcessing": {
      const single = part["single"];
      if (!Array.isArray(single)) return false;
      const texts = single.filter((item: JsonValue) => isJsonObject(item) && "Sequence" in item);
      const [text] = texts;
      return (
        texts.length === 1 && isJsonObject(text) && isJsonObject(text["Sequence"]) && text["Sequence"]["id"] === "A"
      );
    }
    default:
      return false;
  }
}

function checkAddedTokens(parts: Parts, tell: Tell): void {
  const seen = new Set<JsonValue>();
  const normalized = parts.added.filter((token) => isJsonObject(token) && token["normalized"] === true).length;
  // Without a normaliser the official library still looks for the two kinds one after the other.
  const mixed = !parts.normalizes && normalized > 0 && normalized < parts.added.length;
  let next = Object.keys(parts.vocabulary).length;
  parts.added.forEach((token, index) => {
    const path = `added_tokens[${index}]`;
    if (!isJsonObject(token) || typeof token["content"] !== "string") {
      tell(path, token);
      return;
    }
    const { content } = token;
    const known = parts.vocabulary[content];
    const flags = token["single_word"] === false && token["lstrip"] === false && token["rstrip"] === false;
    const once = content !== "" && !seen.has(content);
    seen.add(content);
    // The official library counts ids itself, and the file's say nothing.
    const numbered = token["id"] === (known ?? next);
    if (known === undefined) next++;
    if (!flags || !once || !numbered || mixed || !staysApart(parts, token, content)) tell(path, token);
  });
}

/**
 * The JavaScript library takes any piece that reads like an added token for that token, also one that normalising or the
 * byte alphabet has made of other text. True when no other text can become this content.
 */
function staysApart(parts: Parts, token: JsonObject, content: string): boolean {
  const ascii = /^[\x20-\x7e]*$/.test(content);
  const byNormalising = parts.normalizers.some((part) => {
    const [inserted, kind] = isJsonObject(part)
      ? [part["content"] ?? part["prepend"], part["type"]]
      : [undefined, null];
    // Of ASCII, NFC makes only the letter K (of the Kelvin sign), the semicolon and the grave accent out of others.
    if (kind === "NFC") return token["normalized"] !== true && (!ascii || /[K;`]/.test(content));
    return token["normalized"] === true || (typeof inserted === "string" && content.includes(inserted));
  });
  if (byNormalising) return false;
  if (parts.knows(content)) return true;
  const whole = parts.model["ignore_merges"] === true || parts.model["type"] === "WordPiece";
  return [...content].length > 1 && !(whole && !ascii && isOfByteAlphabet(content));
}

function isTextPattern(pattern: JsonValue | undefined): boolean {
  if (!isJsonObject(pattern) || !hasOnly(pattern, ["String"])) return false;
  return typeof pattern["String"] === "string" && pattern["String"] !== "";
}

function given(value: JsonValue | undefined): value is JsonValue {
  return value !== undefined && value !== null;
}

/** An unknown parameter may mean anything, so it is no part of what was proven. */
function hasOnly(part: JsonObject, keys: readonly string[]): boolean {
  return Object.keys(part).every((key) => keys.includes(key));
}

function withoutTables(model: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(model).filter(([key]) => key !== "vocab" && key !== "merges"));
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
