import { isJsonObject, type JsonObject } from "../../src/graph/json.ts";
import {
  added,
  BYTE_LEVEL,
  byteBpe,
  fallbackBpe,
  metaspace,
  prepend,
  REVEALING,
  replace,
  revealing,
  split,
  tokenizerJson,
  unknownBpe,
} from "./parts.ts";

const R = { String: "a" };
const one = (model: JsonObject) => tokenizerJson({ model });
const vocabularyOf = (model: JsonObject): JsonObject => (isJsonObject(model["vocab"]) ? model["vocab"] : {});
/** The first id that the official library gives to a new token. */
const N = Object.keys(vocabularyOf(fallbackBpe())).length;
const withoutF0 = Object.keys(vocabularyOf(fallbackBpe())).filter((token) => token !== "<0xF0>");
const withAdded = (...tokens: readonly JsonObject[]) => tokenizerJson({ model: fallbackBpe(), added: tokens });
const withNormalizer = (normalizer: JsonObject, ...tokens: readonly JsonObject[]) =>
  tokenizerJson({ model: fallbackBpe(), normalizer, added: tokens });
const bert = (on: boolean): JsonObject => ({
  type: "BertNormalizer",
  clean_text: on,
  handle_chinese_chars: on,
  strip_accents: null,
  lowercase: on,
});
const unigram: JsonObject = {
  type: "Unigram",
  unk_id: 0,
  byte_fallback: false,
  vocab: [
    ["<unk>", 0],
    ["b", -1],
    [" ", -2],
  ],
};
const wordLevel: JsonObject = { type: "WordLevel", unk_token: "<unk>", vocab: { "<unk>": 0, a: 1 } };

