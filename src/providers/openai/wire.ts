import type { Page, RemoteBatch, RemoteBatchError, RemoteFile, RemoteStatus } from "../../batch/provider.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../graph/json.ts";
import { BadAnswer } from "./failures.ts";
import type { Scrubber } from "./scrub.ts";

/*
 * The API's objects as we need them. Servers and gateways leave members out, rename states and rewrite names, so only the
 * id is insisted on: an object without one throws BadAnswer (→ ambiguous) and proves nothing about what was done.
 * Whatever else is missing is null or zero, and nothing is concluded from it.
 */

/** States by their words: OpenAI's, and those of servers that speak its API in words of their own. */
const STATUSES: Readonly<Record<string, RemoteStatus>> = {
  validating: "validating",
  queued: "validating",
  pending: "validating",
  created: "validating",
  in_progress: "in_progress",
  running: "in_progress",
  processing: "in_progress",
  finalizing: "finalizing",
  completed: "completed",
  succeeded: "completed",
  failed: "failed",
  error: "failed",
  expired: "expired",
  cancelling: "cancelling",
  canceling: "cancelling",
  cancelled: "cancelled",
  canceled: "cancelled",
};

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

/** No object of the API nests as deep; a million brackets would end in a stack overflow instead of an answer that proves nothing. */
const DEEPEST = 200;

/**
 * An answer without the key, wherever in it the server repeats it: what it holds is written to the journal and shown.
 * Throws BadAnswer for one that nests without end.
 */
export function scrubbed(value: JsonObject, scrubber: Scrubber, depth = 0): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      scrubber.text(name),
      scrubbedMember(name, member, scrubber, depth + 1),
    ]),
  );
}

function scrubbedMember(name: string, value: JsonValue, scrubber: Scrubber, depth: number): JsonValue {
  if (depth > DEEPEST) throw new BadAnswer(`expected an answer that nests at most ${DEEPEST} deep, found a deeper one`);
  if (typeof value === "string") return name === "message" ? scrubber.message(value) : scrubber.text(value);
  if (Array.isArray(value)) return value.map((item: JsonValue) => scrubbedMember(name, item, scrubber, depth + 1));
  return isJsonObject(value) ? scrubbed(value, scrubber, depth) : value;
}

export function remoteFile(value: unknown): RemoteFile {
  const file = identified(value, "file");
  return { id: file.id, filename: optionalText(file, "filename"), bytes: optionalNumber(file, "bytes") };
}

export function remoteBatch(value: unknown): RemoteBatch {
  const batch = identified(value, "batch");
  const counts = isJsonObject(batch["request_counts"]) ? batch["request_counts"] : {};
  const word = batch["status"];
  return {
    id: batch.id,
    status: typeof word === "string" && Object.hasOwn(STATUSES, word) ? (STATUSES[word] ?? "unknown") : "unknown",
    endpoint: optionalText(batch, "endpoint") ?? "",
    inputFileId: optionalText(batch, "input_file_id"),
    outputFileId: optionalText(batch, "output_file_id"),
    errorFileId: optionalText(batch, "error_file_id"),
    errors: batchErrors(batch["errors"]),
    counts: {
      total: optionalNumber(counts, "total") ?? 0,
      completed: optionalNumber(counts, "completed") ?? 0,
      failed: optionalNumber(counts, "failed") ?? 0,
    },
    metadata: metadata(batch["metadata"]),
    createdAt: optionalNumber(batch, "created_at"),
  };
}

/**
 * One page of a list. An entry without an id is counted as odd and spoils nothing but a proof of absence.
 * @param limit how many entries were asked for: fewer of them, with no word on more, are the last
 */
export function page<T extends { readonly id: string }>(
  body: JsonObject,
  item: (value: unknown) => T,
  limit: number,
): Page<T> {
  const data = body["data"];
  if (!Array.isArray(data)) throw new BadAnswer("expected a list from the API");
  const items: T[] = [];
  for (const value of data) if (isJsonObject(value) && isId(value["id"])) items.push(item(value));
  const more = body["has_more"];
  const end = more === false || (more !== true && data.length < limit);
  return { items, odd: data.length - items.length, next: end ? null : (items.at(-1)?.id ?? null), end };
}

function identified(value: unknown, name: "file" | "batch"): JsonObject & { readonly id: string } {
  const other = isJsonObject(value) && typeof value["object"] === "string" && value["object"] !== name;
  if (!isJsonObject(value) || !isId(value["id"]) || other)
    throw new BadAnswer(`expected a ${name} object from the API`);
  return { ...value, id: value["id"] };
}

function isId(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function batchErrors(value: unknown): RemoteBatchError[] {
  const data = isJsonObject(value) ? value["data"] : undefined;
  if (!Array.isArray(data)) return [];
  return data.filter(isJsonObject).map((error) => ({
    code: optionalText(error, "code"),
    message: optionalText(error, "message") ?? "",
    line: optionalNumber(error, "line"),
    param: optionalText(error, "param"),
  }));
}

function metadata(value: unknown): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]) => (typeof entry === "string" ? [[key, entry]] : [])),
  );
}

function optionalText(object: JsonObject, key: string): string | null {
  const value = object[key];
  return isId(value) ? value : null;
}

function optionalNumber(object: JsonObject, key: string): number | null {
  const value = object[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
