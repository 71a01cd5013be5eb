import { z } from "zod";
import type { Page, RemoteBatch, RemoteFile, RemoteStatus } from "../../batch/provider.ts";
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

const id = z.string().min(1);
const text = id.nullable().catch(null);
const number = z.number().nullable().catch(null);
const zero = z.number().catch(0);
/** Gateways leave the word out, but a page of something else is no file. */
const named = (name: string) =>
  z
    .unknown()
    .refine((word) => typeof word !== "string" || word === name)
    .optional();

const FILE = z.object({ id, object: named("file"), filename: text, bytes: number });
const ERROR = z.object({ code: text, message: z.string().catch(""), line: number, param: text });
const BATCH = z.object({
  id,
  object: named("batch"),
  status: z.string().catch(""),
  endpoint: z.string().catch(""),
  input_file_id: text,
  output_file_id: text,
  error_file_id: text,
  errors: z.object({ data: z.array(z.unknown()) }).catch({ data: [] }),
  request_counts: z.object({ total: zero, completed: zero, failed: zero }).catch({ total: 0, completed: 0, failed: 0 }),
  metadata: z.record(z.string(), z.unknown()).catch({}),
  created_at: number,
});

export function remoteFile(value: unknown): RemoteFile {
  const { object: _, ...file } = read(FILE, value, "file");
  return file;
}

export function remoteBatch(value: unknown): RemoteBatch {
  const batch = read(BATCH, value, "batch");
  return {
    id: batch.id,
    status: Object.hasOwn(STATUSES, batch.status) ? (STATUSES[batch.status] ?? "unknown") : "unknown",
    endpoint: batch.endpoint,
    inputFileId: batch.input_file_id,
    outputFileId: batch.output_file_id,
    errorFileId: batch.error_file_id,
    errors: batch.errors.data.filter(isJsonObject).map((error) => ERROR.parse(error)),
    counts: batch.request_counts,
    metadata: Object.fromEntries(
      Object.entries(batch.metadata).flatMap(([key, entry]) => (typeof entry === "string" ? [[key, entry]] : [])),
    ),
    createdAt: batch.created_at,
  };
}

function read<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const found = schema.safeParse(value);
  if (found.success) return found.data;
  throw new BadAnswer(`expected a ${name} object from the API`);
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
  for (const value of data) if (isJsonObject(value) && id.safeParse(value["id"]).success) items.push(item(value));
  const more = body["has_more"];
  const end = more === false || (more !== true && data.length < limit);
  return { items, odd: data.length - items.length, next: end ? null : (items.at(-1)?.id ?? null), end };
}
