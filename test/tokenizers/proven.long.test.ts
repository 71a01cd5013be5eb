import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PROVEN_REGEXES } from "../../src/tokenizers/proven-table.ts";
import { holdAnyTokenizer } from "./any-tokenizer.ts";
import { hostileTexts, inContext, isEncoded } from "./hostile-texts.ts";
import { differing, encoderIn, encoderOf, officialEncoder, shown } from "./official.ts";
import { revealing, split } from "./parts.ts";
import { installedFolder } from "./tiny-tokenizer.ts";

/*
 * Every code point of Unicode, in the places that matter, through every entry of the list that a table of Unicode decides
 * and the tokenizers that dsgen brings: the proof of the list, and of UNPROVEN_TEXT, which is what these tests may leave out.
 */

/** All code points but those of private planes and the insides of the ideograph blocks, which no table tells apart. */
function everyCodePoint(): readonly string[] {
  const texts: string[] = [];
  for (let point = 0; point < 0xe1000; point++) {
    const inside = INSIDES.some(([from, to]) => point > from && point < to);
    if (inside) continue;
    const text = inContext(point);
    if (isEncoded(text)) texts.push(text);
  }
  return texts;
}

const INSIDES = [
  [0x3420, 0x4da0],
  [0x4e20, 0x9fa0],
  [0xac20, 0xd780],
  [0xd7ff, 0xe000],
  [0xe010, 0xf8f0],
  [0x20010, 0x2a6c0],
  [0x2a710, 0x2b720],
  [0x30010, 0x31340],
  [0x33500, 0xe0000],
] as const;

/** One for each entry that looks a character up in a table of Unicode. The others know none but those they name. */
const BY_TABLE = [
  revealing({ type: "NFC" }, null),
  ...PROVEN_REGEXES.map((Regex) => revealing(null, split({ Regex }))),
];

test.each(BY_TABLE.map((tokenizer) => [shown(tokenizer).slice(0, 200), tokenizer] as const))(
  "every code point: %s",
  { timeout: 900_000 },
  async (_name, tokenizer) => {
    const json = JSON.stringify(tokenizer);
    expect(await differing(await encoderOf(json), officialEncoder(json), everyCodePoint())).toEqual([]);
  },
);

test.each(["qwen1_5", "llama3_2", "llama2"] as const)(
  "every code point and 20,000 texts: %s",
  { timeout: 900_000 },
  async (name) => {
    const folder = installedFolder(name);
    const official = officialEncoder(readFileSync(join(folder, "tokenizer.json"), "utf8"));
    const texts = [...everyCodePoint(), ...hostileTexts(20_000, 3)];
    expect(await differing(await encoderIn(folder), official, texts)).toEqual([]);
  },
);

test("1,000 tokenizers made of parts that are let through", { timeout: 900_000 }, () => holdAnyTokenizer(1000, 1));
