import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { ProblemError } from "../graph/problem.ts";
import type { JobRecord } from "./job.ts";
import type { RemoteStatus } from "./provider.ts";

/** What a journal line is to the job book: one of its records, somebody else's, or one of its own that makes no sense. */
export type ReadRecord =
  | { readonly kind: "record"; readonly record: JobRecord }
  | { readonly kind: "other" }
  | { readonly kind: "malformed"; readonly why: string };

/** What each member of a record must be. */
export type Members = Readonly<Record<string, (value: JsonValue | undefined) => boolean>>;

export const text = (value: JsonValue | undefined) => typeof value === "string";
const number = (value: JsonValue | undefined) => typeof value === "number";
export const orNull = (is: (value: JsonValue | undefined) => boolean) => (value: JsonValue | undefined) =>
  value === null || is(value);
const texts = (value: JsonValue | undefined) => Array.isArray(value) && value.every(text);
export const all = (members: Members) => (value: JsonValue | undefined) =>
  isJsonObject(value) && firstWrong(value, members) === undefined;

const STATUSES: Readonly<Record<RemoteStatus, true>> = {
  unknown: true,
  validating: true,
  failed: true,
  in_progress: true,
  finalizing: true,
  completed: true,
  expired: true,
  cancelling: true,
  cancelled: true,
};

/** What each record must hold for the state machine to work on it. */
const MEMBERS: Readonly<Record<JobRecord["t"], Members>> = {
  intended: {
    namespace: text,
    requestFile: text,
    task: orNull(text),
    model: text,
    endpoint: text,
    attempt: number,
    requests: number,
    from: text,
    lines: text,
    tokens: orNull(number),
    maxCostUsd: orNull(number),
  },
  uploaded: { file: text },
  creating: {},
  submitted: { batch: text, createdAt: number },
  observed: {
    remote: all({
      status: (value) => typeof value === "string" && Object.hasOwn(STATUSES, value),
      total: number,
      completed: number,
      failed: number,
      outputFileId: orNull(text),
      errorFileId: orNull(text),
      errors: Array.isArray,
    }),
  },
  collected: {
    result: all({
      output: orNull(text),
      errors: orNull(text),
      answered: number,
      unanswered: (value) => isJsonObject(value) && Object.values(value).every(texts),
      usage: all({ input: number, cachedInput: number, output: number }),
    }),
  },
  abandoned: { why: text },
  lost: { why: text },
  forgotten: {},
};

/**
 * Reads one journal line. Lines are checksummed, so one that makes no sense was written by another dsgen: it is told, not
 * guessed at. Throws a ProblemError (`version`) for an intent of a later format: a job that cannot be read might be
 * under way, and its requests would be sent a second time.
 */
export function readJobRecord(line: JsonObject): ReadRecord {
  const kind = line["t"];
  if (typeof kind !== "string" || !isKind(kind)) return { kind: "other" };
  if (kind === "intended" && line["v"] !== 1) {
    throw new ProblemError({
      kind: "version",
      where: "the journal of batch jobs",
      message: `this dsgen reads version 1 of a job's record; the journal holds version ${JSON.stringify(line["v"] ?? null)}.`,
      fix: "Use the dsgen that wrote it, or a newer one. Nothing was sent or changed.",
    });
  }
  const wrong = firstWrong(line, { job: text, at: number, ...MEMBERS[kind] });
  if (wrong !== undefined) return { kind: "malformed", why: `its "${kind}" has no sound ${wrong}` };
  return { kind: "record", record: line as JsonObject & JobRecord };
}

function isKind(kind: string): kind is JobRecord["t"] {
  return Object.hasOwn(MEMBERS, kind);
}

function firstWrong(object: JsonObject, members: Members): string | undefined {
  return Object.entries(members).find(([name, is]) => !is(Object.hasOwn(object, name) ? object[name] : undefined))?.[0];
}
