import { canonicalJson, type JsonValue } from "../graph/json.ts";
import { type Answered, estimateTokens, type Question, sum } from "./question.ts";
import { randomFrom } from "./random.ts";

/** The length of a vector where the request asks for none. */
function usualDimensions(model: JsonValue): number {
  return String(model).includes("3-large") ? 3072 : 1536;
}

/** How many texts a body asks to embed: a text, a list of them, a list of token ids, or a list of such lists. */
export function embeddedTexts(input: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(input) && typeof input[0] !== "number" ? input : [input ?? ""];
}

/** `POST /v1/embeddings`: unit vectors, the same for the same text and model. */
export function embeddings({ body, seed }: Question): Answered {
  const texts = embeddedTexts(body["input"]);
  const model = body["model"] ?? "";
  const asked = body["dimensions"];
  const dimensions =
    typeof asked === "number" && asked > 0 ? Math.min(Math.floor(asked), 3072) : usualDimensions(model);
  const tokens = sum(texts.map((text) => (Array.isArray(text) ? text.length : estimateTokens(String(text)))));
  return {
    status: 200,
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
