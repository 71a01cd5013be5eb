import type { JsonObject } from "../../src/graph/json.ts";
import { PROVEN_BEHAVIOURS, PROVEN_REGEXES } from "../../src/tokenizers/proven-table.ts";
import { BYTE_ALPHABET } from "../../src/tokenizers/tokenizer-json.ts";

/* Parts of tokenizer.json files, and small tokenizers made of them. */

export interface TokenizerParts {
  readonly normalizer: JsonObject | null;
  readonly preTokenizer: JsonObject | null;
  readonly model: JsonObject;
  readonly postProcessor: JsonObject | null;
  readonly added: readonly JsonObject[];
}

export function tokenizerJson(parts: Partial<TokenizerParts> & { readonly model: JsonObject }): JsonObject {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: parts.added ?? [],
    normalizer: parts.normalizer ?? null,
    pre_tokenizer: parts.preTokenizer ?? null,
    post_processor: parts.postProcessor ?? null,
    decoder: null,
    model: parts.model,
  };
}

export const BYTE_LEVEL: JsonObject = {
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: false,
};

export const sequence = (...pretokenizers: readonly JsonObject[]): JsonObject => ({ type: "Sequence", pretokenizers });
const normalizers = (...all: readonly JsonObject[]): JsonObject => ({ type: "Sequence", normalizers: all });

export const split = (pattern: JsonObject, behavior = "Isolated", invert = false): JsonObject => ({
  type: "Split",
  pattern,
  behavior,
  invert,
});

export const prepend = (text: string): JsonObject => ({ type: "Prepend", prepend: text });
export const replace = (text: string, content: string): JsonObject => ({
  type: "Replace",
  pattern: { String: text },
  content,
});
export const metaspace = (prepend_scheme: string, more: JsonObject = { split: false }): JsonObject => ({
  type: "Metaspace",
  replacement: "▁",
  prepend_scheme,
  ...more,
});

/** Normalisers on the list, and Sequences of them. */
export const NORMALIZERS: readonly (JsonObject | null)[] = [
  null,
  { type: "NFC" },
  prepend("▁"),
  prepend("x "),
  replace(" ", "▁"),
  replace("a", ""),
  replace("ab", "b a"),
  normalizers(),
  normalizers(prepend("▁"), replace(" ", "▁")),
  normalizers({ type: "NFC" }, replace(" ", "▁")),
  normalizers(normalizers({ type: "NFC" }), replace("b", "")),
];

/** Pre-tokenisers on the list, before the ByteLevel that a byte-level model has last. */
export const SPLITS: readonly JsonObject[] = [
  ...PROVEN_BEHAVIOURS.flatMap(([behavior, invert]) => [
    ...PROVEN_REGEXES.map((Regex) => split({ Regex }, behavior, invert)),
    split({ String: " " }, behavior, invert),
    split({ String: "ab" }, behavior, invert),
    split({ String: ".*" }, behavior, invert),
  ]),
  // one after the other, as DeepSeek has them
  sequence(...PROVEN_REGEXES.slice(-3).map((Regex) => split({ Regex }))),
];

export const METASPACES: readonly JsonObject[] = ["always", "never", "first"].map((scheme) => metaspace(scheme));

export const BYTE_LEVELS: readonly JsonObject[] = [true, false].flatMap((add_prefix_space) =>
  [true, false].map((trim_offsets) => ({ ...BYTE_LEVEL, add_prefix_space, trim_offsets })),
);

/** Each byte's first and later place in a piece has an id of its own, so the ids show every piece's text and ends. */
export const REVEALING: JsonObject = {
  type: "WordPiece",
  unk_token: "[UNK]",
  continuing_subword_prefix: "##",
  max_input_chars_per_word: 100_000,
  vocab: numbered(["[UNK]", ...BYTE_ALPHABET, ...BYTE_ALPHABET.map((byte) => `##${byte}`)]),
};

/** A tokenizer whose ids show what a normaliser and a pre-tokeniser make of a text. */
export function revealing(normalizer: JsonObject | null, preTokenizer: JsonObject | null): JsonObject {
  const all = preTokenizer === null ? BYTE_LEVEL : sequence(preTokenizer, BYTE_LEVEL);
  return tokenizerJson({ normalizer, preTokenizer: all, model: REVEALING });
}

/** A tokenizer for each entry of the list, alone. */
export function listedTokenizers(): readonly JsonObject[] {
  return [
    ...NORMALIZERS.map((normalizer) => revealing(normalizer, null)),
    ...[...SPLITS, ...METASPACES.slice(0, 2)].map((part) => revealing(null, part)),
    ...BYTE_LEVELS.map((preTokenizer) => tokenizerJson({ preTokenizer, model: byteBpe() })),
    ...METASPACES.map((preTokenizer) => tokenizerJson({ preTokenizer, model: fallbackBpe() })),
  ];
}

const MERGES = [
  ["a", "b"],
  ["▁", "a"],
  ["▁a", "b"],
  ["b", "c"],
  ["ab", "c"],
  ["a", "a"],
  ["aa", "aa"],
  ["aaaa", "a"],
  ["1", "2"],
  ["c", "c"],
  ["t", "h"],
  ["th", "e"],
  [" ", "the"],
  [" ", " "],
] as const;

const MERGED = [...new Set(MERGES.flatMap(([a, b]) => [a, b, a + b]))];
const FALLBACK = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);

const BPE: JsonObject = {
  type: "BPE",
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
  merges: MERGES.map((pair) => [...pair]),
};

/** Llama 2's kind: characters, and bytes for those that have no id. */
export const fallbackBpe = (more: JsonObject = {}): JsonObject => ({
  ...BPE,
  byte_fallback: true,
  vocab: numbered(["<unk>", ...FALLBACK, ...MERGED]),
  ...more,
});

/** Most characters have no id. */
export const unknownBpe = (more: JsonObject = {}): JsonObject => ({
  ...BPE,
  unk_token: "<unk>",
  vocab: numbered(["<unk>", ...MERGED]),
  ...more,
});

const BYTE_MERGES = [
  ...MERGES.filter(([a, b]) => /^[\x20-\x7e]+$/.test(a + b)).map(([a, b]) => [inBytes(a), inBytes(b)]),
  ["Ã", "©"],
  ["Ġ", "a"],
];

/** GPT's kind: over the byte alphabet. */
export const byteBpe = (more: JsonObject = {}): JsonObject => ({
  ...BPE,
  merges: BYTE_MERGES,
  vocab: numbered([...new Set([...BYTE_ALPHABET, ...BYTE_MERGES.flatMap(([a = "", b = ""]) => [a, b, a + b])])]),
  ...more,
});

export function added(content: string, id: number, more: JsonObject = {}): JsonObject {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...more };
}

export const TEMPLATE: JsonObject = {
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
  special_tokens: { "<s>": { id: "<s>", ids: [0], tokens: ["<s>"] } },
};

export const POST_PROCESSORS: readonly (JsonObject | null)[] = [
  null,
  TEMPLATE,
  { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  { type: "BertProcessing", sep: ["</s>", 0], cls: ["<s>", 0] },
  { type: "RobertaProcessing", sep: ["</s>", 0], cls: ["<s>", 0], trim_offsets: true, add_prefix_space: true },
  { type: "Sequence", processors: [BYTE_LEVEL, TEMPLATE] },
];

function numbered(tokens: readonly string[]): JsonObject {
  return Object.fromEntries(tokens.map((token, id) => [token, id]));
}

function inBytes(ascii: string): string {
  return ascii.replaceAll(" ", "Ġ");
}
