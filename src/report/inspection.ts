import { readBody } from "../api/answer-body.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { failureName } from "../tasks/check-verdict.ts";
import { cells, padded } from "./cells.ts";
import { columns, count, countOf, wrap } from "./format.ts";
import type { InspectionLine } from "./result-schema.ts";
import { shorten } from "./shorten.ts";
import type { Style } from "./style.ts";

/** An entry as a person thinks of it: a scenario's rows together, or one line. */
export interface InspectedEntry {
  readonly name: string;
  readonly lines: readonly JsonObject[];
}

/** What `inspect` found, and the first entries. */
export function inspectionText(
  line: Omit<InspectionLine, "first">,
  first: readonly InspectedEntry[],
  width: number,
  style: Style,
  full: boolean = false,
): string {
  const unit = UNITS[line.format];
  const entries = unit === undefined ? "" : `, ${countOf(line.entries, unit)}`;
  const malformed = line.malformed === 0 ? "" : `, ${style.red(`${count(line.malformed)} malformed`)}`;
  const head = `${style.bold(line.file)}: ${FORMAT_NAMES[line.format]}, ${countOf(line.lines, "line")}${entries}${malformed}\n`;
  const counts = columns(
    Object.entries(line.counts).map(([name, times]) => [name, count(times)]),
    [1],
  );
  const shown = first.map(
    (entry) => `\n${style.bold(entry.name)}\n${entryLines(entry, line.format, width, style, full)}`,
  );
  return head + counts.map((row) => `  ${row}\n`).join("") + shown.join("");
}

/** What a file holds several lines of each. */
const UNITS: Readonly<Partial<Record<InspectionLine["format"], string>>> = { dataset: "scenario", records: "record" };

/** What a file is, in words. */
export const FORMAT_NAMES: Readonly<Record<InspectionLine["format"], string>> = {
  dataset: "a dataset",
  records: "a dataset of records",
  embeddings: "a dataset of embeddings",
  shard: "a shard of validated candidates",
  requests: "requests in the Batch API's format",
  output: "batch output",
  unknown: "no format that dsgen knows",
};

/** A field on a line of its own; a text that does not fit below its name, with its own line breaks. */
function entryLines(
  entry: InspectedEntry,
  format: InspectionLine["format"],
  width: number,
  style: Style,
  full: boolean,
): string {
  const rows = entry.lines.flatMap((line) => fieldsOf(line, format));
  const label = Math.max(0, ...rows.map(([name]) => cells(name))) + 4;
  return rows
    .map(([name, value]) => {
      if (!value.includes("\n") && label + cells(value) <= width) return `  ${padded(name, label - 2)}${value}\n`;
      const lines = value.split("\n").flatMap((line) => (line === "" ? [""] : wrap(line, Math.max(20, width - 4))));
      const shown = lines
        .slice(0, full ? lines.length : SHOWN_LINES)
        .map((line) => `    ${shorten(line, Math.max(20, width - 4), style.marks.ellipsis)}\n`);
      const more = lines.length > SHOWN_LINES && !full ? `    ${style.marks.ellipsis}\n` : "";
      return `  ${name}\n${shown.join("")}${more}`;
    })
    .join("");
}

/** A prompt is shown whole as a rule; a page of JSON is not. */
const SHOWN_LINES = 20;

function fieldsOf(line: JsonObject, format: InspectionLine["format"]): [string, string][] {
  switch (format) {
    case "dataset":
      return [[text(line["type"]), text(line["text"])]];
    case "records":
      return Object.entries(line).map(([name, value]) => [name, text(value)]);
    case "embeddings":
      return [
        ["text", text(line["text"])],
        ["embedding", vector(line["embedding"])],
      ];
    case "shard": {
      const entry = line["pair"] ?? line["record"];
      const texts = isJsonObject(entry)
        ? Object.entries(entry).map(([name, value]): [string, string] => [name, text(value)])
        : [];
      if (line["embedding"] !== undefined) texts.push(["embedding", vector(line["embedding"])]);
      const failed = Array.isArray(line["failed"]) ? line["failed"].flatMap(reasonOf) : [];
      return [
        ...texts,
        ["valid", failed.length === 0 ? text(line["valid"]) : `${text(line["valid"])}: ${failed.join(", ")}`],
      ];
    }
    case "requests": {
      const body = isJsonObject(line["body"]) ? line["body"] : {};
      const messages = Array.isArray(body["messages"]) ? body["messages"].filter(isJsonObject) : [];
      const said = messages.map((message): [string, string] => [text(message["role"]), text(message["content"])]);
      const rest = ["instructions", "input"].filter((name) => body[name] !== undefined);
      return [
        ["model", text(body["model"])],
        ...said,
        ...rest.map((name): [string, string] => [name, text(body[name])]),
      ];
    }
    case "output":
      return outputFields(line);
    case "unknown":
      return Object.entries(line).map(([name, value]) => [name, text(value)]);
  }
}

function outputFields(line: JsonObject): [string, string][] {
  const response = isJsonObject(line["response"]) ? line["response"] : undefined;
  const body = response !== undefined && isJsonObject(response["body"]) ? response["body"] : undefined;
  const read = readBody(body);
  const fields: [string, string][] = [["status", text(response?.["status_code"] ?? "none")]];
  if (read.kind === "answer") {
    for (const { content, refusal } of read.answer.spoken) fields.push(["content", content ?? refusal ?? ""]);
    for (const item of read.answer.data) if (isJsonObject(item)) fields.push(["embedding", vector(item["embedding"])]);
  }
  const error = line["error"] ?? body?.["error"];
  if (error !== undefined && error !== null) fields.push(["error", text(error)]);
  return fields;
}

function reasonOf(check: JsonValue): string[] {
  return isJsonObject(check)
    ? [failureName({ check: text(check["check"] ?? ""), reason: text(check["reason"] ?? "") })]
    : [];
}

/** An embedding by its length and its beginning: nobody reads a thousand numbers. */
function vector(value: JsonValue | undefined): string {
  if (!Array.isArray(value)) return text(value);
  const first = value.slice(0, 3).map((number: JsonValue) => text(number));
  return `${countOf(value.length, "number")}: ${first.join(", ")}${value.length > first.length ? ", …" : ""}`;
}

/** A text as it is; anything else as JSON. */
function text(value: JsonValue | undefined): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
