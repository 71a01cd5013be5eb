import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { type Failure, failureIn } from "./failure.ts";
import { isCharged, readUsage, type Usage } from "./usage.ts";

/** One thing that the model said: a choice, or a call of a tool in one. Reasoning is not among them: it is never data. */
export interface Spoken {
  readonly content: string | null;
  readonly finishReason: string | null;
  readonly refusal: string | null;
}

/** What a body holds that proves an answer. */
export interface Answer {
  readonly model: string | null;
  /** In the order of the choices; empty for embeddings, and where the model was paid for saying nothing. */
  readonly spoken: readonly Spoken[];
  /** The items of an answer with embeddings; empty for any other. */
  readonly data: readonly JsonValue[];
  /** Null: the provider did not say. */
  readonly usage: Usage | null;
  /** The simulator signs its answers, so that they can never pass for real ones. */
  readonly simulated: boolean;
}

export type BodyReading =
  | { readonly kind: "answer"; readonly answer: Answer }
  /** The body says that it is none. */
  | { readonly kind: "failure"; readonly failure: Failure }
  /** Neither an answer nor an error, nor any sign that it was charged for. */
  | { readonly kind: "nothing" };

/** The `system_fingerprint` of simulated answers. */
export const SIMULATED_FINGERPRINT = "fp_simulated";

/**
 * Reads the body of a call that ended with 200: of Chat Completions, Responses or Embeddings. Only content proves an answer:
 * choices, output or data that hold something, and no error. What has neither but was charged for is an answer without
 * content, so that it is not bought again unasked; so is a null body, which proves nothing about its charge.
 */
export function readBody(body: JsonValue | undefined): BodyReading {
  if (body === null || body === undefined) return { kind: "answer", answer: answerOf({}, [], []) };
  if (!isJsonObject(body)) return { kind: "nothing" };
  const failure = failureIn(body["error"]);
  if (failure !== undefined) return { kind: "failure", failure };
  const data = list(body["data"]).filter((item) => isJsonObject(item) && item["embedding"] !== undefined);
  if (data.length > 0) return { kind: "answer", answer: answerOf(body, [], list(body["data"])) };
  const reading = readChoices(body) ?? readOutput(body);
  if (reading.kind !== "nothing" || !isCharged(readUsage(body))) return reading;
  return { kind: "answer", answer: answerOf(body, [], []) };
}

function answerOf(body: JsonObject, spoken: readonly Spoken[], data: readonly JsonValue[]): Answer {
  return {
    model: text(body["model"]),
    spoken,
    data,
    usage: readUsage(body),
    simulated: body["system_fingerprint"] === SIMULATED_FINGERPRINT,
  };
}

/** Chat Completions. Undefined when the body holds no choice. Some servers write a single choice without its list. */
function readChoices(body: JsonObject): BodyReading | undefined {
  const choices = isJsonObject(body["choices"]) ? [body["choices"]] : list(body["choices"]).filter(isJsonObject);
  const spoken: Spoken[] = [];
  let failure: Failure | undefined;
  for (const choice of choices) {
    const failed = failureOfChoice(choice);
    if (failed === undefined) for (const each of readChoice(choice)) spoken.push(each);
    else failure ??= failed;
  }
  if (spoken.length > 0) return { kind: "answer", answer: answerOf(body, spoken, []) };
  return failure === undefined ? undefined : { kind: "failure", failure };
}

/** A gateway whose upstream broke off in the middle says so in the choice. */
function failureOfChoice(choice: JsonObject): Failure | undefined {
  const failure = failureIn(choice["error"]);
  if (failure !== undefined || choice["finish_reason"] !== "error") return failure;
  return { status: null, code: "error", message: "the answer ends with finish_reason error" };
}

function readChoice(choice: JsonObject): Spoken[] {
  const finishReason = text(choice["finish_reason"]);
  const { message } = choice;
  if (!isJsonObject(message)) {
    const content = text(choice["text"]);
    return content === null ? [] : [{ content, finishReason, refusal: null }];
  }
  const calls = [...list(message["tool_calls"]).map(functionOf), message["function_call"]].flatMap(argumentsOf);
  const refusal = text(message["refusal"]) ?? joined(list(message["content"]), "refusal");
  return withCalls({ content: contentOf(message["content"]), finishReason, refusal }, calls);
}

/** Responses. A body that is still at work, or has failed, says so in its `status`. */
function readOutput(body: JsonObject): BodyReading {
  const status = text(body["status"]);
  if (status === "failed" || status === "cancelled" || status === "queued" || status === "in_progress") {
    return { kind: "failure", failure: { status: null, code: status, message: `the response's status is ${status}` } };
  }
  const items = list(body["output"]).filter(isJsonObject);
  const parts = items
    .filter((item) => item["type"] === "message" || item["type"] === undefined)
    .flatMap((item) => (typeof item["content"] === "string" ? [{ text: item["content"] }] : list(item["content"])));
  const calls = items.filter((item) => item["type"] === "function_call").flatMap(argumentsOf);
  if (parts.length === 0 && calls.length === 0 && !isCharged(readUsage(body))) return { kind: "nothing" };
  if (body["output"] === undefined && status === null) return { kind: "nothing" };
  const message = { content: contentOf(parts), finishReason: finishOf(body), refusal: joined(parts, "refusal") };
  return { kind: "answer", answer: answerOf(body, withCalls(message, calls), []) };
}

/** The Responses API's way of ending, in the words of Chat Completions. */
function finishOf(body: JsonObject): string | null {
  if (body["status"] === "completed") return "stop";
  const details = body["incomplete_details"];
  const reason = isJsonObject(details) ? text(details["reason"]) : null;
  return reason === "max_output_tokens" ? "length" : reason;
}

/** Each call's arguments stand for themselves; a text beside them counts where it could hold data too. */
function withCalls(message: Spoken, calls: readonly string[]): Spoken[] {
  const called = calls.map((content) => ({ ...message, content }));
  if (called.length > 0 && !/[{[]/.test(message.content ?? "")) return called;
  return [message, ...called];
}

function functionOf(call: JsonValue): JsonValue | undefined {
  return isJsonObject(call) ? call["function"] : undefined;
}

function argumentsOf(call: JsonValue | undefined): string[] {
  const written = isJsonObject(call) ? text(call["arguments"]) : null;
  return written === null || written.trim() === "" ? [] : [written];
}

/** A text, or the texts among its parts. */
function contentOf(content: JsonValue | undefined): string | null {
  return text(content) ?? joined(list(content).filter(isNoReasoning), "text");
}

function isNoReasoning(part: JsonValue): boolean {
  const type = isJsonObject(part) ? text(part["type"]) : null;
  return type === null || !/reason|think/i.test(type);
}

function joined(parts: readonly JsonValue[], member: "text" | "refusal"): string | null {
  const texts = parts.flatMap((part) => (isJsonObject(part) ? (text(part[member]) ?? []) : []));
  return texts.length === 0 ? null : texts.join("");
}

function text(value: JsonValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}
