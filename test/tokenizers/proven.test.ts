import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as transformers from "@huggingface/transformers";
import { expect, test } from "vitest";
import { isJsonObject, type JsonObject } from "../../src/graph/json.ts";
import { unprovenComponents, unprovenParts } from "../../src/tokenizers/proven.ts";
import { PROVEN_FILES } from "../../src/tokenizers/proven-table.ts";
import { TOKENIZER_FILES } from "../../src/tokenizers/source.ts";
import { holdAnyTokenizer } from "./any-tokenizer.ts";
import { DIFFERENCES } from "./differences.ts";
import { hostileTexts, SHORT_TEXTS } from "./hostile-texts.ts";
import { differing, disagreement, encoderIn, encoderOf, officialEncoder, quiet, shown } from "./official.ts";
import {
  BYTE_LEVEL,
  byteBpe,
  fallbackBpe,
  listedTokenizers,
  metaspace,
  prepend,
  SPLITS,
  tokenizerJson,
} from "./parts.ts";
import { installedFolder, readingIndex, sha256 } from "./tiny-tokenizer.ts";

/*
 * The list of proven.ts held against the official library: what it lets through must have the official ids on hostile
 * texts, and what it does not is recorded with a text that shows why. Every code point is in proven.long.test.ts.
 */

const SHIPPED = ["qwen1_5", "llama3_2", "llama2"] as const;

test.each(SHIPPED)("%s has the official ids, and is on the list part by part and as a whole", async (name) => {
  const folder = installedFolder(name);
  const [json = "", config = ""] = TOKENIZER_FILES.map((file) => readFileSync(join(folder, file), "utf8"));
  expect(unprovenComponents(objectOf(json), objectOf(config))).toEqual([]);
  expect(PROVEN_FILES).toContainEqual({ "tokenizer.json": sha256(json), "tokenizer_config.json": sha256(config) });
  expect(unprovenParts({ folder, label: name }, readingIndex)).toEqual([]);
  expect(await differing(await encoderIn(folder), officialEncoder(json), hostileTexts(500, 20_261_125))).toEqual([]);
});

test("every normaliser and pre-tokeniser on the list makes of a text what the official library makes of it", async () => {
  for (const tokenizer of listedTokenizers()) {
    expect(unprovenComponents(tokenizer, {}), shown(tokenizer)).toEqual([]);
    expect(await disagreement(tokenizer, SHORT_TEXTS), shown(tokenizer)).toEqual([]);
  }
});

test("any tokenizer made of parts that are let through has the official ids", async () => {
  await holdAnyTokenizer(40, 8);
});

const differences = DIFFERENCES.map(([name, tokenizer, text, path, config = {}]) => ({
  name,
  tokenizer,
  text,
  path,
  config,
}));

test.each(differences)("differs, and is not let through: $name", async ({ tokenizer, text, path, config }) => {
  quiet();
  expect(unprovenComponents(tokenizer, config).map((part) => part.path)).toContain(path);
  const json = JSON.stringify(tokenizer);
  const ours = await (await encoderOf(json, config))([text]);
  expect(ours).not.toEqual(await officialEncoder(json)([text]));
});

test("a part is named with its place and parameters, shortened", () => {
  const falcon = { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: true }, BYTE_LEVEL] };
  expect(unprovenComponents(tokenizerJson({ model: byteBpe(), preTokenizer: falcon }), {})).toEqual([
    { path: "pre_tokenizer.pretokenizers[0]", value: "Digits{individual_digits:true}" },
  ]);
  const [long] = unprovenComponents(tokenizerJson({ model: { ...fallbackBpe(), extra: "x".repeat(500) } }), {});
  expect(long?.path).toBe("model");
  expect(long?.value).toMatch(/^BPE\{dropout:null,.*…$/);
  expect([...(long?.value ?? "")].length).toBe(160);
});

test("a parameter that nobody has heard of is not proven", () => {
  for (const normalizer of [{ type: "NFC", form: "new" }, { ...prepend("a"), scheme: "x" }, { type: "NFZ" }]) {
    expect(
      unprovenComponents(tokenizerJson({ model: byteBpe(), preTokenizer: BYTE_LEVEL, normalizer }), {}),
    ).toHaveLength(1);
  }
  for (const part of [...SPLITS.slice(0, 2), metaspace("never"), BYTE_LEVEL]) {
    const tokenizer = tokenizerJson({ model: fallbackBpe(), preTokenizer: { ...part, extra: 1 } });
    expect(unprovenComponents(tokenizer, {}).map(({ path }) => path)).toContain("pre_tokenizer");
  }
});

test("no class of the library encodes in a way of its own", () => {
  const { PreTrainedTokenizer } = transformers;
  const classes = Object.entries(transformers).flatMap(([name, value]: readonly [string, unknown]) => {
    const prototype: unknown = typeof value === "function" ? value.prototype : undefined;
    return prototype instanceof PreTrainedTokenizer ? [{ name, prototype }] : [];
  });
  expect(classes.length).toBeGreaterThan(30);
  const methods = ["encode", "_encode_plus"];
  expect(methods.every((method) => Object.hasOwn(PreTrainedTokenizer.prototype, method))).toBe(true);
  const own = classes.filter(({ prototype }) => methods.some((method) => Object.hasOwn(prototype, method)));
  expect(own.map(({ name }) => name)).toEqual([]);
});

function objectOf(json: string): JsonObject {
  const parsed: unknown = JSON.parse(json);
  if (!isJsonObject(parsed)) throw new Error("no object");
  return parsed;
}
