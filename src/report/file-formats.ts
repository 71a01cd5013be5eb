import { readBody } from "../api/answer-body.ts";
import { readOutputLine } from "../api/output-line.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import type { FileFormat, Shown } from "../kinds/kind.ts";
import { KINDS } from "../kinds/registry.ts";
import { failureName } from "../tasks/check-verdict.ts";
import { countOf } from "./format.ts";

const SHOWN: Shown = {
  word: (value) => (typeof value === "string" || typeof value === "number" ? String(value) : "?"),
  text: (value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)),
  vector(value) {
    if (!Array.isArray(value)) return SHOWN.text(value);
    const first = value.slice(0, 3).map(SHOWN.text);
    return `${countOf(value.length, "number")}: ${first.join(", ")}${value.length > first.length ? ", …" : ""}`;
  },
  members: (line) => Object.entries(line).map(([name, value]) => [name, SHOWN.text(value)]),
};
const { word, text: shown, vector, members } = SHOWN;

/** In this order a line is held against them: the datasets of each kind of task, then what comes before a dataset. */
const FILE_FORMATS: readonly FileFormat[] = [
  ...KINDS.map(({ file }) => file),
  {
    name: "shard",
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
  {
    name: "requests",
    is: "requests in the Batch API's format",
    has: (line) => "custom_id" in line && "body" in line && "url" in line,
    entry: (line) => word(line["custom_id"]),
    count: ({ body }, _text, count) => count(`model ${isJsonObject(body) ? word(body["model"]) : "?"}`),
    fields: (line) => {
      const body = isJsonObject(line["body"]) ? line["body"] : {};
      const messages = Array.isArray(body["messages"]) ? body["messages"].filter(isJsonObject) : [];
      return [
        ["model", shown(body["model"])],
        ...messages.map((message): readonly [string, string] => [shown(message["role"]), shown(message["content"])]),
        ...["instructions", "input"]
          .filter((name) => body[name] !== undefined)
          .map((name): readonly [string, string] => [name, shown(body[name])]),
      ];
    },
  },
  {
    name: "output",
    is: "batch output",
    has: (line) => "custom_id" in line && ("response" in line || "error" in line),
    entry: (line) => word(line["custom_id"]),
    count: countOutput,
    fields: (line) => {
      const response = isJsonObject(line["response"]) ? line["response"] : undefined;
      const body = response !== undefined && isJsonObject(response["body"]) ? response["body"] : undefined;
      const read = readBody(body);
      const fields: [string, string][] = [["status", shown(response?.["status_code"] ?? "none")]];
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
];

/** A format by its name in the results of `inspect`, and what its functions are given to write with. */
export function formatNamed(name: string): { readonly format: FileFormat; readonly as: Shown } {
  const format = FILE_FORMATS.find((one) => one.name === name);
  if (format === undefined) throw new Error(`no format of files is called ${name}`);
  return { format, as: SHOWN };
}

/** What a file is, told from one of its lines. */
export function formatOfLine(line: JsonObject): string | undefined {
  return FILE_FORMATS.find((format) => format.has(line))?.name;
}

/** What a dataset, whose rows may be of any shape, is according to the text of the manifest beside it. */
export function formatOfManifest(text: string): string | undefined {
  const manifest: unknown = JSON.parse(text);
  const summary = isJsonObject(manifest) ? manifest["summary"] : undefined;
  return isJsonObject(summary) ? KINDS.find(({ name }) => Object.hasOwn(summary, name))?.file.name : undefined;
}

function countOutput(_line: JsonObject, text: string, count: (name: string, by?: number) => void): void {
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
