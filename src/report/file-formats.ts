import { readBody } from "../api/answer-body.ts";
import { readOutputLine } from "../api/output-line.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { failureName } from "../tasks/check-verdict.ts";
import { countOf } from "./format.ts";
import type { InspectionLine } from "./result-schema.ts";

export type FormatName = InspectionLine["format"];
type Count = (name: string, by?: number) => void;
/** Label and text, as `inspect` shows a field of an entry. */
type Field = readonly [string, string];

/** A kind of JSON Lines file that dsgen or the Batch API writes. */
export interface FileFormat {
  /** What such a file is, in words. */
  readonly is: string;
  /** What several of its lines are together. */
  readonly unit?: string;
  /** The member of a manifest's summary that says so of the dataset beside it, whose rows may be of any shape. */
  readonly summary?: string;
  has(line: JsonObject): boolean;
  /** The entry that a line belongs to: the lines of one entry are consecutive. `at` counts lines from 1. */
  entry(line: JsonObject, at: number): string;
  count(line: JsonObject, text: string, count: Count): void;
  fields(line: JsonObject): readonly Field[];
}

/** In this order a line is held against them. */
export const FILE_FORMATS: Readonly<Record<FormatName, FileFormat>> = {
  dataset: {
    is: "a dataset",
    unit: "scenario",
    summary: "pairs",
    has: (line) => "scenario_id" in line && "text" in line,
    entry: (line) => `${word(line["task"])} scenario ${word(line["scenario_id"])}`,
    count: (line, _text, count) => count(word(line["type"])),
    fields: (line) => [[shown(line["type"]), shown(line["text"])]],
  },
  records: {
    is: "a dataset of records",
    unit: "record",
    summary: "records",
    has: (line) => "record_id" in line,
    entry: (line, at) => `record ${"record_id" in line ? word(line["record_id"]) : at}`,
    count: (line, _text, count) => {
      if (line["task"] !== undefined) count(`task ${word(line["task"])}`);
    },
    fields: members,
  },
  embeddings: {
    is: "a dataset of embeddings",
    summary: "embeddings",
    has: (line) => "index" in line && "text" in line && "embedding" in line,
    entry: (line) => `text ${word(line["index"])}`,
    count: ({ embedding }, _text, count) =>
      count(Array.isArray(embedding) ? `of ${embedding.length} dimensions` : "without an embedding"),
    fields: (line) => [
      ["text", shown(line["text"])],
      ["embedding", vector(line["embedding"])],
    ],
  },
  shard: {
    is: "a shard of validated candidates",
    has: (line) => "valid" in line && ("pair" in line || "record" in line),
    entry: (_line, at) => `candidate ${at}`,
    count: (line, _text, count) => {
      count(line["valid"] === true ? "valid" : "not valid");
      // Two checks may fail for one reason: it is one candidate that failed for it.
      for (const reason of new Set(failures(line))) count(`failed: ${reason}`);
    },
    fields: (line) => {
      const entry = line["pair"] ?? line["record"];
      const failed = failures(line);
      return [
        ...(isJsonObject(entry) ? members(entry) : []),
        ...(line["embedding"] === undefined ? [] : [["embedding", vector(line["embedding"])] as const]),
        ["valid", `${shown(line["valid"])}${failed.length === 0 ? "" : `: ${failed.join(", ")}`}`],
      ];
    },
  },
  requests: {
    is: "requests in the Batch API's format",
    has: (line) => "custom_id" in line && "body" in line && "url" in line,
    entry: (line) => word(line["custom_id"]),
    count: ({ body }, _text, count) => count(`model ${isJsonObject(body) ? word(body["model"]) : "?"}`),
    fields: (line) => {
      const body = isJsonObject(line["body"]) ? line["body"] : {};
      const messages = Array.isArray(body["messages"]) ? body["messages"].filter(isJsonObject) : [];
      return [
        ["model", shown(body["model"])],
        ...messages.map((message): Field => [shown(message["role"]), shown(message["content"])]),
        ...["instructions", "input"]
          .filter((name) => body[name] !== undefined)
          .map((name): Field => [name, shown(body[name])]),
      ];
    },
  },
  output: {
    is: "batch output",
    has: (line) => "custom_id" in line && ("response" in line || "error" in line),
    entry: (line) => word(line["custom_id"]),
    count: countOutput,
    fields: (line) => {
      const response = isJsonObject(line["response"]) ? line["response"] : undefined;
      const body = response !== undefined && isJsonObject(response["body"]) ? response["body"] : undefined;
      const read = readBody(body);
      const fields: Field[] = [["status", shown(response?.["status_code"] ?? "none")]];
      if (read.kind === "answer") {
        const { spoken, data } = read.answer;
        for (const { content, refusal } of spoken) fields.push(["content", content ?? refusal ?? ""]);
        for (const item of data) if (isJsonObject(item)) fields.push(["embedding", vector(item["embedding"])]);
      }
      const error = line["error"] ?? body?.["error"];
      if (error !== undefined && error !== null) fields.push(["error", shown(error)]);
      return fields;
    },
  },
};

const NAMES = Object.keys(FILE_FORMATS) as readonly FormatName[];

/** What a file is, told from one of its lines. */
export function formatOfLine(line: JsonObject): FormatName | undefined {
  return NAMES.find((name) => FILE_FORMATS[name].has(line));
}

/** What a dataset is according to the text of the manifest beside it. */
export function formatOfManifest(text: string): FormatName | undefined {
  const manifest: unknown = JSON.parse(text);
  const summary = isJsonObject(manifest) ? manifest["summary"] : undefined;
  if (!isJsonObject(summary)) return undefined;
  return NAMES.find((name) => Object.hasOwn(summary, FILE_FORMATS[name].summary ?? ""));
}

function countOutput(_line: JsonObject, text: string, count: Count): void {
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
  }
}

/** Why a candidate is not valid, by name. */
function failures(line: JsonObject): readonly string[] {
  const failed = Array.isArray(line["failed"]) ? line["failed"].filter(isJsonObject) : [];
  return failed.map((check) => failureName({ check: word(check["check"]), reason: word(check["reason"]) }));
}

function members(line: JsonObject): readonly Field[] {
  return Object.entries(line).map(([name, value]) => [name, shown(value)]);
}

/** An embedding by its length and its beginning: nobody reads a thousand numbers. */
function vector(value: JsonValue | undefined): string {
  if (!Array.isArray(value)) return shown(value);
  const first = value.slice(0, 3).map(shown);
  return `${countOf(value.length, "number")}: ${first.join(", ")}${value.length > first.length ? ", …" : ""}`;
}

/** A text as it is; anything else as JSON. */
function shown(value: JsonValue | undefined): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function word(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "?";
}
