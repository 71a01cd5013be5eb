import type { JsonObject } from "../graph/json.ts";
import type { Standing } from "./batches.ts";
import type { FileRecord } from "./state.ts";

/** A file as the API describes it. */
export function fileObject(file: FileRecord): JsonObject & { readonly id: string } {
  const created = seconds(file.createdAtMs);
  return {
    id: file.id,
    object: "file",
    bytes: file.bytes,
    created_at: created,
    expires_at: file.expiresAfter === undefined ? null : created + file.expiresAfter,
    filename: file.filename,
    purpose: file.purpose,
    status: "processed",
    status_details: null,
  };
}

/** A batch as the API describes it. */
export function batchObject({ record, progress }: Standing): JsonObject & { readonly id: string } {
  const { course, settled } = record;
  const { status, endedAt } = progress;
  const validated = status !== "validating" && status !== "failed";
  const errors = status === "failed" ? record.errors : [];
  const counts = settled ?? { completed: progress.executed, failed: 0 };
  return {
    id: record.id,
    object: "batch",
    endpoint: record.endpoint,
    model: record.model,
    errors: errors.length === 0 ? null : { object: "list", data: errors.map((error) => ({ ...error })) },
    input_file_id: record.inputFileId,
    completion_window: "24h",
    status,
    output_file_id: settled?.outputFileId ?? null,
    error_file_id: settled?.errorFileId ?? null,
    created_at: seconds(course.createdAtMs),
    in_progress_at: optionalSeconds(progress.startedAt),
    expires_at: seconds(course.createdAtMs) + 24 * 3600,
    finalizing_at: optionalSeconds(progress.finalizingAt),
    completed_at: status === "completed" ? optionalSeconds(endedAt) : null,
    failed_at: status === "failed" ? optionalSeconds(endedAt) : null,
    expired_at: status === "expired" ? optionalSeconds(endedAt) : null,
    cancelling_at: optionalSeconds(progress.cancellingAt),
    cancelled_at: status === "cancelled" ? optionalSeconds(endedAt) : null,
    request_counts: validated
      ? { total: course.total, completed: counts.completed, failed: counts.failed }
      : { total: 0, completed: 0, failed: 0 },
    usage: {
      input_tokens: settled?.tokens.input ?? 0,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: settled?.tokens.output ?? 0,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: (settled?.tokens.input ?? 0) + (settled?.tokens.output ?? 0),
    },
    metadata: { ...record.metadata },
  };
}

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

function optionalSeconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : seconds(milliseconds);
}
