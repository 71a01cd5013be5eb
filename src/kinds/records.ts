import type { RowConfig } from "../config/project-config.ts";
import { DEFAULT_PROMPTS } from "../config/prompt-template.ts";
import { value } from "../graph/declare.ts";
import { isJsonList, isJsonObject, type JsonValue } from "../graph/json.ts";
import type { Kind } from "./kind.ts";
import { promptInputs, promptOf } from "./prompted.ts";

/** Entries of named texts, of any sort, each written as the task's row templates say. */
export const records: Kind = {
  name: "records",
  words: { made: "records generated", entries: "records", rows: "rows" },
  member: "record",
  namesAt: "fields",
  inputs: {
    requests: promptInputs,
    shard: (task) => ({
      response_schema: value(task.response_schema ?? null, `tasks/${task.task_name}.response_schema`),
    }),
    dataset: (task) => ({ rows: value(task.rows, `tasks/${task.task_name}.rows`) }),
  },
  asked: promptOf,
  requests: (context, range, rendered) =>
    rendered(context, range, { noun: "record", template: DEFAULT_PROMPTS.records }),
  reader: async (context, { fields }, answers) => ({
    read: await answers(context, { fields }),
    variants: [],
    tokenizers: [],
  }),
  file: {
    name: "records",
    is: "a dataset of records",
    unit: "record",
    has: (line) => "record_id" in line,
    entry: (line, at, { word }) => `record ${"record_id" in line ? word(line["record_id"]) : at}`,
    count: (line, _text, count, { word }) => {
      if (line["task"] !== undefined) count(`task ${word(line["task"])}`);
    },
    fields: (line, { members }) => members(line),
  },
  textNames: (fields) => fields,
  wanted: async (context) => context.value<number>("target_scenarios"),
  rows: (context, task, names) => {
    const rows = context.value<readonly RowConfig[]>("rows");
    return (recordId, { texts }) => {
      const fields = Object.fromEntries(names.fields.map((field, at) => [field, texts[at] ?? ""]));
      return recordRows({ recordId, task, fields }, rows);
    };
  },
};

/** What the placeholders of a row stand for. */
export interface RecordValues {
  readonly recordId: number;
  readonly task: string;
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * The rows of one record, each with its line's end, spelled as Python's json.dumps(row, ensure_ascii=False) spells them.
 * `{record_id}` alone is the number itself; inside a longer text every placeholder is text.
 */
export function recordRows(values: RecordValues, rows: readonly RowConfig[]): string {
  return rows
    .map(
      (row) =>
        `{${row.map(([key, value]) => `${JSON.stringify(key)}: ${spelled(filled(value, values))}`).join(", ")}}\n`,
    )
    .join("");
}

function filled(value: JsonValue, values: RecordValues): JsonValue {
  if (typeof value === "string") {
    if (value === "{record_id}") return values.recordId;
    return value.replace(/\{\{|\}\}|\{([^{}]*)\}/g, (found, name: string | undefined) => {
      if (name === undefined) return found.slice(1);
      if (name === "record_id") return String(values.recordId);
      return name === "task" ? values.task : (values.fields[name] ?? found);
    });
  }
  if (isJsonList(value)) return value.map((item) => filled(item, values));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, filled(member, values)]));
}

/** JSON with a space after colons and commas. */
function spelled(value: JsonValue): string {
  if (isJsonList(value)) return `[${value.map(spelled).join(", ")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${spelled(member)}`);
  return `{${members.join(", ")}}`;
}
