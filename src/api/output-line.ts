import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { type Answer, readBody } from "./answer-body.ts";
import { type Failure, failureIn, failureOfBody, kindOfFailure, NO_REASON } from "./failure.ts";
import { readJson } from "./read-json.ts";
import { isCharged, readUsage, type Usage } from "./usage.ts";

/*
 * What one line of a batch's output or error file says about its request. Batches, real-time calls (kept in the same form),
 * imports and the parsing of contents all read it here, so that a line means the same wherever it is met.
 */

export type OutputLine<Id> =
  | AnswerLine<Id>
  | FailureLine<Id>
  /** Whole, and of a request that is not ours. */
  | { readonly kind: "foreign"; readonly customId: string }
  /** No line of Batch API output: torn, or something else. `reason` says what was expected and found. */
  | { readonly kind: "unreadable"; readonly reason: string };

export interface AnswerLine<Id> {
  readonly kind: "answer";
  readonly id: Id;
  readonly customId: string;
  readonly answer: Answer;
}

/** `refusal` (for good), `liftable` (by time or a person) or `unanswered` (to be asked again): see FailureKind. */
export interface FailureLine<Id> extends Failure {
  readonly kind: "refusal" | "liftable" | "unanswered";
  readonly id: Id;
  readonly customId: string;
  /** For people and for counting: an unanswered one's status or code, a refusal's with the provider's words. */
  readonly why: string;
  /** What was charged although there is no answer; null when nothing says so. */
  readonly charged: Usage | null;
}

/**
 * Reads one line. Never throws.
 * @param idOf whose request a custom_id names; undefined for one that is not asked about
 */
export function readOutputLine<Id>(raw: string, idOf: (customId: string) => Id | undefined): OutputLine<Id> {
  const line = readJson(raw);
  if (line === undefined) return unreadable(`expected a JSON object, found ${JSON.stringify(raw.slice(0, 60))}`);
  if (!isJsonObject(line)) return unreadable("expected a JSON object, found another value");
  const customId = line["custom_id"];
  if (typeof customId !== "string") return unreadable('it has no "custom_id"');
  if (line["response"] === undefined && line["error"] === undefined) {
    return unreadable('it has neither a "response" nor an "error"');
  }
  const id = idOf(customId);
  if (id === undefined) return { kind: "foreign", customId };
  const read = readResponse(line);
  return "answer" in read
    ? { kind: "answer", id, customId, answer: read.answer }
    : { ...failureLine(read.failure, read.charged), id, customId };
}

/** The answer that a line holds, whoever asked it; undefined when it holds none. */
export function answerIn(raw: string): Answer | undefined {
  const read = readOutputLine(raw, (custom) => custom);
  return read.kind === "answer" ? read.answer : undefined;
}

type Reading = { readonly answer: Answer } | { readonly failure: Failure; readonly charged: Usage | null };

function readResponse(line: JsonObject): Reading {
  const error = failureIn(line["error"]);
  const response = line["response"];
  if (!isJsonObject(response)) {
    return { failure: error ?? { status: null, code: "no-response", message: NO_REASON }, charged: null };
  }
  const { status_code: said, body } = response;
  const status = statusOf(said);
  const usage = isJsonObject(body) ? readUsage(body) : null;
  const charged = isCharged(usage) ? usage : null;
  // A line that leaves its status out can only be an answer if its body is one; a body that is missing proves nothing then.
  const silent = said === undefined || said === null;
  if (status === 200 || status === 201 || (silent && isJsonObject(body))) {
    const read = readBody(body);
    if (error !== undefined) return { failure: error, charged };
    if (read.kind === "answer") return { answer: read.answer };
    if (read.kind === "failure") return { failure: read.failure, charged };
    return {
      failure: {
        status: null,
        code: String(status ?? "no-status"),
        message: "the body holds no choices, output or data",
      },
      charged,
    };
  }
  const failure = error ?? failureOfBody(body) ?? { code: null, message: NO_REASON };
  const code = failure.code ?? (status === null ? "no-status" : null);
  return { failure: { status, code, message: failure.message }, charged };
}

function failureLine(failure: Failure, charged: Usage | null) {
  const kind = kindOfFailure(failure);
  const short = String(failure.status ?? failure.code ?? "error");
  return { ...failure, kind, charged, why: kind === "unanswered" ? short : `${short} ${failure.message}` };
}

/** Some servers write the status as a text. */
function statusOf(value: JsonValue | undefined): number | null {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : null;
}

function unreadable(reason: string): { readonly kind: "unreadable"; readonly reason: string } {
  return { kind: "unreadable", reason };
}