/** What is left out, the text that shows why, and the part that the list names. Each is a difference to this day. */
export const DIFFERENCES: readonly (readonly [string, JsonObject, text: string, path: string, config?: JsonObject])[] =
  [
    [
      "digits of other scripts",
      revealing(null, { type: "Digits", individual_digits: true }),
      "a٣",
      "pre_tokenizer.pretokenizers[0]",
    ],
    [
      "digits in runs",
      revealing(null, { type: "Digits", individual_digits: false }),
      "a½",
      "pre_tokenizer.pretokenizers[0]",
    ],
    [
      "runs of punctuation",
      revealing(null, { type: "Punctuation", behavior: "Isolated" }),
      "a?!",
      "pre_tokenizer.pretokenizers[0]",
    ],
    [
      "new punctuation",
      revealing(null, { type: "Punctuation", behavior: "Contiguous" }),
      "a\u2e52",
      "pre_tokenizer.pretokenizers[0]",
    ],
    [
      "Metaspace that splits",
      revealing(null, metaspace("always", { split: true })),
      "a b",
      "pre_tokenizer.pretokenizers[0]",
    ],
    [
      "Metaspace that splits unless told",
      revealing(null, metaspace("always", {})),
      "a b",
      "pre_tokenizer.pretokenizers[0]",
    ],
    [
      "U+FEFF in ByteLevel's own regex",
      tokenizerJson({ preTokenizer: { ...BYTE_LEVEL, use_regex: true }, model: REVEALING }),
      ".\ufeff.",
      "pre_tokenizer",
    ],
    [
      "U+0085 in ByteLevel's own regex",
      tokenizerJson({ preTokenizer: { ...BYTE_LEVEL, use_regex: true }, model: REVEALING }),
      ".\u0085.",
      "pre_tokenizer",
    ],
    ["Whitespace", revealing(null, { type: "Whitespace" }), "éa", "pre_tokenizer.pretokenizers[0]"],
    ["WhitespaceSplit", revealing(null, { type: "WhitespaceSplit" }), "a\ufeffb", "pre_tokenizer.pretokenizers[0]"],
    ["BertPreTokenizer", revealing(null, { type: "BertPreTokenizer" }), "a\u0085b", "pre_tokenizer.pretokenizers[0]"],
    [
      "a Split that is not isolated",
      revealing(null, split(R, "MergedWithPrevious")),
      "bab",
      "pre_tokenizer.pretokenizers[0]",
    ],
    ["a Split into runs", revealing(null, split(R, "Contiguous")), "aab", "pre_tokenizer.pretokenizers[0]"],
    ["a Split that removes", revealing(null, split(R, "Removed")), "bab", "pre_tokenizer.pretokenizers[0]"],
    ["a Split that is inverted", revealing(null, split(R, "Isolated", true)), "bab", "pre_tokenizer.pretokenizers[0]"],
    [
      "a regex with case folding",
      revealing(null, split({ Regex: "(?i:k)" })),
      "a\u212ab",
      "pre_tokenizer.pretokenizers[0]",
    ],
    ["Lowercase", revealing({ type: "Lowercase" }, null), "ΟΔΟΣ", "normalizer"],
    ["StripAccents", revealing({ type: "StripAccents" }, null), "a\u1ab0\u0d3b", "normalizer"],
    ["Strip", revealing({ type: "Strip", strip_left: true, strip_right: true }, null), "\ufeffa", "normalizer"],
    ["NFKC", revealing({ type: "NFKC" }, null), "\u32ff", "normalizer"],
    ["NFKD", revealing({ type: "NFKD" }, null), "\u32ff", "normalizer"],
    ["BertNormalizer", revealing(bert(true), null), "ΟΔΟΣ", "normalizer"],
    ["a replacement with a dollar", revealing(replace("a", "$&b"), null), "a", "normalizer"],
    [
      "Prepend to what has become nothing",
      revealing({ type: "Sequence", normalizers: [replace("a", ""), prepend("x")] }, null),
      "a",
      "normalizer.normalizers[1]",
    ],
    ["characters without an id", one(unknownBpe({ unk_token: null })), "a>b", "model"],
    [
      "half a byte fallback",
      one(fallbackBpe({ unk_token: "<unk>", vocab: Object.fromEntries(withoutF0.map((token, id) => [token, id])) })),
      "😀漢",
      "model",
    ],
    [
      "fused unknowns",
      tokenizerJson({ model: unknownBpe({ fuse_unk: true }), preTokenizer: split({ String: "?" }) }),
      "??",
      "model",
    ],
    [
      "Unigram with byte fallback",
      one({
        ...unigram,
        byte_fallback: true,
        vocab: [
          ["<unk>", 0],
          ["<0x61>", -1],
        ],
      }),
      "a",
      "model",
    ],
    ["Unigram's unknowns across pieces", tokenizerJson({ model: unigram, preTokenizer: split(R) }), "xax", "model"],
    ["WordLevel", tokenizerJson({ model: wordLevel, preTokenizer: split({ String: " " }) }), "a c", "model"],
    [
      "truncation",
      { ...one(fallbackBpe()), truncation: { direction: "Right", max_length: 2, strategy: "LongestFirst", stride: 0 } },
      "abxyz",
      "truncation",
    ],
    [
      "padding",
      {
        ...one(fallbackBpe()),
        padding: {
          strategy: { Fixed: 9 },
          direction: "Right",
          pad_to_multiple_of: null,
          pad_id: 0,
          pad_type_id: 0,
          pad_token: "<unk>",
        },
      },
      "a",
      "padding",
    ],
    [
      "an added token that is a single word",
      withAdded(added("<s>", N, { single_word: true })),
      "a<s>a",
      "added_tokens[0]",
    ],
    ["an added token that strips left", withAdded(added("<s>", N, { lstrip: true })), "a\ufeff<s>", "added_tokens[0]"],
    ["an added token that strips right", withAdded(added("<s>", N, { rstrip: true })), "<s>\u0085a", "added_tokens[0]"],
    ["an added token with an id of the file's own", withAdded(added("<s>", N + 5)), "<s>", "added_tokens[0]"],
    [
      "two kinds of added tokens and no normaliser",
      withAdded(added("s>x", N), added("<s>", N + 1, { normalized: true })),
      "<s>x",
      "added_tokens[0]",
    ],
    [
      "an added token that normalising makes",
      withNormalizer(replace(" ", "▁"), added("▁x", N)),
      " x",
      "added_tokens[0]",
    ],
    ["an added token that NFC makes", withNormalizer({ type: "NFC" }, added("[K]", N)), "[\u212a]", "added_tokens[0]"],
    [
      "an added token normalised twice",
      withNormalizer(prepend("x"), added("x", N, { normalized: true })),
      "xx",
      "added_tokens[0]",
    ],
    [
      "an added token in the byte alphabet",
      tokenizerJson({
        model: byteBpe({ ignore_merges: true }),
        preTokenizer: BYTE_LEVEL,
        added: [added("Ã¨", Object.keys(vocabularyOf(byteBpe())).length)],
      }),
      "è",
      "added_tokens[0]",
    ],
    [
      "what only tokenizer_config.json says",
      one(fallbackBpe()),
      "a  b",
      "tokenizer_config.remove_space",
      { remove_space: true },
    ],
    [
      "lower case by tokenizer_config.json",
      one(fallbackBpe()),
      "É",
      "tokenizer_config.do_lowercase_and_remove_accent",
      { do_lowercase_and_remove_accent: true },
    ],
  ];
