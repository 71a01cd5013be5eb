import { isJsonObject, type JsonValue } from "../graph/json.ts";

/** Why a call has no answer, in the provider's words. */
export interface Failure {
  /** The HTTP status, or the one that stands in the error itself; null when neither says one. */
  readonly status: number | null;
  readonly code: string | null;
  readonly message: string;
}

/**
 * What a failure means for its request.
 * `refusal`: it will not be answered as it is. `liftable`: refused until time or a person changes something that is not the
 * request (credit, access, the account's tier). `unanswered`: to be asked again.
 */
export type FailureKind = "refusal" | "liftable" | "unanswered";

export const NO_REASON = "the provider gave no reason";

/** Statuses that speak of the account, the model or the tier rather than of the request. */
const LIFTABLE_STATUS: readonly number[] = [402, 403, 404, 413];
/** 400-class statuses that say "later". */
const LATER_STATUS: readonly number[] = [401, 408, 409, 425, 429];

const LIFTABLE_CODES: ReadonlySet<string> = new Set([
  "insufficient_quota",
  "insufficient_balance",
  "billing_not_active",
  "billing_hard_limit_reached",
  "billing_error",
  "model_not_found",
  "deploymentnotfound",
  "permission_denied",
  "permission_error",
  "request_too_large",
]);

/**
 * Seen from OpenAI, Anthropic, DeepSeek, OpenRouter and gateways before them, often with a status that says otherwise:
 * Anthropic reports missing credit with 400, OpenAI a request above the tier's tokens per minute with 429.
 */
const LIFTABLE_WORDS =
  /credit balance|insufficient[ _](balance|quota|credits?|funds)|exceeded your current quota|\bbilling\b|payment required|purchase credits|must be verified|verify organi[sz]ation|not have (access|permission)|no access to|model .{0,200}(does not exist|not found)|request too large/i;

/** What a failure means. Codes count with any status; words only where the server itself is not at fault (5xx). */
export function kindOfFailure({ status, code, message }: Failure): FailureKind {
  if (code !== null && LIFTABLE_CODES.has(code.toLowerCase())) return "liftable";
  const refused = status !== null && status >= 400 && status < 500;
  if ((refused || status === null) && LIFTABLE_WORDS.test(message)) return "liftable";
  if (!refused || LATER_STATUS.includes(status)) return "unanswered";
  return LIFTABLE_STATUS.includes(status) ? "liftable" : "refusal";
}

/** The failure that an `error` member tells of; undefined when it tells of none (absent, null, empty). */
export function failureIn(error: JsonValue | undefined): Failure | undefined {
  if (error === undefined || error === null || error === false || error === "") return undefined;
  if (!isJsonObject(error)) return { status: null, code: null, message: words(error) };
  if (Object.keys(error).length === 0) return undefined;
  const { code, type, status, message, detail } = error;
  return {
    status: errorStatus(code) ?? errorStatus(status),
    code: name(code) ?? name(type),
    message: words(message ?? detail ?? (typeof error["error"] === "string" ? error["error"] : undefined)),
  };
}

/** The failure that a body of an error status tells of: under `error`, or at its top as FastAPI and vLLM put it. */
export function failureOfBody(body: JsonValue | undefined): Failure | undefined {
  return (isJsonObject(body) ? failureIn(body["error"]) : undefined) ?? failureIn(body);
}

function errorStatus(value: JsonValue | undefined): number | null {
  const status = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : value;
  return typeof status === "number" && status >= 400 && status < 600 ? status : null;
}

function name(value: JsonValue | undefined): string | null {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : null;
}

/** Longer ones are pages of HTML or echoes of the request. */
const MOST_WORDS = 500;

/** The provider's words on one line: whatever stands in them, they end on a terminal. FastAPI gives a list of them. */
function words(value: JsonValue | undefined): string {
  const said = Array.isArray(value)
    ? value.map((item: JsonValue) => (isJsonObject(item) ? item["msg"] : item))
    : [value];
  const text = said.filter((one) => typeof one === "string" || typeof one === "number").join("; ");
  const line = text.slice(0, MOST_WORDS).replace(BLANKS_AND_CONTROLS, " ").trim();
  return line === "" ? NO_REASON : line;
}

const BLANKS_AND_CONTROLS = /[\s\p{Cc}]+/gu;
