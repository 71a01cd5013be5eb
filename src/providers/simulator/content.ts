import type { Digest } from "../../graph/digest.ts";
import type { JsonObject, JsonValue } from "../../graph/json.ts";
import { lexiconFor, REFUSAL } from "./lexicon.ts";
import { drawKind, favouritePair, makePair, malformedEntry, type TextPair } from "./pairs.ts";
import { type Asked, type Field, readPrompt } from "./prompt.ts";
import { type Random, randomFrom } from "./random.ts";

/** What the simulated model says to one prompt. */
export interface Said {
  /** Null when it refused in the form the API has for that. */
  readonly content: string | null;
  readonly refusal: string | null;
  /** `length`: the text stops in the middle. */
  readonly finish: "stop" | "length";
}

/** Of all candidates asked for, how many the default simulator makes valid and distinct. */
export const DEFAULT_YIELD = 0.345;

/** How a whole answer turns out, in per mille; what is left is the shape that was asked for. */
const SHAPES = [
  { shape: "other-key", weight: 30 },
  { shape: "bare-array", weight: 25 },
  { shape: "single", weight: 12 },
  { shape: "fenced", weight: 30 },
  { shape: "prose", weight: 15 },
  { shape: "truncated", weight: 15 },
  { shape: "refusal", weight: 10 },
] as const;
type Shape = (typeof SHAPES)[number]["shape"] | "asked";

/**
 * The answer to a request body: the same for the same seed, body and variation (a batch line's custom_id), whatever the
 * time. `yieldShare` is the share of candidates asked for that are valid and distinct.
 */
export function say(seed: number, bodyKey: Digest, body: JsonObject, variation: string, yieldShare: number): Said {
  const random = randomFrom(seed, bodyKey, variation);
  const asked = readPrompt(body);
  const shape = drawShape(random);
  const records = makeRecords(asked, seed, random, validShare(yieldShare, asked.count));
  const whole = (value: JsonValue) => stop(JSON.stringify(value));
  switch (shape) {
    case "asked":
      return whole({ [asked.wrapper]: records });
    case "other-key":
      return whole({ [asked.wrapper === "scenarios" ? "pairs" : "scenarios"]: records });
    case "bare-array":
      return whole(records);
    case "single":
      return whole(records[0] ?? {});
    case "fenced":
      return stop(`\`\`\`json\n${JSON.stringify({ [asked.wrapper]: records }, null, 2)}\n\`\`\``);
    case "prose":
      return stop("Sure! Before I start, could you tell me a little more about what these examples are for?");
    case "truncated": {
      const text = JSON.stringify({ [asked.wrapper]: records });
      return {
        content: text.slice(0, Math.floor(text.length * (0.4 + 0.5 * random.next()))),
        refusal: null,
        finish: "length",
      };
    }
    case "refusal": {
      const text = "I'm sorry, but I can't help with that.";
      return random.chance(0.5) ? stop(text) : { content: null, refusal: text, finish: "stop" };
    }
  }
}

function stop(content: string): Said {
  return { content, refusal: null, finish: "stop" };
}

function drawShape(random: Random): Shape {
  let ticket = random.next() * 1000;
  for (const { shape, weight } of SHAPES) {
    ticket -= weight;
    if (ticket < 0) return shape;
  }
  return "asked";
}

/** A record's chance to be valid, so that `yieldShare` is reached in spite of the answers that deliver nothing. */
function validShare(yieldShare: number, count: number): number {
  let delivered = 1000;
  for (const { shape, weight } of SHAPES) {
    if (shape === "prose" || shape === "truncated" || shape === "refusal") delivered -= weight;
    if (shape === "single") delivered -= weight * (1 - 1 / count);
  }
  return Math.min(1, Math.max(0, (yieldShare * 1000) / delivered));
}

function makeRecords(asked: Asked, seed: number, random: Random, share: number): JsonValue[] {
  const [first, second, ...more] = asked.fields;
  const pair = first?.kind === "text" && second?.kind === "text" && more.length === 0 ? [first.key, second.key] : [];
  const [one, two] = pair;
  const choice = one === undefined || two === undefined ? undefined : lexiconFor([one, two], asked.text);
  if (choice === undefined) {
    return Array.from({ length: asked.count }, () => record(asked.fields, random));
  }
  const { lexicon, good, bad } = choice;
  const entry = ([goodText, badText]: TextPair): JsonValue =>
    good === one ? { [good]: goodText, [bad]: badText } : { [bad]: badText, [good]: goodText };
  const pairs: TextPair[] = [];
  return Array.from({ length: asked.count }, (): JsonValue => {
    const kind = drawKind(random, share);
    switch (kind) {
      case "valid":
      case "several":
      case "uneven":
        pairs.push(makePair(lexicon, random, kind));
        break;
      case "duplicate":
        pairs.push(pairs.length > 0 && random.chance(0.5) ? random.pick(pairs) : favouritePair(lexicon, seed, random));
        break;
      case "malformed":
        return malformedEntry(makePair(lexicon, random, "valid"), [good, bad], random);
    }
    return entry(pairs.at(-1) ?? ["", ""]);
  });
}

/** A record of some other task, by its keys: sums for questions, mild sentences for the rest. */
function record(fields: readonly Field[], random: Random): JsonObject {
  const a = 2 + random.below(97);
  const b = 2 + random.below(97);
  const made = fields.map(({ key, kind }): [string, JsonValue] => {
    if (kind === "number") return [key, random.below(100)];
    if (kind === "boolean") return [key, random.chance(0.5)];
    if (/question|prompt|instruction|input|query/i.test(key)) return [key, `What is ${a} plus ${b}?`];
    if (/answer|completion|response|output/i.test(key)) return [key, `${a} plus ${b} is ${a + b}.`];
    return [key, `${makePair(REFUSAL, random, "valid")[0]}.`];
  });
  return Object.fromEntries(made);
}
