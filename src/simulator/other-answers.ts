import { crc32, deflateSync } from "node:zlib";
import { digestOf } from "../graph/digest.ts";
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { promptText } from "./prompt.ts";
import { type Answered, estimateTokens, frameOf, made, NO_TOKENS, type Question } from "./question.ts";
import { randomFrom, simId, sum } from "./random.ts";

/* The answers that are no words: vectors, judgements, pictures. */

type Made = Omit<Answered, "status">;

/** The length of a vector where the request asks for none. */
function usualDimensions(model: JsonValue): number {
  return String(model).includes("3-large") ? 3072 : 1536;
}

/** How many texts a body asks to embed: a text, a list of them, a list of token ids, or a list of such lists. */
export function embeddedTexts(input: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(input) && typeof input[0] !== "number" ? input : [input ?? ""];
}

/** `POST /v1/embeddings`: unit vectors, the same for the same text and model. */
export function embeddings({ body, seed }: Question): Made {
  const texts = embeddedTexts(body["input"]);
  const model = body["model"] ?? "";
  const asked = body["dimensions"];
  const dimensions =
    typeof asked === "number" && asked > 0 ? Math.min(Math.floor(asked), 3072) : usualDimensions(model);
  const tokens = sum(texts.map((text) => (Array.isArray(text) ? text.length : estimateTokens(String(text)))));
  return {
    tokens: { input: tokens, output: 0 },
    body: () => ({
      object: "list",
      data: texts.map((text, index) => {
        const vector = unitVector(dimensions, canonicalJson([seed, model, text]));
        return {
          object: "embedding",
          index,
          embedding: body["encoding_format"] === "base64" ? base64(vector) : vector,
        };
      }),
      model,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    }),
  };
}

function unitVector(dimensions: number, of: string): number[] {
  const random = randomFrom("embedding", of);
  const raw = Array.from({ length: dimensions }, () => random.next() * 2 - 1);
  const norm = Math.sqrt(sum(raw.map((x) => x * x)));
  return raw.map((x) => Math.round((x / norm) * 1e7) / 1e7);
}

function base64(vector: readonly number[]): string {
  return Buffer.from(new Float32Array(vector).buffer).toString("base64");
}

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
export function moderation({ body, seed, variation }: Question): Made {
  const input = body["input"] ?? "";
  const parts = Array.isArray(input) && isJsonObject(input[0]);
  const inputs: readonly JsonValue[] = Array.isArray(input) && !parts ? input : [input];
  const key = digestOf(canonicalJson(body));
  return {
    tokens: NO_TOKENS,
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

/**
 * The Images API: PNGs of one colour, which the request decides. The `gpt-image` models answer in base64, as there; others
 * with an address, here one that holds its own picture (`data:`).
 */
export function images(question: Question): Made {
  const { body, seed, variation, endpoint } = question;
  const model = String(body["model"] ?? "dall-e-2");
  const modern = model.startsWith("gpt-image");
  const encoded = modern || body["response_format"] === "b64_json";
  const size = String(body["size"] ?? "auto");
  const [width = 1024, height = 1024] = size === "auto" ? [] : size.split("x").map(Number);
  const { stream: _, partial_images: partial, ...asked } = body;
  const key = digestOf(canonicalJson({ ...asked, endpoint }));
  const draw = (nth: number) => png(width, height, digestOf(`${seed} ${key} ${variation} ${nth}`));
  const wanted = typeof body["n"] === "number" ? body["n"] : 1;
  const tokens = { input: modern ? estimateTokens(promptText(body)) : 0, output: modern ? wanted * 1056 : 0 };
  const created = made(seed, key, variation);
  const looks = { background: "opaque", output_format: "png", quality: "medium", size: `${width}x${height}` };
  const usage: JsonObject = {
    input_tokens: tokens.input,
    input_tokens_details: { text_tokens: tokens.input, image_tokens: 0 },
    output_tokens: tokens.output,
    total_tokens: tokens.input + tokens.output,
  };
  return {
    tokens,
    body: () => ({
      created,
      ...(modern ? looks : {}),
      data: Array.from({ length: wanted }, (_one, nth) => {
        const picture = draw(nth);
        return encoded ? { b64_json: picture } : { url: `data:image/png;base64,${picture}` };
      }),
      ...(modern ? { usage } : {}),
    }),
    frames: () => {
      const kind = endpoint === "/v1/images/edits" ? "image_edit" : "image_generation";
      const event = (name: string, extra: JsonObject) =>
        frameOf({ type: `${kind}.${name}`, b64_json: draw(0), created_at: created, ...looks, ...extra });
      const before = Array.from({ length: partialImages(partial) }, (_one, index) =>
        event("partial_image", { partial_image_index: index }),
      );
      return [...before, event("completed", { usage })];
    },
  };
}

/** At most three, as documented. */
function partialImages(value: JsonValue | undefined): number {
  return typeof value === "number" && value > 0 ? Math.min(Math.floor(value), 3) : 0;
}

/** A picture of one colour, as base64. One bit a pixel keeps a large one small. */
function png(width: number, height: number, colour: string): string {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([1, 3], 8); // bit depth, and colours from a palette
  const rows = Buffer.alloc(height * (1 + Math.ceil(width / 8)));
  const chunks = [
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(colour.slice(0, 6), "hex")),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ];
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), ...chunks]).toString("base64");
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(data.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}
