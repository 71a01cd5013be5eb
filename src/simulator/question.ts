import { createHash } from "node:crypto";
import { type Digest, digestOf } from "../graph/digest.ts";
import { canonicalJson, type JsonObject, type JsonValue } from "../graph/json.ts";
import { type Said, say } from "./content.ts";
import { promptText } from "./prompt.ts";
import type { Endpoint } from "./requests.ts";

export interface Question {
  readonly seed: number;
  readonly endpoint: Endpoint;
  readonly body: JsonObject;
  /** A batch line's custom_id; of real-time calls, the number of times the same body was asked before. */
  readonly variation: string;
  readonly yieldShare: number;
}

/** One request as the API answers it: 200 with a body that was charged, or a 4xx with an error body that was not. */
export interface Answered {
  readonly status: number;
  readonly tokens: Tokens;
  /** Made when it is wanted: to be charged, an answer need not be written out. */
  readonly body: () => JsonObject;
  /** The same answer as server-sent events, of the endpoints that can stream. */
  readonly frames?: () => readonly string[];
}

/** Tokens charged. */
export interface Tokens {
  readonly input: number;
  readonly output: number;
}
export const NO_TOKENS: Tokens = { input: 0, output: 0 };

/** What the model makes of a request: the same whether it is streamed or not. */
export function spoken({ body, seed, yieldShare }: Question): {
  readonly key: Digest;
  readonly input: number;
  readonly say: (variation: string, limit: JsonValue | undefined) => Said;
} {
  const { stream: _, stream_options: __, ...asked } = body;
  const key = digestOf(canonicalJson(asked));
  return {
    key,
    input: promptTokens(body),
    say: (variation, limit) => cut(say(seed, key, asked, variation, yieldShare), limit),
  };
}

/** A model that runs into the request's own token limit stops in the middle of its text. */
function cut(said: Said, limit: JsonValue | undefined): Said {
  if (said.content === null || typeof limit !== "number" || limit <= 0) return said;
  if (estimateTokens(said.content) <= limit) return said;
  return { ...said, content: said.content.slice(0, limit * 4), finish: "length" };
}

/** How the API's tokenizers count, near enough: four characters to a token. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

/** What a request brings into the queue: its prompt, as the enqueued-token limit counts it. */
export function promptTokens(body: JsonObject): number {
  return estimateTokens(promptText(body)) + 7;
}

/** A moment in January 2026 that depends on the question alone: answers must be the same bytes at any time. */
export function made(...parts: readonly (string | number)[]): number {
  return 1_767_225_600 + (createHash("sha256").update(JSON.stringify(parts)).digest().readUInt32LE(0) % 2_000_000);
}

/** Usage as the newer calls report it. */
export function usageOf({ input, output }: Tokens): JsonObject {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  };
}

/** A server-sent event, as the API streams it: one that has a type bears it as a name. */
export function frameOf(data: JsonObject): string {
  const name = typeof data["type"] === "string" ? `event: ${data["type"]}\n` : "";
  return `${name}data: ${JSON.stringify(data)}\n\n`;
}
/** The event that ends those without names. */
export const DONE = "data: [DONE]\n\n";

/** A text in the pieces in which it is streamed: a few characters each, none of them torn. */
export function piecesOf(text: string): readonly string[] {
  return text.match(/[\s\S]{1,12}/gu) ?? [];
}
