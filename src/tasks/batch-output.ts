import { requestIdOf } from "../batch/request-file.ts";
import type { Fingerprint } from "../graph/digest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";

/** Tokens as the provider counted them. `cached_tokens` are among `prompt_tokens`. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cached_tokens: number;
}

/** One line of Batch API output, read. */
export type OutputLine =
  | {
      readonly kind: "answer";
      readonly customId: string;
      /** The request id within the custom_id, or null when the line is of another's making. */
      readonly requestId: Fingerprint | null;
      /** The provider's own id for the call. */
      readonly providerRequestId: string | null;
      readonly statusCode: number;
      readonly model: string | null;
      readonly content: string | null;
      readonly finishReason: string | null;
      readonly refusal: string | null;
      readonly usage: Usage | null;
      /** The simulator signs its answers, so that they can never pass for real ones. */
      readonly simulated: boolean;
    }
  | {
      readonly kind: "error";
      readonly customId: string;
      readonly requestId: Fingerprint | null;
      readonly statusCode: number | null;
      readonly code: string | null;
      readonly message: string;
    }
  /** Not a line of Batch API output. `reason` says what was expected and found. */
  | { readonly kind: "malformed"; readonly reason: string };

/** The `system_fingerprint` of simulated answers. */
export const SIMULATED_FINGERPRINT = "fp_simulated";

/** Reads one line: a body of Chat Completions, Responses or Embeddings, or an error. Never throws. */
export function readOutputLine(line: string): OutputLine {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return { kind: "malformed", reason: `expected a JSON object, found ${JSON.stringify(line.slice(0, 60))}` };
  }
  if (!isJsonObject(parsed)) return { kind: "malformed", reason: "expected a JSON object, found another value" };
  const customId = text(parsed["custom_id"]);
  if (customId === null) return { kind: "malformed", reason: 'it has no "custom_id"' };
  const requestId = requestIdOf(customId) ?? null;
  const response = object(parsed["response"]);
  const statusCode = number(response?.["status_code"]);
  const body = object(response?.["body"]);
  const failure = object(parsed["error"]) ?? object(body?.["error"]);
  if (failure !== undefined || (statusCode !== null && (statusCode < 200 || statusCode > 299))) {
    return {
      kind: "error",
      customId,
      requestId,
      statusCode,
      code: text(failure?.["code"]) ?? text(failure?.["type"]),
      message: text(failure?.["message"]) ?? "the provider gave no reason",
    };
  }
  if (response === undefined || statusCode === null) {
    return { kind: "malformed", reason: 'it has neither a "response" with a "status_code" nor an "error"' };
  }
  if (body === undefined) return { kind: "malformed", reason: 'its response has no "body"' };
  return {
    kind: "answer",
    customId,
    requestId,
    providerRequestId: text(response["request_id"]),
    statusCode,
    model: text(body["model"]),
    ...spokenPart(body),
    usage: usageOf(object(body["usage"])),
    simulated: body["system_fingerprint"] === SIMULATED_FINGERPRINT,
  };
}

interface Spoken {
  readonly content: string | null;
  readonly finishReason: string | null;
  readonly refusal: string | null;
}

/** What the model said. An embedding says nothing. */
function spokenPart(body: JsonObject): Spoken {
  const choices = list(body["choices"]);
  if (choices.length > 0) {
    const choice = object(choices[0]);
    const message = object(choice?.["message"]);
    return {
      content: text(message?.["content"]) ?? joinParts(list(message?.["content"]), "text"),
      finishReason: text(choice?.["finish_reason"]),
      refusal: text(message?.["refusal"]),
    };
  }
  const parts = list(body["output"]).flatMap((item) => list(object(item)?.["content"]));
  if (parts.length === 0) return { content: null, finishReason: responsesFinish(body), refusal: null };
  return {
    content: joinParts(parts, "text"),
    finishReason: responsesFinish(body),
    refusal: joinParts(parts, "refusal"),
  };
}

/** The Responses API's way of ending, in the words of Chat Completions. */
function responsesFinish(body: JsonObject): string | null {
  if (body["status"] === "completed") return "stop";
  const reason = text(object(body["incomplete_details"])?.["reason"]);
  return reason === "max_output_tokens" ? "length" : reason;
}

function joinParts(parts: readonly JsonValue[], member: "text" | "refusal"): string | null {
  const texts = parts.map((part) => text(object(part)?.[member])).filter((part) => part !== null);
  return texts.length === 0 ? null : texts.join("");
}

function usageOf(usage: JsonObject | undefined): Usage | null {
  if (usage === undefined) return null;
  const details = object(usage["prompt_tokens_details"]) ?? object(usage["input_tokens_details"]);
  return {
    prompt_tokens: number(usage["prompt_tokens"]) ?? number(usage["input_tokens"]) ?? 0,
    completion_tokens: number(usage["completion_tokens"]) ?? number(usage["output_tokens"]) ?? 0,
    cached_tokens: number(details?.["cached_tokens"]) ?? 0,
  };
}

function text(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function number(value: JsonValue | undefined): number | null {
  return typeof value === "number" ? value : null;
}

function object(value: JsonValue | undefined): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined;
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}
