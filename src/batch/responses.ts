import type { Digest, Fingerprint } from "../graph/digest.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Usage } from "./job.ts";
import { type RequestId, requestIdOf } from "./request-file.ts";

/** Where a request's raw answer lies. */
export interface ResponseEntry {
  readonly requestId: Fingerprint;
  readonly blob: Digest;
  readonly offset: number;
  readonly length: number;
  /** `refusal`: the provider said no for good (400-class); not an answer, and not worth asking again. */
  readonly kind: "answer" | "refusal";
  readonly jobId: string;
  readonly batchId: string | null;
  readonly via: "batch" | "direct" | "import";
}

/** Every answer of one provider namespace, by request id. The first answer stays: an answer never changes. */
export interface Responses {
  lookup(id: Fingerprint): ResponseEntry | undefined;
  /** On disk when it returns. */
  add(entries: readonly ResponseEntry[]): void;
  readRaw(id: Fingerprint): string | undefined;
  entries(): Iterable<ResponseEntry>;
}

/** What one output line says about its request. */
export type LineOutcome =
  | { readonly kind: "answer"; readonly id: RequestId; readonly usage: Usage }
  | { readonly kind: "refusal"; readonly id: RequestId; readonly why: string }
  /** Worth asking again: expired, rate-limited, server error. */
  | { readonly kind: "unanswered"; readonly id: RequestId; readonly why: string }
  | { readonly kind: "foreign"; readonly customId: string };

/**
 * Reads one line of a batch's output or error file; undefined when it is no such line (a torn or wrong file).
 * @param aliases request ids by the custom_ids of an adopted batch that another tool made
 */
export function readOutcome(raw: string, aliases?: ReadonlyMap<string, RequestId>): LineOutcome | undefined {
  let line: unknown;
  try {
    line = JSON.parse(raw);
  } catch {
    return undefined;
  }
  if (!isJsonObject(line) || typeof line["custom_id"] !== "string") return undefined;
  const id = aliases?.get(line["custom_id"]) ?? requestIdOf(line["custom_id"]);
  if (id === undefined) return { kind: "foreign", customId: line["custom_id"] };
  const response = line["response"];
  if (isJsonObject(response)) {
    const status = response["status_code"];
    const body = response["body"];
    if (status === 200 && isJsonObject(body)) return { kind: "answer", id, usage: usageOf(body) };
    if (typeof status === "number" && isRefusal(status))
      return { kind: "refusal", id, why: `${status} ${messageOf(body)}` };
    return { kind: "unanswered", id, why: `${String(status)}` };
  }
  const error = line["error"];
  const code = isJsonObject(error) && typeof error["code"] === "string" ? error["code"] : "no-response";
  return { kind: "unanswered", id, why: code };
}

/** The statuses that mean: this request, as it is, will never be answered. 401, 403, 408, 409 and 429 may be later. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && ![401, 403, 408, 409, 429].includes(status);
}

function messageOf(body: JsonValue | undefined): string {
  const error = isJsonObject(body) ? body["error"] : undefined;
  const message = isJsonObject(error) ? error["message"] : undefined;
  return typeof message === "string" ? message : "no message";
}

/** Tokens from a body's `usage`, in chat completions' words or those of /v1/responses. */
export function usageOf(body: JsonObject): Usage {
  const usage = body["usage"];
  if (!isJsonObject(usage)) return { input: 0, cachedInput: 0, output: 0 };
  const details = usage["prompt_tokens_details"] ?? usage["input_tokens_details"];
  return {
    input: count(usage["prompt_tokens"] ?? usage["input_tokens"]),
    cachedInput: isJsonObject(details) ? count(details["cached_tokens"]) : 0,
    output: count(usage["completion_tokens"] ?? usage["output_tokens"]),
  };
}

function count(value: JsonValue | undefined): number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : 0;
}
