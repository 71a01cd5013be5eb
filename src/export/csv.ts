import { isJsonList, isJsonObject, type JsonValue } from "../graph/json.ts";

/*
 * CSV as RFC 4180 has it, in UTF-8: a line of names, then a line a row.
 */

/** A line of CSV with its end. */
export function csvLine(values: readonly JsonValue[]): string {
  return `${values.map(cell).join(",")}\r\n`;
}

/** Nothing for null, lists and objects as JSON, all else as it is. An empty text is quoted: it is not nothing. */
function cell(value: JsonValue): string {
  if (value === null) return "";
  const text = isJsonList(value) || isJsonObject(value) ? JSON.stringify(value) : String(value);
  return text === "" || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
