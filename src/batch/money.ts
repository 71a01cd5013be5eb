import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Usage } from "./job.ts";
import type { RequestLine } from "./request-file.ts";

/** What a model costs, in US dollars per million tokens. */
export interface Price {
  readonly inputPerMtok: number;
  readonly cachedInputPerMtok: number | null;
  readonly outputPerMtok: number;
  /** What the Batch API multiplies prices by: 0.5 is half price. */
  readonly batchFactor: number;
}

/** Counts the tokens a request's body sends; null when the model's encoding is not known here. */
export type CountTokens = (line: RequestLine) => number | null;

export interface Estimate {
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly costUsd: number | null;
  readonly maxCostUsd: number | null;
}

/** The price of what was used; null for an unknown model, never zero. */
export function costOf(usage: Usage, price: Price | undefined, batch: boolean): number | null {
  if (price === undefined) return null;
  const cached = Math.min(usage.cachedInput, usage.input);
  const dollars =
    (usage.input - cached) * price.inputPerMtok +
    cached * (price.cachedInputPerMtok ?? price.inputPerMtok) +
    usage.output * price.outputPerMtok;
  return (dollars / 1e6) * (batch ? price.batchFactor : 1);
}

/**
 * What asking these requests would cost. Expected output: `meanOutput` tokens a request where this task has a history,
 * else half of the allowed; the bound takes every answer as long as allowed.
 */
export function estimate(
  lines: readonly RequestLine[],
  price: Price | undefined,
  countTokens: CountTokens,
  meanOutput: number | null,
): Estimate {
  let input: number | null = 0;
  let expected: number | null = 0;
  let most: number | null = 0;
  for (const line of lines) {
    const tokens = countTokens(line);
    const limit = outputLimit(line.body);
    input = input === null || tokens === null ? null : input + tokens;
    const likely: number | null = meanOutput ?? (limit === null ? null : limit / 2);
    expected =
      expected === null || likely === null ? null : expected + (limit === null ? likely : Math.min(limit, likely));
    most = most === null || limit === null ? null : most + limit;
  }
  const cost = (output: number | null) =>
    input === null || output === null ? null : costOf({ input, cachedInput: 0, output }, price, true);
  return {
    inputTokens: input,
    outputTokens: expected === null ? null : Math.round(expected),
    costUsd: cost(expected),
    maxCostUsd: cost(most),
  };
}

/** The most tokens an answer may have; embeddings have none. Null when the request sets no bound. */
function outputLimit(body: JsonObject): number | null {
  if (body["messages"] === undefined && body["input"] !== undefined && body["max_output_tokens"] === undefined) {
    return "encoding_format" in body || "dimensions" in body ? 0 : null;
  }
  for (const key of ["max_completion_tokens", "max_tokens", "max_output_tokens"]) {
    const value = body[key];
    if (typeof value === "number") return value * (typeof body["n"] === "number" ? body["n"] : 1);
  }
  return null;
}

/**
 * The texts a request sends, for counting. Chat messages cost about four tokens each beside their text, and three prime
 * the answer (OpenAI's cookbook, "How to count tokens with tiktoken").
 */
export function sentTexts(body: JsonObject): { readonly texts: readonly string[]; readonly overhead: number } {
  const texts: string[] = [];
  let overhead = 3;
  const add = (value: JsonValue | undefined): void => {
    if (typeof value === "string") texts.push(value);
    else if (Array.isArray(value)) value.forEach(add);
    else if (isJsonObject(value)) add(value["text"] ?? value["content"]);
  };
  const messages = body["messages"];
  if (Array.isArray(messages)) {
    for (const message of messages) {
      overhead += 4;
      add(message);
    }
  }
  add(body["input"]);
  add(body["instructions"]);
  return { texts, overhead };
}
