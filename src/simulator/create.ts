import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Standing } from "./batches.ts";
import { BATCH_ENDPOINTS, type Endpoint } from "./endpoints.ts";
import { readExpiry } from "./expiry.ts";
import type { MeaningFault } from "./faults.ts";
import { inspectInput } from "./input.ts";
import { appendToLedger } from "./ledger.ts";
import { invalidType, invalidValue, missing, type Refusal } from "./refusal.ts";
import type { BatchRecord, FileRecord, Quirks } from "./state.ts";
import { courseOf, type Ending, isTerminal, progressOf } from "./timeline.ts";
import { type Caller, struck, type World } from "./world.ts";

/**
 * Makes a batch from an uploaded file. Its whole course is decided now, so that it needs no process to go on: what is
 * wrong with the file shows when validation is over, as with the API.
 */
export async function createBatch(
  world: World,
  caller: Caller,
  asked: CreateAsked,
  file: FileRecord,
): Promise<Standing> {
  const { state, now, seed, timing, limits } = world;
  const found = await inspectInput(state.contentPath(file.id), file.bytes, asked.endpoint, limits);
  const errors = [...found.errors, ...fatedErrors(caller)];
  if (errors.length === 0) errors.push(...overLimit(world, found.model, found.enqueuedTokens, caller));
  const ending: Ending = errors.length > 0 ? { kind: "failed" } : fatedEnding(caller);
  const createdAtMs = now();
  const id = state.claimId("batches", "batch_", seed, file.id, asked.endpoint, canonicalJson(asked.metadata));
  const record: BatchRecord = {
    v: 1,
    id,
    order: state.nextOrder(createdAtMs),
    endpoint: asked.endpoint,
    inputFileId: file.id,
    metadata: asked.metadata,
    outputExpiresAfter: asked.outputExpiresAfter,
    owner: caller.owner,
    model: found.model,
    enqueuedTokens: found.enqueuedTokens,
    course: courseOf(timing, { id, seed, createdAtMs, total: found.total, ending }),
    quirks: fatedQuirks(caller, found.total),
    errors,
    charged: 0,
    settled: null,
  };
  state.saveBatch(record);
  const accepted = errors.length === 0;
  const customIds = accepted ? found.customIds : [];
  const entry = { batchId: id, fileId: file.id, metadata: asked.metadata, requests: found.total, accepted, customIds };
  appendToLedger(state.dir, [{ event: "create", ...entry, at: createdAtMs }]);
  // The API always answers with a batch that has yet to be validated, however fast it is afterwards.
  return { record, progress: progressOf({ ...record.course, startMs: 1 }, createdAtMs) };
}

function fatedErrors(caller: Caller): BatchRecord["errors"] {
  const failed = struck(caller, "batch-failed");
  if (failed === undefined) return [];
  const line = Number(failed.value ?? "1");
  return [{ code: "invalid_json_line", message: "This line is not parseable as valid JSON.", line, param: null }];
}

function overLimit(world: World, model: string | null, tokens: number, caller: Caller): BatchRecord["errors"] {
  const { state, now, enqueuedTokenLimits } = world;
  const limit = enqueuedTokenLimits[model ?? ""];
  const live = state
    .batches()
    .filter((batch) => batch.owner === caller.owner && batch.model === model && batch.errors.length === 0)
    .filter((batch) => !isTerminal(progressOf(batch.course, now()).status));
  const held = live.reduce((sum, batch) => sum + batch.enqueuedTokens, 0);
  const over = limit !== undefined && held + tokens > limit;
  if (!over && struck(caller, "token-limit-exceeded") === undefined) return [];
  const shown = (limit ?? 2_000_000).toLocaleString("en-US");
  const message = `Enqueued token limit reached for ${model ?? "the model"} in organization org-simulated. Limit: ${shown} enqueued tokens. Please try again once some in_progress batches have been completed.`;
  return [{ code: "token_limit_exceeded", message, line: null, param: null }];
}

function fatedEnding(caller: Caller): Ending {
  const expired = struck(caller, "expired");
  if (expired !== undefined) return { kind: "expired", share: Number(expired.value ?? "0.5") };
  const cancelled = struck(caller, "cancelled-partial");
  if (cancelled !== undefined) return { kind: "cancelled", share: Number(cancelled.value ?? "0.5") };
  return { kind: "completed" };
}

function fatedQuirks(caller: Caller, total: number): Quirks {
  const errorLines = struck(caller, "error-lines");
  const [status, every] = (errorLines?.value ?? "500/10").split("/");
  const number = (kind: MeaningFault, otherwise: string) => {
    const fault = struck(caller, kind);
    return fault === undefined ? null : Number(fault.value ?? otherwise);
  };
  return {
    errorLines: errorLines === undefined ? null : { status: Number(status), every: Number(every ?? "10") },
    onlyErrors: number("only-error-file", "400"),
    dropLines: Math.min(number("fewer-lines", "1") ?? 0, total),
    unknownLines: number("unknown-custom-ids", "1") ?? 0,
  };
}

/** The parameters of a create call. */
interface CreateAsked {
  readonly fileId: string;
  readonly endpoint: Endpoint;
  readonly metadata: Readonly<Record<string, string>>;
  /** Seconds that the output and error files live for. */
  readonly outputExpiresAfter: number | undefined;
}

/** Reads a create call's body. */
export function readCreate(body: JsonObject): CreateAsked | Refusal {
  const { input_file_id: fileId, endpoint: named, completion_window: window, output_expires_after: expiry } = body;
  if (fileId === undefined) return missing("input_file_id");
  if (typeof fileId !== "string") return invalidType("input_file_id", "a string", fileId);
  if (named === undefined) return missing("endpoint");
  const endpoint = BATCH_ENDPOINTS.find((path) => path === named);
  if (endpoint === undefined) return invalidValue("endpoint", String(named), BATCH_ENDPOINTS);
  if (window === undefined) return missing("completion_window");
  if (window !== "24h") return invalidValue("completion_window", String(window), ["24h"]);
  const metadata = readMetadata(body["metadata"] ?? {});
  if (!("read" in metadata)) return metadata;
  const seconds = expiry === undefined || expiry === null ? undefined : readExpiry("output_expires_after", expiry);
  if (typeof seconds === "object") return seconds;
  return { fileId, endpoint, metadata: metadata.read, outputExpiresAfter: seconds };
}

function readMetadata(written: JsonValue): { readonly read: Readonly<Record<string, string>> } | Refusal {
  if (!isJsonObject(written)) return invalidType("metadata", "an object", written);
  const read: Record<string, string> = {};
  for (const [key, value] of Object.entries(written)) {
    const param = `metadata.${key}`;
    if (typeof value !== "string") return invalidType(param, "a string", value);
    if (key.length > 64 || value.length > 512) {
      return { message: `Invalid '${param}': string too long.`, param, code: "string_above_max_length" };
    }
    read[key] = value;
  }
  if (Object.keys(read).length <= 16) return { read };
  const message = "Invalid 'metadata': too many properties. Expected an object with at most 16 properties.";
  return { message, param: "metadata", code: "object_above_max_properties" };
}
