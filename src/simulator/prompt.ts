import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { child, outputFormat } from "./json-schema.ts";

/** What the simulator reads out of a request, as a model would out of its prompt. */
export interface Asked {
  readonly text: string;
  /** How many records are asked for, and the number that the prompt names itself. */
  readonly count: number;
  readonly named: number | undefined;
  /** The key of the array around the records. */
  readonly wrapper: string;
  readonly fields: readonly Field[];
  /** What the API holds the whole answer to, when the request says so. */
  readonly schema: JsonObject | undefined;
}

export interface Field {
  readonly key: string;
  readonly kind: "text" | "number" | "boolean";
}

const DEFAULT_COUNT = 10;
const MOST = 500;

/**
 * Reads a request body: the number after "exactly" (10 when there is none), the keys from the response schema, else from
 * the JSON example in the prompt, else the two that the prompt's words call for.
 */
export function readPrompt(body: JsonObject): Asked {
  const text = promptText(body);
  const schema = outputFormat(body)?.schema;
  const shape = schema === undefined ? (exampleShape(text) ?? spokenShape(text)) : schemaShape(schema);
  const named = namedCount(text);
  return { text, named, count: named ?? DEFAULT_COUNT, schema, ...shape };
}

/** All that a request says, whatever its endpoint. */
export function promptText(body: JsonObject): string {
  return ["instructions", "messages", "input", "prompt"].flatMap((key) => texts(body[key])).join("\n");
}

function texts(value: JsonValue | undefined): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap((item: JsonValue) => texts(item));
  return isJsonObject(value) ? [...texts(value["content"]), ...texts(value["text"])] : [];
}

function namedCount(text: string): number | undefined {
  const found =
    /\bexactly\s+(\d+)/i.exec(text) ??
    /\b(\d+)\s+(?:\w+\s+){0,3}(?:pairs|scenarios|examples|items|records)\b/i.exec(text);
  return found === null ? undefined : Math.min(Math.max(Number(found[1]), 1), MOST);
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

/** The first array of a schema whose entries are nothing but texts; what is bounded further is left to the schema. */
function schemaShape(schema: JsonObject): Shape {
  for (const [wrapper, property] of Object.entries(child(schema, "properties") ?? {})) {
    const list = isJsonObject(property) ? property : {};
    const fields = Object.entries(child(child(list, "items"), "properties") ?? {});
    const bounded = "minItems" in list || "maxItems" in list;
    if (fields.length > 0 && !bounded && fields.every(([, type]) => isPlainText(type))) {
      return { wrapper, fields: fields.map(([key]) => ({ key, kind: "text" })) };
    }
  }
  return { wrapper: "", fields: [] };
}

function isPlainText(type: JsonValue): boolean {
  if (!isJsonObject(type) || type["type"] !== "string") return false;
  return Object.keys(type).every((keyword) => ["type", "title", "description"].includes(keyword));
}

function spokenShape(text: string): Shape {
  const keys = /\bpositive\b[\s\S]*\bnegative\b/i.test(text) ? ["positive", "negative"] : ["safe", "harmful"];
  return { wrapper: "pairs", fields: keys.map((key) => ({ key, kind: "text" })) };
}
