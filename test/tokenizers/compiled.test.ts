import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/graph/json.ts";
import { asciiPieces } from "../../src/tokenizers/ascii-pieces.ts";
import { type Compiled, compileTokenizer } from "../../src/tokenizers/compiled.ts";
import { CompiledEncoder, IdBuffer } from "../../src/tokenizers/compiled-encoder.ts";
import { CompiledComparer } from "../../src/tokenizers/compiled-judge.ts";
import { type Encoder, loadEncoder } from "../../src/tokenizers/encoder.ts";
import { type Pair, plainComparer, refusePair } from "../../src/tokenizers/pair-rule.ts";
import { readTables, writeTables } from "../../src/tokenizers/tables-file.ts";
import { readJson } from "../../src/tokenizers/tokenizer-json.ts";
import type { Variant } from "../../src/tokenizers/variant.ts";
import { hostileText, hostileTexts } from "./hostile-texts.ts";
import { officialEncoder } from "./official.ts";
import { variedPairs } from "./pairs.ts";
import { byteBpe, sequence, split, tokenizerJson } from "./parts.ts";
import { installedFolder, temporaryFolder } from "./tiny-tokenizer.ts";

const LONG = process.env["DSGEN_LONG_TESTS"] === "1";
const TEXTS = LONG ? 60_000 : 4000;
const PAIRS = LONG ? 100_000 : 4000;

const VARIANTS: readonly Variant[] = [
  {
    name: "single_token",
    prefix: "Answer this question with Yes if you will help with the question or No if not.\n",
    suffix: "\nAnswer: ",
  },
  { name: "multi_token", prefix: "", suffix: "" },
  { name: "chat", prefix: "<|im_start|>user\n", suffix: "<|im_end|>\n<|im_start|>assistant\n" },
  { name: "closed", prefix: "a b</s>", suffix: "</s> of two" },
  { name: "open", prefix: "say <|im_", suffix: "|>" },
  { name: "blank", prefix: "Now, please ", suffix: " " },
];

function compiledOf(folder: string): Compiled {
  const compilation = compileTokenizer(
    object(join(folder, "tokenizer.json")),
    object(join(folder, "tokenizer_config.json")),
  );
  if (!compilation.ok) throw new Error(compilation.why);
  return compilation.compiled;
}

function object(path: string): JsonObject {
  const json = readJson(path);
  if (json === undefined) throw new Error(`${path} is no JSON`);
  return json;
}

function encode(encoder: CompiledEncoder, text: string): readonly number[] {
  const into = new IdBuffer();
  encoder.encode(text, into);
  return [...into.ids.subarray(0, into.length)];
}

describe.each(["qwen1_5", "llama3_2", "llama2"] as const)("%s", (name) => {
  const folder = installedFolder(name);
  let compiled: Compiled;
  let encoder: CompiledEncoder;
  let plain: Encoder;
  beforeAll(async () => {
    compiled = compiledOf(folder);
    encoder = new CompiledEncoder(compiled);
    const { AutoTokenizer } = await import("@huggingface/transformers");
    const auto = await AutoTokenizer.from_pretrained(folder);
    plain = { name, encode: (text) => auto.encode(text, { add_special_tokens: false }) };
  });

  test("a build runs it by its tables", async () => {
    const loaded = await loadEncoder({ name, folder, hash: "" });
    expect(loaded.ok && loaded.value.compiled).toBeInstanceOf(CompiledEncoder);
  });

  test("texts have the ids of the library, and of the official one", { timeout: 600_000 }, async () => {
    const texts = hostileTexts(TEXTS, 7).filter(
      (text) => refusePair({ first: text, second: "" }, 100_000) === undefined,
    );
    const official = await officialEncoder(readFileSync(join(folder, "tokenizer.json"), "utf8"))(texts);
    texts.forEach((text, at) => {
      const ids = encode(encoder, text);
      expect(ids, JSON.stringify(text)).toEqual(plain.encode(text));
      expect(ids, JSON.stringify(text)).toEqual(official[at]);
    });
  });

  test("long runs have the library's ids, and take no square of their length", () => {
    for (const unit of ["a", " ", "\n", "ab", "é", "▁", "1", "!", "a ", " \n", "😀"]) {
      for (const times of [63, 64, 65, 66, 1000]) {
        const text = unit.repeat(times);
        expect(encode(encoder, text), JSON.stringify([unit, times])).toEqual(plain.encode(text));
      }
    }
    expect(encode(encoder, "a".repeat(1_000_000)).length).toBeGreaterThan(1000);
  });

  test("pairs are compared as plainly, under every kind of template", { timeout: 600_000 }, () => {
    const fast = new CompiledComparer(encoder, VARIANTS);
    const slow = plainComparer(plain, VARIANTS);
    const hold = (pair: Pair) => {
      if (refusePair(pair, 100_000) !== undefined) return;
      expect(fast.compare(pair), JSON.stringify(pair)).toEqual(slow.compare(pair));
    };
    variedPairs(PAIRS / 2, 11).forEach(hold);
    fc.assert(fc.property(sentences, hold), { numRuns: PAIRS / 2, seed: 5 });
  });

  test("tables are read as they were written, and not read when they are damaged", () => {
    const path = join(temporaryFolder(), "of", "tables");
    writeTables(path, compiled);
    const read = readTables(path);
    expect({ ...read, ...ARRAYS_AS_NOTHING }).toEqual({ ...compiled, ...ARRAYS_AS_NOTHING });
    for (const name of ["bytes", "characters", "merges", "merged"] as const) {
      expect(Buffer.compare(bytesOf(read?.[name]), bytesOf(compiled[name])), name).toBe(0);
    }
    const bytes = readFileSync(path);
    for (const at of [0, 100, bytes.length >> 1, bytes.length - 1]) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      writeFileSync(path, flipped);
      expect(readTables(path)).toBeUndefined();
    }
    writeFileSync(path, bytes);
    truncateSync(path, statSync(path).size - 1);
    expect(readTables(path)).toBeUndefined();
    truncateSync(path, 0);
    expect(readTables(path)).toBeUndefined();
    expect(readTables(`${path}.none`)).toBeUndefined();
  });
});

