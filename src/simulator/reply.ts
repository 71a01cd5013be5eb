import { type JsonObject, jsonObjectIn } from "../graph/json.ts";

/** What a call is answered, before any fault has its way with it. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body:
    | { readonly kind: "text"; readonly text: string }
    | { readonly kind: "file"; readonly path: string; readonly bytes: number }
    /** Server-sent events: sent one by one, their length announced only where a fault says something about it. */
    | { readonly kind: "frames"; readonly frames: readonly string[] };
}

/** An error of the API; without a type it is an invalid request. */
export interface ApiError {
  readonly message: string;
  readonly type?: string;
  readonly param?: string | null;
  readonly code?: string | null;
}

export const SERVER_ERROR: ApiError = {
  message: "The server had an error while processing your request. Sorry about that!",
  type: "server_error",
};

export function errorBody({
  message,
  type = "invalid_request_error",
  param = null,
  code = null,
}: ApiError): JsonObject {
  return { error: { message, type, param, code } };
}

export function jsonReply(status: number, body: JsonObject, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: { kind: "text", text: JSON.stringify(body) },
  };
}

export function errorReply(status: number, error: ApiError, headers: Readonly<Record<string, string>> = {}): Reply {
  return jsonReply(status, errorBody(error), headers);
}

/** Deeper than any request; without a bound a line of brackets would end in a stack overflow each time it is looked at. */
const DEEPEST = 200;

/** A JSON object from its text, or undefined for anything else. */
export function parseJsonObject(text: string): JsonObject | undefined {
  const value = jsonObjectIn(text);
  return value === undefined || isTooDeep(value) ? undefined : value;
}

function isTooDeep(value: JsonObject): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) return true;
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return false;
}
