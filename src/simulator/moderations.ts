import { digestOf } from "../graph/digest.ts";
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { promptText } from "./prompt.ts";
import type { Answered, Question } from "./question.ts";
import { randomFrom, simId } from "./random.ts";

/** The categories, with the few words that make the simulator flag a text; most are never flagged here. */
const CATEGORIES: readonly { readonly name: string; readonly words?: RegExp; readonly images?: true }[] = [
  { name: "harassment", words: /\b(?:idiot|loser)\b/i },
  { name: "harassment/threatening" },
  { name: "hate", words: /\bhate (?:them|those people)\b/i },
  { name: "hate/threatening" },
  { name: "illicit", words: /\b(?:steal|forge|smuggle|launder)\b/i },
  { name: "illicit/violent", words: /\bbomb\b/i },
  { name: "self-harm", images: true },
  { name: "self-harm/instructions", images: true },
  { name: "self-harm/intent", images: true },
  { name: "sexual", images: true },
  { name: "sexual/minors" },
  { name: "violence", words: /\b(?:kill|attack|shoot|bomb)\b/i, images: true },
  { name: "violence/graphic", images: true },
];

/** `POST /v1/moderations`: a result for each text, or one for a list of parts. Costs nothing, as there. */
export function moderation({ body, seed, variation }: Question): Answered {
  const input = body["input"] ?? "";
  const parts = Array.isArray(input) && isJsonObject(input[0]);
  const inputs: readonly JsonValue[] = Array.isArray(input) && !parts ? input : [input];
  const key = digestOf(canonicalJson(body));
  return {
    status: 200,
    tokens: { input: 0, output: 0 },
    body: () => ({
      id: simId("modr-", seed, key, variation),
      model: body["model"] ?? "omni-moderation-latest",
      results: inputs.map((one) => judged(seed, one)),
    }),
  };
}

function judged(seed: number, input: JsonValue): JsonObject {
  const text = promptText({ input });
  const random = randomFrom("moderation", seed, canonicalJson(input));
  const image = canonicalJson(input).includes('"image_url"');
  const found = CATEGORIES.map(({ name, words, images }) => {
    const hit = words?.test(text) === true;
    const score = Number(((hit ? 0.8 : 0) + random.next() * (hit ? 0.2 : 0.01)).toFixed(6));
    return { name, hit, score, types: ["text", ...(image && images === true ? ["image"] : [])] };
  });
  const each = (value: (one: (typeof found)[number]) => JsonValue): JsonObject =>
    Object.fromEntries(found.map((one) => [one.name, value(one)]));
  return {
    flagged: found.some(({ hit }) => hit),
    categories: each(({ hit }) => hit),
    category_scores: each(({ score }) => score),
    category_applied_input_types: each(({ types }) => types),
  };
}
