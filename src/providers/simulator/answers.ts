import { createHash } from "node:crypto";
import type { Endpoint } from "../../batch/provider.ts";
import { digestOf } from "../../graph/digest.ts";
import { canonicalJson, type JsonObject, type JsonValue } from "../../graph/json.ts";
import { type Said, say } from "./content.ts";
import { promptText } from "./prompt.ts";
import { randomFrom, simId } from "./random.ts";

/** One request as the API answers it: 200 with a body that was charged, or a 4xx with an error body that was not. */
export interface Answered {
  readonly status: number;
  readonly body: JsonObject;
  /** Tokens charged. */
  readonly tokens: { readonly input: number; readonly output: number };
}

export interface Question {
  readonly seed: number;
  readonly endpoint: Endpoint;
  readonly body: JsonObject;
  /** A batch line's custom_id; of real-time calls, the number of times the same body was asked before. */
  readonly variation: string;
  readonly yieldShare: number;
}

/** The error body of the API. */
export function errorBody(message: string, type: string, code: string | null, param: string | null): JsonObject {
  return { error: { message, type, param, code } };
}

/** The same bytes for the same question, at any time. */
export function answerTo(question: Question): Answered {
  const wrong = whatIsWrong(question);
  if (wrong !== undefined) return wrong;
  switch (question.endpoint) {
    case "/v1/chat/completions":
      return chatCompletion(question);
    case "/v1/responses":
      return response(question);
    case "/v1/embeddings":
      return embeddings(question);
  }
}

/** How the API's tokenizers count, near enough: four characters to a token. */
function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

/** What a request brings into the queue: its prompt, as the enqueued-token limit counts it. */
export function promptTokens(body: JsonObject): number {
  return estimateTokens(promptText(body)) + 7;
}

function whatIsWrong({ endpoint, body }: Question): Answered | undefined {
  if (typeof body["model"] !== "string" || body["model"] === "") {
    return refused("you must provide a model parameter", "model");
  }
  if (endpoint === "/v1/chat/completions") {
    const messages = body["messages"];
    if (!Array.isArray(messages)) return refused("Missing required parameter: 'messages'.", "messages");
    if (messages.length === 0) return refused("Invalid 'messages': empty array.", "messages");
  } else if (body["input"] === undefined) {
    return refused("Missing required parameter: 'input'.", "input");
  }
  return undefined;
}

function refused(message: string, param: string): Answered {
  const code = message.startsWith("Missing") ? "missing_required_parameter" : null;
  return {
    status: 400,
    body: errorBody(message, "invalid_request_error", code, param),
    tokens: { input: 0, output: 0 },
  };
}

function chatCompletion(question: Question): Answered {
  const { body, variation, seed } = question;
  const key = digestOf(canonicalJson(body));
  const wanted = typeof body["n"] === "number" ? Math.min(Math.max(1, Math.floor(body["n"])), 16) : 1;
  const limit = tokenLimit(body["max_completion_tokens"] ?? body["max_tokens"]);
  const said = Array.from({ length: wanted }, (_, index) =>
    cut(say(seed, key, body, index === 0 ? variation : `${variation}#${index}`, question.yieldShare), limit),
  );
  const tokens = { input: promptTokens(body), output: sum(said.map(saidTokens)) };
  return {
    status: 200,
    tokens,
    body: {
      id: simId("chatcmpl-", seed, key, variation),
      object: "chat.completion",
      created: madeAt(seed, key, variation),
      model: body["model"] ?? "",
      choices: said.map(({ content, refusal, finish }, index) => ({
        index,
        message: { role: "assistant", content, refusal, annotations: [] },
        logprobs: null,
        finish_reason: finish,
      })),
      usage: {
        prompt_tokens: tokens.input,
        completion_tokens: tokens.output,
        total_tokens: tokens.input + tokens.output,
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
        completion_tokens_details: {
          reasoning_tokens: 0,
          audio_tokens: 0,
          accepted_prediction_tokens: 0,
          rejected_prediction_tokens: 0,
        },
      },
      service_tier: "default",
      system_fingerprint: "fp_simulated",
    },
  };
}

function response(question: Question): Answered {
  const { body, variation, seed } = question;
  const key = digestOf(canonicalJson(body));
  const said = cut(say(seed, key, body, variation, question.yieldShare), tokenLimit(body["max_output_tokens"]));
  const tokens = { input: promptTokens(body), output: saidTokens(said) };
  const part: JsonObject =
    said.refusal === null
      ? { type: "output_text", text: said.content ?? "", annotations: [] }
      : { type: "refusal", refusal: said.refusal };
  const status = said.finish === "stop" ? "completed" : "incomplete";
  return {
    status: 200,
    tokens,
    body: {
      id: simId("resp_", seed, key, variation),
      object: "response",
      created_at: madeAt(seed, key, variation),
      status,
      error: null,
      incomplete_details: said.finish === "stop" ? null : { reason: "max_output_tokens" },
      model: body["model"] ?? "",
      output: [
        { type: "message", id: simId("msg_", seed, key, variation), role: "assistant", status, content: [part] },
      ],
      usage: {
        input_tokens: tokens.input,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: tokens.output,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: tokens.input + tokens.output,
      },
    },
  };
}

function embeddings({ body, seed }: Question): Answered {
  const input = body["input"];
  const texts: readonly JsonValue[] = Array.isArray(input) && typeof input[0] !== "number" ? input : [input ?? ""];
  const asked = body["dimensions"];
  const dimensions = typeof asked === "number" && asked > 0 ? Math.min(Math.floor(asked), 3072) : 1536;
  const model = body["model"] ?? "";
  const tokens = sum(texts.map((text) => estimateTokens(typeof text === "string" ? text : canonicalJson(text))));
  return {
    status: 200,
    tokens: { input: tokens, output: 0 },
    body: {
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
    },
  };
}

function unitVector(dimensions: number, of: string): number[] {
  const random = randomFrom("embedding", of);
  const raw = Array.from({ length: dimensions }, () => random.next() * 2 - 1);
  const norm = Math.sqrt(sum(raw.map((x) => x * x)));
  return raw.map((x) => Number((x / norm).toFixed(7)));
}

function base64(vector: readonly number[]): string {
  return Buffer.from(new Float32Array(vector).buffer).toString("base64");
}

/** A model that runs into the request's own token limit stops in the middle of its text. */
function cut(said: Said, limit: number): Said {
  if (said.content === null || estimateTokens(said.content) <= limit) return said;
  return { content: said.content.slice(0, limit * 4), refusal: null, finish: "length" };
}

function tokenLimit(value: JsonValue | undefined): number {
  return typeof value === "number" && value > 0 ? value : Number.POSITIVE_INFINITY;
}

function saidTokens(said: Said): number {
  return estimateTokens(said.content ?? said.refusal ?? "");
}

/** A moment in January 2026 that depends on the question alone: answers must be the same bytes at any time. */
function madeAt(...parts: readonly (string | number)[]): number {
  return 1_767_225_600 + (createHash("sha256").update(JSON.stringify(parts)).digest().readUInt32LE(0) % 2_000_000);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
