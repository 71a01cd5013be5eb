import { type Fingerprint, fingerprintOf, isFingerprint } from "../graph/digest.ts";
import { canonicalJson, isJsonObject, type JsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";

export const ENDPOINTS = ["/v1/chat/completions", "/v1/responses", "/v1/embeddings"] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

/** One API call: digest of canonical (method, url, body) and of the sample index. */
export type RequestId = Fingerprint & { readonly __request: "RequestId" };

export const CUSTOM_ID_LIMIT = 64;

/**
 * The id of a request. The n-th identical body in a dataset's order is sample n, so that asking the same thing five
 * hundred times is five hundred requests, and cutting them into other batches changes no id.
 */
export function requestId(url: Endpoint, body: JsonObject, sample: number): RequestId {
  return fingerprintOf(`POST\n${url}\n${canonicalJson(body)}\n${sample}`) as RequestId;
}

/** `T-<request id>`: a downloaded output file explains itself. */
export function customId(task: string, id: RequestId): string {
  return `${task}-${id}`;
}

/** The request id in a custom_id, or undefined when it is not one of ours. */
export function requestIdOf(custom: string): RequestId | undefined {
  const tail = custom.slice(-32);
  return custom.length > 33 && custom.at(-33) === "-" && isFingerprint(tail) ? (tail as RequestId) : undefined;
}

/** The task in a custom_id of ours; null when it is another tool's. */
export function taskOf(custom: string): string | null {
  return requestIdOf(custom) === undefined ? null : custom.slice(0, -33);
}

/** One line of a request file, as it is sent. */
export interface RequestLine {
  readonly id: RequestId;
  readonly customId: string;
  readonly url: Endpoint;
  readonly model: string;
  readonly body: JsonObject;
  readonly raw: string;
  /** The custom_id under which an adopted batch of another tool's making asked it. Never sent. */
  readonly alias: string | undefined;
}

/** Lines as they are uploaded. */
export function textOf(lines: readonly RequestLine[]): string {
  return `${lines.map((line) => line.raw).join("\n")}\n`;
}

/** Reads Batch API input lines. The file is dsgen's own, so a line that does not fit is a damaged or foreign file. */
export function parseRequestFile(name: string, text: string): Result<readonly RequestLine[], Problem> {
  const lines: RequestLine[] = [];
  const seen = new Set<string>();
  for (const [index, raw] of text.split("\n").entries()) {
    if (raw === "") continue;
    const line = parseLine(raw);
    if (line === undefined || seen.has(line.id)) {
      const found = line === undefined ? "something else" : `the custom_id ${line.customId} a second time`;
      return err({
        kind: "recipe",
        where: `${name}:${index + 1}`,
        message: `expected a Batch API request with a custom_id that ends in its request id, found ${found}.`,
        fix: "Make request files with requestId and customId of dsgen.",
      });
    }
    seen.add(line.id);
    lines.push(line);
  }
  return ok(lines);
}

function parseLine(raw: string): RequestLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const { custom_id: custom, url, body } = value;
  if (typeof custom !== "string" || custom.length > CUSTOM_ID_LIMIT || !isEndpoint(url) || !isJsonObject(body))
    return undefined;
  const id = requestIdOf(custom);
  const model = body["model"];
  if (id === undefined || typeof model !== "string") return undefined;
  const alias = value["dsgen_alias"];
  return { id, customId: custom, url, model, body, raw, alias: typeof alias === "string" ? alias : undefined };
}

export function isEndpoint(value: unknown): value is Endpoint {
  return ENDPOINTS.some((endpoint) => endpoint === value);
}
