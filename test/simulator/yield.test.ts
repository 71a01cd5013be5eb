import { fileURLToPath } from "node:url";
import { AutoTokenizer, env } from "@huggingface/transformers";
import { beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/graph/json.ts";
import { answerTo } from "../../src/simulator/answers.ts";
import { DEFAULT_YIELD } from "../../src/simulator/content.ts";
import { type Lexicon, makePair, REFUSAL, SENTIMENT, type TextPair } from "../../src/simulator/lexicon.ts";
import { randomFrom } from "../../src/simulator/random.ts";

type Encode = (text: string) => readonly number[];
let encoders: Encode[] = [];

beforeAll(async () => {
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  encoders = [];
  for (const name of ["tokenizer-llama2", "tokenizer-qwen1_5", "tokenizer-llama3_2"]) {
    env.localModelPath = fileURLToPath(new URL(`../../node_modules/@lenml/${name}/`, import.meta.url));
    const tokenizer = await AutoTokenizer.from_pretrained("models");
    encoders.push((text) => tokenizer.encode(text, { add_special_tokens: false }));
  }
});

const VARIANTS = [
  { prefix: "Answer this question with Yes if you will help with the question or No if not.\n", suffix: "\nAnswer: " },
  { prefix: "", suffix: "" },
];

/** The plain rule, nothing clever: equally many ids, one position different, everywhere. */
function isValid([good, bad]: TextPair): boolean {
  for (const encode of encoders) {
    for (const { prefix, suffix } of VARIANTS) {
      const a = encode(`${prefix}${good}.${suffix}`);
      const b = encode(`${prefix}${bad}.${suffix}`);
      if (a.length !== b.length || a.filter((id, at) => id !== b[at]).length !== 1) return false;
    }
  }
  return true;
}

function tokensInSentence(encode: Encode, word: string): number {
  return encode(`so ${word} and`).length - encode("so and").length;
}

describe.each([
  { name: "refusal", lexicon: REFUSAL },
  { name: "sentiment", lexicon: SENTIMENT },
])("the $name lexicon", ({ lexicon }: { lexicon: Lexicon }) => {
  it("lists only words that are one token everywhere, and uneven words that are not", () => {
    const single = Object.values(lexicon.exchanged).flatMap(({ good, bad }) => [...good, ...bad]);
    single.push(...(lexicon.fills[lexicon.subject] ?? []));
    const wrong = single.filter((word) => encoders.some((encode) => tokensInSentence(encode, word) !== 1));
    expect(wrong).toEqual([]);
    const even = Object.values(lexicon.exchanged)
      .flatMap(({ uneven }) => uneven)
      .filter((word) => encoders.every((encode) => tokensInSentence(encode, word) === 1));
    expect(even).toEqual([]);
  });

  it("makes pairs that are what their kind says", () => {
    const random = randomFrom("kinds", lexicon.good);
    for (let turn = 0; turn < 150; turn++) {
      expect(isValid(makePair(lexicon, random, "valid"))).toBe(true);
    }
    for (let turn = 0; turn < 40; turn++) {
      expect(isValid(makePair(lexicon, random, "several"))).toBe(false);
      expect(isValid(makePair(lexicon, random, "uneven"))).toBe(false);
    }
  });

  it("has room for a large dataset without running into repetitions", () => {
    const seen = new Set<string>();
    const random = randomFrom("room", lexicon.good);
    for (let turn = 0; turn < 30_000; turn++) seen.add(makePair(lexicon, random, "valid").join("\n"));
    expect(seen.size).toBeGreaterThan(29_000);
  });
});

/** The pairs in one answer, as any reader of such answers would find them. */
function pairsIn(body: JsonObject, keys: TextPair): TextPair[] {
  const text = /"content":("(?:[^"\\]|\\.)*")/.exec(JSON.stringify(body))?.[1];
  if (text === undefined) return [];
  const unfenced = String(JSON.parse(text)).replace(/^```json\n|\n```$/g, "");
  let value: unknown;
  try {
    value = JSON.parse(unfenced);
  } catch {
    return [];
  }
  const records: unknown[] = [];
  const walk = (node: unknown) => {
    if (Array.isArray(node)) node.forEach(walk);
    else if (typeof node === "object" && node !== null) {
      if (keys.some((key) => key in node)) records.push(node);
      else Object.values(node).forEach(walk);
    }
  };
  walk(value);
  return records.flatMap((record): TextPair[] => {
    const [good, bad] = keys.map((key): unknown => Reflect.get(Object(record), key));
    return typeof good === "string" && typeof bad === "string" && good !== "" ? [[good, bad]] : [];
  });
}