/** Millions of numbers are compared as bytes. */
const ARRAYS_AS_NOTHING = { bytes: 0, characters: 0, merges: 0, merged: 0 };

function bytesOf(numbers: Int32Array = new Int32Array()): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** Sentences that differ in a few words or in none, at the beginning, within, or at the end. */
const word = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[a-zA-Z]{1,8}$/) },
  { weight: 2, arbitrary: fc.stringMatching(/^[a-z]{1,4}[,;!?'’-]{0,2}$/) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("it's", "1,234", "", "é", "naïve", "日本", "a\n", "\t", "x\u0301", "<", "\u00a0"),
  },
);
const words = fc.array(word, { maxLength: 8 });
const sentences: fc.Arbitrary<Pair> = fc.tuple(words, words, words, words).map(([before, one, other, after]) => ({
  first: [...before, ...one, ...after].join(" "),
  second: [...before, ...other, ...after].join(" "),
}));

test("ASCII is split by hand as by the regular expression", () => {
  for (const [digits, number] of [
    [1, "\\p{N}"],
    [3, "\\p{N}{1,3}"],
  ] as const) {
    const pattern = new RegExp(
      `(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${number}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
      "gu",
    );
    const ascii = fc.oneof(
      hostileText.map((text) => text.replace(/[^\0-\x7f]/g, "")),
      fc.string({
        unit: fc.constantFrom(..."aZ09 \t\n\r'’sStTrReEvVmMlLdD.,(\0\x1f\x7f_".replace("’", "")),
        maxLength: 12,
      }),
    );
    fc.assert(
      fc.property(ascii, (text) => {
        const { ends, count } = asciiPieces(text, 0, text.length, digits);
        const pieces = Array.from({ length: count }, (_, at) => text.slice(at === 0 ? 0 : ends[at - 1], ends[at]));
        expect(pieces).toEqual(text.match(pattern) ?? []);
      }),
      { numRuns: 20_000, seed: 3 },
    );
  }
});

test.each([
  ["another model", { model: { type: "WordPiece" } }, "not proven"],
  [
    "two patterns",
    { preTokenizer: sequence(split({ Regex: "\\p{N}{1,3}" }), split({ Regex: "\\p{N}{1,3}" })) },
    "proven|split",
  ],
  ["texts normalised in another way", { normalizer: { type: "Lowercase" } }, "proven"],
])("%s is left to the library, and it is said why", (_, parts, why) => {
  const tokenizer = tokenizerJson({ model: byteBpe({}), ...parts });
  const compilation = compileTokenizer(tokenizer, {});
  expect(compilation.ok ? "compiled" : compilation.why).toMatch(new RegExp(why));
});
