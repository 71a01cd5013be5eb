import { isJsonObject, type JsonObject, type JsonValue } from "../../graph/json.ts";

/** What the simulator reads out of a request, as a model would out of its prompt. */
export interface Asked {
  readonly text: string;
  /** How many records are asked for. */
  readonly count: number;
  /** The key of the array around the records. */
  readonly wrapper: string;
  readonly fields: readonly Field[];
}

export interface Field {
  readonly key: string;
  readonly kind: "text" | "number" | "boolean";
}

const DEFAULT_COUNT = 10;
const MOST = 500;

/**
 * Reads a request body: the number after "exactly" (10 when there is none), the keys from the JSON example in the
 * prompt, else from the response schema, else the two that the prompt's words call for.
 */
export function readPrompt(body: JsonObject): Asked {
  const text = promptText(body);
  const shape = exampleShape(text) ?? schemaShape(body) ?? spokenShape(text);
  return { text, count: askedCount(text), ...shape };
}

/** All that a request says, whatever its endpoint: messages, `input`, `instructions`. */
export function promptText(body: JsonObject): string {
  return [texts(body["instructions"]), texts(body["messages"]), texts(body["input"])].flat().join("\n");
}

function texts(value: JsonValue | undefined): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap((item: JsonValue) => texts(item));
  return isJsonObject(value) ? [...texts(value["content"]), ...texts(value["text"])] : [];
}

function askedCount(text: string): number {
  const found =
    /\bexactly\s+(\d+)/i.exec(text) ??
    /\b(\d+)\s+(?:\w+\s+){0,3}(?:pairs|scenarios|examples|items|records)\b/i.exec(text);
  const count = Number(found?.[1] ?? DEFAULT_COUNT);
  return Math.min(Math.max(count, 1), MOST);
}

type Shape = Pick<Asked, "wrapper" | "fields">;

/** `{"pairs": [{"safe": "...", "harmful": "..."}]}`, also where it is no quite valid JSON (`, ...]`). */
function exampleShape(text: string): Shape | undefined {
  const wrapped = /"([^"\\\n]+)"\s*:\s*\[\s*\{([^{}]*)\}/.exec(text);
  if (wrapped !== null) {
    const fields = fieldsIn(wrapped[2] ?? "");
    if (fields.length > 0) return { wrapper: wrapped[1] ?? "pairs", fields };
  }
  const bare = /\{([^{}]*"[^"\\\n]+"\s*:[^{}]*)\}/.exec(text);
  const fields = fieldsIn(bare?.[1] ?? "");
  return fields.length > 0 ? { wrapper: "pairs", fields } : undefined;
}

function fieldsIn(inside: string): Field[] {
  return [...inside.matchAll(/"([^"\\\n]+)"\s*:\s*(.)/g)].map(([, key, first]) => ({
    key: key ?? "",
    kind: /[\d-]/.test(first ?? "") ? "number" : /[tf]/.test(first ?? "") ? "boolean" : "text",
  }));
}

/** The first array of objects in `response_format.json_schema` (or `text.format` of the Responses API). */
function schemaShape(body: JsonObject): Shape | undefined {
  const format = child(body, "response_format") ?? child(child(body, "text"), "format");
  const schema = child(child(format, "json_schema"), "schema") ?? child(format, "schema");
  for (const [wrapper, property] of Object.entries(child(schema, "properties") ?? {})) {
    const properties = isJsonObject(property) ? child(child(property, "items"), "properties") : undefined;
    if (properties === undefined) continue;
    const fields = Object.entries(properties).map(([key, type]): Field => ({ key, kind: fieldKind(type) }));
    if (fields.length > 0) return { wrapper, fields };
  }
  return undefined;
}

function fieldKind(type: JsonValue): Field["kind"] {
  const name = isJsonObject(type) ? type["type"] : undefined;
  if (name === "number" || name === "integer") return "number";
  return name === "boolean" ? "boolean" : "text";
}

function spokenShape(text: string): Shape {
  const keys = /\bpositive\b[\s\S]*\bnegative\b/i.test(text) ? ["positive", "negative"] : ["safe", "harmful"];
  return { wrapper: "pairs", fields: keys.map((key) => ({ key, kind: "text" })) };
}

function child(value: JsonObject | undefined, key: string): JsonObject | undefined {
  const found = value?.[key];
  return isJsonObject(found) ? found : undefined;
}
