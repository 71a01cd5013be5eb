import type { Page, RemoteBatch, RemoteBatchError, RemoteFile, RemoteStatus } from "../../batch/provider.ts";
import { isJsonObject, type JsonObject } from "../../graph/json.ts";
import { BadAnswer } from "./failures.ts";

/*
 * The API's objects as we need them. An answer that is not the object asked for throws BadAnswer (→ ambiguous): it was
 * sent by something in between, or by an API this dsgen does not know, and proves nothing about what was done.
 */

const STATUSES: readonly RemoteStatus[] = [
  "validating",
  "failed",
  "in_progress",
  "finalizing",
  "completed",
  "expired",
  "cancelling",
  "cancelled",
];

/** Parses an answer's text as the JSON object the API promises. */
export function jsonObjectIn(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const html = /^\s*</.test(text);
    throw new BadAnswer(`expected JSON from the API, found ${html ? "an HTML page" : "something else"}`);
  }
  if (!isJsonObject(value)) throw new BadAnswer("expected a JSON object from the API, found another value");
  return value;
}

export function remoteFile(value: unknown): RemoteFile {
  const file = objectNamed(value, "file");
  return {
    id: text(file, "id", "file"),
    filename: text(file, "filename", "file"),
    bytes: number(file, "bytes", "file"),
    createdAt: number(file, "created_at", "file"),
  };
}

export function remoteBatch(value: unknown): RemoteBatch {
  const batch = objectNamed(value, "batch");
  const counts = isJsonObject(batch["request_counts"]) ? batch["request_counts"] : {};
  return {
    id: text(batch, "id", "batch"),
    status: status(batch),
    endpoint: text(batch, "endpoint", "batch"),
    inputFileId: text(batch, "input_file_id", "batch"),
    outputFileId: optionalText(batch, "output_file_id"),
    errorFileId: optionalText(batch, "error_file_id"),
    errors: batchErrors(batch["errors"]),
    counts: { total: count(counts, "total"), completed: count(counts, "completed"), failed: count(counts, "failed") },
    metadata: metadata(batch["metadata"]),
    createdAt: number(batch, "created_at", "batch"),
    expiresAt: typeof batch["expires_at"] === "number" ? batch["expires_at"] : null,
  };
}

/**
 * One page of a list. One odd item spoils the page: left out, it could be the very batch that a reconciliation looks
 * for, and would be bought again.
 */
export function page<T extends { readonly id: string }>(
  body: JsonObject,
  item: (value: unknown) => T,
  after: string | undefined,
): Page<T> {
  const data = body["data"];
  if (body["object"] !== "list" || !Array.isArray(data)) throw new BadAnswer("expected a list from the API");
  const items = data.map((value: unknown) => item(value));
  if (body["has_more"] === false) return { items, next: null };
  const last = items.at(-1);
  if (last === undefined) {
    if (body["has_more"] === true) throw new BadAnswer("the list says it has more, but its page is empty");
    return { items, next: null };
  }
  // A server that ignores `after` would have us read its first page for ever.
  if (last.id === after) throw new BadAnswer("the list does not move on from one page to the next");
  return { items, next: last.id };
}

function objectNamed(value: unknown, name: "file" | "batch"): JsonObject {
  if (!isJsonObject(value) || value["object"] !== name) throw new BadAnswer(`expected a ${name} object from the API`);
  return value;
}

function status(batch: JsonObject): RemoteStatus {
  const known = STATUSES.find((word) => word === batch["status"]);
  if (known === undefined) throw new BadAnswer(`a batch has a status unknown here: ${JSON.stringify(batch["status"])}`);
  return known;
}

function batchErrors(value: unknown): RemoteBatchError[] {
  const data = isJsonObject(value) ? value["data"] : undefined;
  if (!Array.isArray(data)) return [];
  return data.filter(isJsonObject).map((error) => ({
    code: optionalText(error, "code"),
    message: optionalText(error, "message") ?? "",
    line: typeof error["line"] === "number" ? error["line"] : null,
    param: optionalText(error, "param"),
  }));
}

function metadata(value: unknown): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]) => (typeof entry === "string" ? [[key, entry]] : [])),
  );
}

function text(object: JsonObject, key: string, of: string): string {
  const value = object[key];
  if (typeof value !== "string" || value === "") throw new BadAnswer(`a ${of} object without its ${key}`);
  return value;
}

function number(object: JsonObject, key: string, of: string): number {
  const value = object[key];
  if (typeof value !== "number") throw new BadAnswer(`a ${of} object without its ${key}`);
  return value;
}

function optionalText(object: JsonObject, key: string): string | null {
  const value = object[key];
  return typeof value === "string" && value !== "" ? value : null;
}

function count(counts: JsonObject, key: string): number {
  const value = counts[key];
  return typeof value === "number" ? value : 0;
}
