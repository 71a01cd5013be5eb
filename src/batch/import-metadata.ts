import { existsSync, readFileSync } from "node:fs";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { err, ok, type Result } from "../graph/result.ts";

/** What `batch_metadata.json` says of one batch. Scripts write less of it than dsgen does; null is what it does not say. */
export interface BatchEntry {
  readonly batchId: string | null;
  /** The input file, as written there: a path from wherever the script was run. */
  readonly batchFile: string | null;
  readonly status: string | null;
  /** A status that says how the batch ended, and no file with a line of output or error. */
  readonly endedWithoutFiles: boolean;
  /** dsgen says so of what its simulator answers. */
  readonly simulated: boolean;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | null;
  /** What an output file's name may hold to be known as this batch's: its ids, and the paths the entry itself names. */
  readonly ids: readonly string[];
  readonly paths: readonly string[];
}

/** Reads a metadata file; no such file is no entry. The error says why it cannot be read. */
export function readBatchMetadata(path: string): Result<readonly BatchEntry[], string> {
  if (!existsSync(path)) return ok([]);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    return err(`not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  if (!Array.isArray(value)) return err("expected a list of batches, and found another value");
  return ok(value.filter(isJsonObject).map(entryOf));
}

function entryOf(entry: JsonObject): BatchEntry {
  const batchId = text(entry["batch_id"]);
  const batchFile = text(entry["batch_file"]);
  const status = text(entry["status"]);
  const files = [text(entry["output_file_id"]), text(entry["error_file_id"])].filter((id) => id !== null);
  const created = entry["created_at"];
  return {
    batchId,
    batchFile,
    status,
    endedWithoutFiles: status === "failed" && files.length === 0,
    simulated: entry["simulated"] === true,
    createdAt: typeof created === "number" ? created * 1000 : null,
    ids: batchId === null ? files : [batchId, ...files],
    paths: Object.values(entry).flatMap((value) =>
      typeof value === "string" && value !== batchFile && value.endsWith(".jsonl") ? [value] : [],
    ),
  };
}

function text(value: JsonValue | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