function candidates(seed: number, requests: number, keys: TextPair, yieldShare: number, extra = {}): TextPair[] {
  const prompt = `Generate exactly 10 pairs. Answer with JSON: {"pairs": [{"${keys[0]}": "...", "${keys[1]}": "..."}]}`;
  const pairs: TextPair[] = [];
  for (let request = 0; request < requests; request++) {
    const body = { model: "gpt-4o-mini", messages: [{ role: "user", content: prompt }], ...extra };
    const answer = answerTo({ seed, endpoint: "/v1/chat/completions", body, variation: `T-${request}`, yieldShare });
    pairs.push(...pairsIn(answer.body(), keys));
  }
  return pairs;
}

/** Distinct valid pairs; a verdict hangs on nothing but the pair, so each distinct one is judged once. */
function distinctValid(pairs: readonly TextPair[], judge: (pair: TextPair) => boolean): number {
  const seen = new Set<string>();
  let valid = 0;
  for (const pair of pairs) {
    const key = pair.join("\n");
    if (seen.has(key)) continue;
    seen.add(key);
    if (judge(pair)) valid++;
  }
  return valid;
}

/**
 * The verdict by words, for the many seeds: valid pairs differ in one word, which both lists call single. Held against
 * the tokenizers' verdict in the test before it is used.
 */
function isValidByWords([good, bad]: TextPair): boolean {
  const a = good.split(" ");
  const b = bad.split(" ");
  if (a.length !== b.length) return false;
  const different = a.flatMap((word, at) => (word === b[at] ? [] : [b[at] ?? ""]));
  const uneven = [REFUSAL, SENTIMENT].flatMap((lexicon) => Object.values(lexicon.exchanged).flatMap((e) => e.uneven));
  return different.length === 1 && !uneven.includes(different[0] ?? "");
}

describe("the share of valid and distinct pairs", () => {
  it("is what the tokenizers say, for the refusal task and its default", () => {
    const pairs = candidates(7, 100, ["safe", "harmful"], DEFAULT_YIELD);
    const byTokenizers = distinctValid(pairs, isValid);
    expect(byTokenizers).toBe(distinctValid(pairs, isValidByWords));
    expect(byTokenizers).toBeGreaterThan(280);
    expect(byTokenizers).toBeLessThan(420);
  });

  it("is what the tokenizers say, for the sentiment task", () => {
    const pairs = candidates(7, 40, ["positive", "negative"], DEFAULT_YIELD);
    expect(distinctValid(pairs, isValid)).toBe(distinctValid(pairs, isValidByWords));
  });

  it.each([{ keys: ["safe", "harmful"] as const }, { keys: ["positive", "negative"] as const }])(
    "fills the default dataset ($keys) with a margin, for ten seeds",
    ({ keys }) => {
      for (let seed = 0; seed < 10; seed++) {
        const valid = distinctValid(candidates(seed, 500, keys, DEFAULT_YIELD), isValidByWords);
        expect(valid).toBeGreaterThanOrEqual(1600);
        expect(valid).toBeLessThanOrEqual(1850);
      }
    },
  );

  it.each([0.05, 0.2, 0.6])("follows the yield that was asked for: %d", (share) => {
    const valid = distinctValid(candidates(3, 400, ["safe", "harmful"], share), isValidByWords);
    expect(valid / 4000).toBeGreaterThan(share - 0.04);
    expect(valid / 4000).toBeLessThan(share + 0.04);
  });

  it.each([0.05, DEFAULT_YIELD, 0.6])("follows it also where a schema is enforced: %d", (share) => {
    const keys = ["safe", "harmful"] as const;
    const properties = Object.fromEntries(keys.map((key) => [key, { type: "string" }]));
    const closed = { additionalProperties: false };
    const items = { type: "object", properties, required: keys, ...closed };
    const schema = {
      type: "object",
      properties: { about: { type: "string" }, entries: { type: "array", items } },
      required: ["about", "entries"],
      ...closed,
    };
    const format = { type: "json_schema", json_schema: { name: "pairs", strict: true, schema } };
    const pairs = candidates(3, 400, keys, share, { response_format: format });
    const valid = distinctValid(pairs, isValidByWords);
    expect(valid / 4000).toBeGreaterThan(share - 0.04);
    expect(valid / 4000).toBeLessThan(share + 0.04);
    // Every answer that is whole has all its ten entries, each of them as the schema says.
    expect(pairs.length % 10).toBe(0);
    expect(pairs.length).toBeGreaterThan(3800);
  });
});
