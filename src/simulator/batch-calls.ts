import { canonicalJson, type JsonObject } from "../graph/json.ts";
import { inspectInput } from "./batch-files.ts";
import type { BatchRunner, Standing } from "./batches.ts";
import { accepted, type Call, type Lists, type Route, readJson } from "./calls.ts";
import type { MeaningFault } from "./faults.ts";
import { ownFile } from "./file-calls.ts";
import { appendToLedger } from "./ledger.ts";
import { NO_TOKENS, usageOf } from "./question.ts";
import { errorReply, jsonReply, type Reply } from "./reply.ts";
import { BATCH_CREATE } from "./requests.ts";
import { type Caller, faultOf, type Simulation } from "./simulation.ts";
import type { BatchRecord, FileRecord, Quirks } from "./state.ts";
import { courseOf, type Ending, isTerminal, progressOf } from "./timeline.ts";

/** The calls about batches. */
export function batchRoutes(simulation: Simulation, runner: BatchRunner, lists: Lists): readonly Route[] {
  const { state } = simulation;

  async function own(id: string, caller: Caller): Promise<Standing | undefined> {
    return state.batches.get(id)?.owner === caller.owner ? runner.look(id) : undefined;
  }

  async function create(call: Call): Promise<Reply> {
    const body = await readJson(call.request);
    if (!body.ok) return body.error;
    const asked = accepted(BATCH_CREATE, body.value);
    if (!asked.ok) return asked.error;
    const { input_file_id: id, endpoint, metadata, output_expires_after: expiry } = asked.value;
    const file = ownFile(simulation, id, call);
    const gone = file === undefined || faultOf(call, "file-not-found-after-upload") !== undefined;
    if (gone || file.purpose !== "batch") {
      const message = gone
        ? `Cannot find file ${id}, or the project does not have access to it.`
        : "The input file must have the purpose 'batch'.";
      return errorReply(400, { message, param: "file_id" });
    }
    const wanted = { endpoint, metadata: metadata ?? {}, outputExpiresAfter: expiry?.seconds };
    return jsonReply(200, batchObject(await createBatch(simulation, call, file, wanted)));
  }

  async function retrieve(call: Call): Promise<Reply> {
    const standing = await own(call.id, call);
    const hidden = standing === undefined || faultOf(call, "foreign-batch") !== undefined;
    return hidden ? noBatch(call.id) : jsonReply(200, batchObject(standing));
  }

  const list = (call: Call) =>
    lists.reply<BatchRecord>(call, {
      limit: [20, 100],
      own: state.batches.all().filter(({ owner }) => owner === call.owner),
      shown: async (page) => {
        const standings = await Promise.all(page.map(({ id }) => runner.look(id)));
        return standings.flatMap((standing) => (standing === undefined ? [] : [batchObject(standing)]));
      },
      none: (id) => noBatch(id, "after"),
    });

  async function cancel(call: Call): Promise<Reply> {
    const { status } = (await own(call.id, call))?.progress ?? {};
    if (status !== undefined && isTerminal(status)) {
      return errorReply(409, { message: `Cannot cancel a batch with status '${status}'.` });
    }
    const standing = status === undefined ? undefined : await runner.cancel(call.id);
    return standing === undefined ? noBatch(call.id) : jsonReply(200, batchObject(standing));
  }

  return [
    { method: "POST", path: "/v1/batches", operation: "create", run: create },
    { method: "GET", path: "/v1/batches", operation: "list", run: list },
    { method: "GET", path: "/v1/batches/:id", operation: "retrieve", run: retrieve },
    { method: "POST", path: "/v1/batches/:id/cancel", operation: "cancel", run: cancel },
  ];
}

function noBatch(id: string, param: string | null = null): Reply {
  return errorReply(404, { message: `No batch found with id '${id}'.`, param });
}

/**
 * Makes a batch from an uploaded file. Its whole course is decided now, so that it needs no process to go on: what is
 * wrong with the file shows when validation is over, as with the API.
 */
async function createBatch(
  simulation: Simulation,
  caller: Caller,
  file: FileRecord,
  asked: Pick<BatchRecord, "endpoint" | "metadata" | "outputExpiresAfter">,
): Promise<Standing> {
  const { state, now, seed, timing, limits } = simulation;
  const { endpoint, metadata, outputExpiresAfter } = asked;
  const { errors: found, ...input } = await inspectInput(state.contentPath(file.id), file.bytes, endpoint, limits);
  const { total, model, enqueuedTokens } = input;
  const errors = [...found, ...plannedErrors(caller)];
  if (errors.length === 0) for (const each of overLimit(simulation, model, enqueuedTokens, caller)) errors.push(each);
  const createdAtMs = now();
  const id = state.batches.claimId("batch_", seed, file.id, endpoint, canonicalJson(metadata));
  const ending = errors.length > 0 ? { kind: "failed" as const } : plannedEnding(caller);
  const record: BatchRecord = {
    v: 1,
    id,
    order: state.nextOrder(createdAtMs),
    endpoint,
    inputFileId: file.id,
    metadata,
    outputExpiresAfter,
    owner: caller.owner,
    model,
    enqueuedTokens,
    course: courseOf(timing, seed, id, { createdAtMs, total, ending }),
    quirks: plannedQuirks(caller, total),
    errors,
    charged: 0,
    settled: null,
  };
  state.batches.save(record);
  const accepted = errors.length === 0;
  const customIds = accepted ? input.customIds : [];
  const entry = { batchId: id, fileId: file.id, metadata, requests: total, accepted, customIds, at: createdAtMs };
  appendToLedger(state.dir, [{ event: "create", ...entry }]);
  // The API always answers with a batch that has yet to be validated, however fast it is afterwards.
  return { record, progress: progressOf({ ...record.course, startMs: 1 }, createdAtMs) };
}

