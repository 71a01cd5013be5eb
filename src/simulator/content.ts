import type { Digest } from "../graph/digest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { functionToCall, valueBySchema } from "./json-schema.ts";
import { drawKind, favouritePair, lexiconFor, makePair, malformedEntry, type TextPair } from "./lexicon.ts";
import { type Asked, readPrompt } from "./prompt.ts";
import { type Random, randomFrom } from "./random.ts";

/** What the simulated model says to one prompt. */
export interface Said {
  /** Null when it refused in the form the API has for that, or calls a function. */
  readonly content: string | null;
  readonly refusal: string | null;
  readonly call: FunctionCall | null;
  /** `length`: the text stops in the middle. */
  readonly finish: "stop" | "length" | "tool_calls";
}

export interface FunctionCall {
  readonly name: string;
  /** JSON, as the API carries it. */
  readonly arguments: string;
}

/** Of all candidates asked for, how many the default simulator makes valid and distinct. */
export const DEFAULT_YIELD = 0.345;

/** How a whole answer turns out, in per mille; what is left is the shape that was asked for. */
type Turns = Readonly<Partial<Record<keyof typeof FREE, number>>>;
/** A schema that the API enforces leaves these two ways to fail. */
const ENFORCED = { truncated: 15, refusal: 10 };
const FREE = { "other-key": 30, "bare-array": 25, single: 12, fenced: 30, prose: 15, ...ENFORCED };

/**
 * The answer to a request body: the same for the same seed, body and variation (a batch line's custom_id), whatever the
 * time. `yieldShare` is the share of candidates asked for that are valid and distinct. Functions that are offered are
 * called, and a schema is kept to; answers fail in the ways of real ones only where pairs are asked for.
 */
export function say(seed: number, bodyKey: Digest, body: JsonObject, variation: string, yieldShare: number): Said {
  const random = randomFrom(seed, bodyKey, variation);
  const called = functionToCall(body, random);
  if (called !== undefined) {
    const call = { name: called.name, arguments: JSON.stringify(valueBySchema(called.parameters, random)) };
    return { content: null, refusal: null, call, finish: "tool_calls" };
  }
  const asked = readPrompt(body);
  if (asked.schema !== undefined && pairChoice(asked) === undefined) {
    return stop(JSON.stringify(valueBySchema(asked.schema, random, asked.named)));
  }
  const turns: Turns = asked.schema === undefined ? FREE : ENFORCED;
  const shape: keyof typeof FREE | undefined = random.draw(turns, 1000);
  const records = makeRecords(asked, seed, random, validShare(yieldShare, asked.count, turns));
  const wrapped =
    asked.schema === undefined ? {} : valueBySchema(asked.schema, randomFrom("rest", seed, bodyKey, variation));
  const whole = (value: JsonValue) => stop(JSON.stringify(value));
  const as = (wrapper: string) => ({ ...(isJsonObject(wrapped) ? wrapped : {}), [wrapper]: records });
  switch (shape) {
    case undefined:
      return whole(as(asked.wrapper));
    case "other-key":
      return whole(as(asked.wrapper === "scenarios" ? "pairs" : "scenarios"));
    case "bare-array":
      return whole(records);
    case "single":
      return whole(records[0] ?? {});
    case "fenced":
      return stop(`\`\`\`json\n${JSON.stringify(as(asked.wrapper), null, 2)}\n\`\`\``);
    case "prose":
      return stop("Sure! Before I start, could you tell me a little more about what these examples are for?");
    case "truncated": {
      const text = JSON.stringify(as(asked.wrapper));
      const content = text.slice(0, Math.floor(text.length * (0.4 + 0.5 * random.next())));
      return { ...stop(content), finish: "length" };
    }
    case "refusal": {
      const text = "I'm sorry, but I can't help with that.";
      return random.chance(0.5) ? stop(text) : { content: null, refusal: text, call: null, finish: "stop" };
    }
  }
}

function stop(content: string): Said {
  return { content, refusal: null, call: null, finish: "stop" };
}

/** A record's chance to be valid, so that `yieldShare` is reached in spite of the answers that deliver nothing. */
function validShare(yieldShare: number, count: number, turns: Turns): number {
  const { prose = 0, truncated = 0, refusal = 0, single = 0 } = turns;
  const delivered = 1000 - prose - truncated - refusal - single * (1 - 1 / count);
  return Math.min(1, Math.max(0, (yieldShare * 1000) / delivered));
}

/** Which words make the pairs that are asked for; undefined when something else is. */
function pairChoice({ fields, text, schema }: Asked) {
  const [first, second, ...more] = fields;
  // Two texts in a schema of somebody's own are no pair unless the prompt says so.
  if (schema !== undefined && !/\bpairs?\b/i.test(text)) return undefined;
  if (first?.kind !== "text" || second?.kind !== "text" || more.length > 0) return undefined;
  return lexiconFor([first.key, second.key], text);
}

function makeRecords(asked: Asked, seed: number, random: Random, share: number): JsonValue[] {
  const choice = pairChoice(asked);
  if (choice === undefined) {
    const properties = Object.fromEntries(asked.fields.map(({ key, kind }) => [key, { type: TYPES[kind] }]));
    return Array.from({ length: asked.count }, () => valueBySchema({ type: "object", properties }, random));
  }
  const { lexicon, good, bad } = choice;
  const entry = ([goodText, badText]: TextPair): JsonValue =>
    good === asked.fields[0]?.key ? { [good]: goodText, [bad]: badText } : { [bad]: badText, [good]: goodText };
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
        if (asked.schema === undefined) return malformedEntry(makePair(lexicon, random, "valid"), [good, bad], random);
        pairs.push(makePair(lexicon, random, "several"));
        break;
    }
    return entry(pairs.at(-1) ?? ["", ""]);
  });
}

/** What a field of a prompt's example is, as a schema has it. */
const TYPES = { text: "string", number: "integer", boolean: "boolean" } as const;
