import { readFileSync } from "node:fs";
import { readOutputLine } from "../api/output-line.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import type { InspectionLine } from "../report/result-schema.ts";
import { failureName } from "../tasks/check-verdict.ts";

export type FileFormat = InspectionLine["format"];

/** Counts the lines of one file of one format. */
export interface Inspector {
  readonly format: FileFormat;
  /** Takes a line; the answer says under which entry it belongs (a dataset's rows: their scenario). */
  add(line: JsonObject, text: string): string;
  readonly counts: ReadonlyMap<string, number>;
}

/** What a file is, told from one of its lines. A record's rows may be of any shape: see `formatByManifest`. */
export function formatOf(line: JsonObject): FileFormat {
  if ("scenario_id" in line && "text" in line) return "dataset";
  if ("record_id" in line) return "records";
  if ("index" in line && "text" in line && "embedding" in line) return "embeddings";
  if ("valid" in line && ("pair" in line || "record" in line)) return "shard";
  if ("custom_id" in line && "body" in line && "url" in line) return "requests";
  if ("custom_id" in line && ("response" in line || "error" in line)) return "output";
  return "unknown";
}

/** What a dataset is according to the manifest beside it, whose summary counts pairs, records or embeddings. */
export function formatByManifest(path: string): FileFormat {
  let manifest: unknown;
  try {
    manifest = JSON.parse(readFileSync(path.replace(/\.jsonl$/, ".manifest.json"), "utf8"));
  } catch {
    // None, or none that can be read: then the lines alone say what they are.
    return "unknown";
  }
  const summary = isJsonObject(manifest) ? manifest["summary"] : undefined;
  if (!isJsonObject(summary)) return "unknown";
  if ("records" in summary) return "records";
  if ("embeddings" in summary) return "embeddings";
  return "pairs" in summary ? "dataset" : "unknown";
}

export function inspectorFor(format: FileFormat): Inspector {
  const counts = new Map<string, number>();
  const count = (name: string, by = 1) => counts.set(name, (counts.get(name) ?? 0) + by);
  let line = 0;
  const add = (entry: JsonObject, text: string): string => {
    line++;
    switch (format) {
      case "dataset":
        return addRow(entry, count);
      case "records":
        if (entry["task"] !== undefined) count(`task ${word(entry["task"])}`);
        return `record ${"record_id" in entry ? word(entry["record_id"]) : line}`;
      case "embeddings":
        count(
          Array.isArray(entry["embedding"]) ? `of ${entry["embedding"].length} dimensions` : "without an embedding",
        );
        return `text ${word(entry["index"])}`;
      case "shard":
        addCandidate(entry, count);
        return `candidate ${line}`;
      case "requests":
        count(`model ${modelOf(entry["body"])}`);
        return word(entry["custom_id"]);
      case "output":
        addOutput(text, count);
        return word(entry["custom_id"]);
      case "unknown":
        return `line ${line}`;
    }
  };
  return { format, counts, add };
}

type Count = (name: string, by?: number) => unknown;

/** A scenario's rows are consecutive, so its first one counts it; a file of any length needs no memory for it. */
function addRow(row: JsonObject, count: Count): string {
  count(word(row["type"]));
  return `${word(row["task"])} scenario ${word(row["scenario_id"])}`;
}

function addCandidate(candidate: JsonObject, count: Count): void {
  count(candidate["valid"] === true ? "valid" : "not valid");
  const failed = candidate["failed"];
  if (!Array.isArray(failed)) return;
  // Two checks may fail for one reason: it is one candidate that failed for it.
  const reasons = failed.flatMap((check) =>
    isJsonObject(check) ? [failureName({ check: word(check["check"]), reason: word(check["reason"]) })] : [],
  );
  for (const reason of new Set(reasons)) count(`failed: ${reason}`);
}

function addOutput(text: string, count: Count): void {
  const line = readOutputLine(text, (custom) => custom);
  switch (line.kind) {
    case "answer": {
      const { spoken, simulated, usage } = line.answer;
      count("answers");
      for (const { finishReason } of spoken) if (finishReason !== null) count(`finish reason ${finishReason}`);
      if (simulated) count("simulated");
      if (usage === null) count("without a count of tokens");
      else {
        count("input tokens", usage.input);
        count("output tokens", usage.output);
      }
      return;
    }
    case "refusal":
    case "liftable":
    case "unanswered":
      count("errors");
      count(`error ${line.code ?? line.status ?? "without a code"}`);
      return;
    case "foreign":
    case "unreadable":
      count("neither an answer nor an error");
      return;
  }
}

function modelOf(body: unknown): string {
  return isJsonObject(body) ? word(body["model"]) : "?";
}

function word(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "?";
}