function plannedErrors(caller: Caller): BatchRecord["errors"] {
  const failed = faultOf(caller, "batch-failed");
  if (failed === undefined) return [];
  const line = Number(failed.value ?? "1");
  return [{ code: "invalid_json_line", message: "This line is not parseable as valid JSON.", line, param: null }];
}

function overLimit(
  { state, now, enqueuedTokenLimits }: Simulation,
  model: string | null,
  tokens: number,
  caller: Caller,
): BatchRecord["errors"] {
  const limit = enqueuedTokenLimits[model ?? ""];
  const live = state.batches
    .all()
    .filter((batch) => batch.owner === caller.owner && batch.model === model && batch.errors.length === 0)
    .filter((batch) => !isTerminal(progressOf(batch.course, now()).status));
  const held = live.reduce((sum, batch) => sum + batch.enqueuedTokens, 0);
  const over = limit !== undefined && held + tokens > limit;
  if (!over && faultOf(caller, "token-limit-exceeded") === undefined) return [];
  const shown = (limit ?? 2_000_000).toLocaleString("en-US");
  const message = `Enqueued token limit reached for ${model ?? "the model"} in organization org-simulated. Limit: ${shown} enqueued tokens. Please try again once some in_progress batches have been completed.`;
  return [{ code: "token_limit_exceeded", message, line: null, param: null }];
}

function plannedEnding(caller: Caller): Ending {
  const expired = faultOf(caller, "expired");
  const fault = expired ?? faultOf(caller, "cancelled-partial");
  if (fault === undefined) return { kind: "completed" };
  return { kind: fault === expired ? "expired" : "cancelled", share: Number(fault.value ?? "0.5") };
}

function plannedQuirks(caller: Caller, total: number): Quirks {
  const errorLines = faultOf(caller, "error-lines");
  const [status, every = "10"] = (errorLines?.value ?? "500/10").split("/");
  const number = (kind: MeaningFault, otherwise: string) => {
    const fault = faultOf(caller, kind);
    return fault === undefined ? null : Number(fault.value ?? otherwise);
  };
  return {
    errorLines: errorLines === undefined ? null : { status: Number(status), every: Number(every) },
    onlyErrors: number("only-error-file", "400"),
    dropLines: Math.min(number("fewer-lines", "1") ?? 0, total),
    unknownLines: number("unknown-custom-ids", "1") ?? 0,
  };
}

/** A batch as the API describes it. */
function batchObject({ record, progress }: Standing): JsonObject {
  const { course, settled, errors } = record;
  const { status, endedAt } = progress;
  const created_at = Math.floor(course.createdAtMs / 1000);
  const seconds = (milliseconds: number | null) => (milliseconds === null ? null : Math.floor(milliseconds / 1000));
  const endedAs = (ending: typeof status) => (status === ending ? seconds(endedAt) : null);
  const failed = status === "failed";
  const counted = status !== "validating" && !failed;
  const counts = settled ?? { completed: progress.executed, failed: 0 };
  return {
    id: record.id,
    object: "batch",
    endpoint: record.endpoint,
    model: record.model,
    errors: failed && errors.length > 0 ? { object: "list", data: errors.map((error) => ({ ...error })) } : null,
    input_file_id: record.inputFileId,
    completion_window: "24h",
    status,
    output_file_id: settled?.outputFileId ?? null,
    error_file_id: settled?.errorFileId ?? null,
    created_at,
    in_progress_at: seconds(progress.startedAt),
    expires_at: created_at + 24 * 3600,
    finalizing_at: seconds(progress.finalizingAt),
    completed_at: endedAs("completed"),
    failed_at: endedAs("failed"),
    expired_at: endedAs("expired"),
    cancelling_at: seconds(progress.cancellingAt),
    cancelled_at: endedAs("cancelled"),
    request_counts: counted
      ? { total: course.total, completed: counts.completed, failed: counts.failed }
      : { total: 0, completed: 0, failed: 0 },
    usage: usageOf(settled?.tokens ?? NO_TOKENS),
    metadata: { ...record.metadata },
  };
}
