import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";

/** Tokens as the provider counted them. `cachedInput` are among `input`. */
export type Usage = {
  readonly input: number;
  readonly cachedInput: number;
  readonly output: number;
};

/**
 * Tokens from a body's `usage`, in the words of Chat Completions or of Responses. Null when it says nothing that can be
 * counted (absent, negative, text, 1e999): that is "unknown", not zero. Embeddings have no output.
 */
export function readUsage(body: JsonObject): Usage | null {
  const usage = body["usage"];
  if (!isJsonObject(usage)) return null;
  const input = usage["prompt_tokens"] ?? usage["input_tokens"];
  const output = usage["completion_tokens"] ?? usage["output_tokens"] ?? 0;
  if (!isCount(input) || !isCount(output)) return null;
  const details = usage["prompt_tokens_details"] ?? usage["input_tokens_details"];
  const cached = isJsonObject(details) ? details["cached_tokens"] : undefined;
  return { input, cachedInput: isCount(cached) ? cached : 0, output };
}

/** True when a call with this usage was charged for. */
export function isCharged(usage: Usage | null): usage is Usage {
  return usage !== null && usage.input + usage.output > 0;
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
