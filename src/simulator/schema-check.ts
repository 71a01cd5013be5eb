import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";

/** The form that a request asks its answer to have. */
export interface OutputFormat {
  readonly name: string;
  readonly strict: boolean;
  readonly schema: JsonObject;
}

/** `response_format.json_schema`, or `text.format` of the Responses API; undefined where no schema is given. */
export function outputFormat(body: JsonObject): OutputFormat | undefined {
  const format = body["response_format"] ?? child(body, "text")?.["format"];
  if (!isJsonObject(format) || format["type"] !== "json_schema") return undefined;
  const described = child(format, "json_schema") ?? format;
  const schema = child(described, "schema");
  if (schema === undefined) return undefined;
  return { name: String(described["name"] ?? ""), strict: described["strict"] === true, schema };
}

/**
 * Why a schema is refused, in the API's words after "Invalid schema for …:", or undefined. Strict ones must name every
 * property and allow no others; what the simulator cannot keep to (`pattern`) it refuses rather than break.
 */
export function schemaRefusal(schema: JsonObject, strict: boolean): string | undefined {
  if (strict && schema["type"] !== "object") {
    return `schema must be a JSON Schema of 'type: "object"', got 'type: "${String(schema["type"] ?? "None")}"'.`;
  }
  return walk(schema, [], strict);
}

function walk(schema: JsonObject, path: readonly string[], strict: boolean): string | undefined {
  const at = `In context=(${path.map((step) => `'${step}'`).join(", ")}${path.length === 1 ? "," : ""}),`;
  if (schema["pattern"] !== undefined) return `${at} 'pattern' is not permitted (by the simulator).`;
  const properties = child(schema, "properties");
  if (strict && schema["type"] === "object") {
    if (schema["additionalProperties"] !== false) {
      return `${at} 'additionalProperties' is required to be supplied and to be false.`;
    }
    const named: JsonValue = schema["required"] ?? [];
    const lacking = Object.keys(properties ?? {}).find((key) => !Array.isArray(named) || !named.includes(key));
    if (lacking !== undefined) {
      return `${at} 'required' is required to be supplied and to be an array including every key in properties. Missing '${lacking}'.`;
    }
  }
  for (const [keyword, value] of Object.entries(schema)) {
    for (const [steps, inner] of schemasUnder(keyword, value)) {
      const why = walk(inner, [...path, keyword, ...steps], strict);
      if (why !== undefined) return why;
    }
  }
  return undefined;
}

/** The schemas that stand under a keyword, with how they are reached from it. */
function schemasUnder(keyword: string, value: JsonValue): readonly (readonly [readonly string[], JsonObject])[] {
  const named = (entries: readonly [string, JsonValue][]) =>
    entries.flatMap(([step, inner]): [string[], JsonObject][] => (isJsonObject(inner) ? [[[step], inner]] : []));
  if (keyword === "items" && isJsonObject(value)) return [[[], value]];
  if (["anyOf", "oneOf", "allOf"].includes(keyword) && Array.isArray(value)) {
    return named(value.map((inner: JsonValue, index): [string, JsonValue] => [String(index), inner]));
  }
  if (["properties", "$defs", "definitions"].includes(keyword) && isJsonObject(value)) {
    return named(Object.entries(value));
  }
  return [];
}

function child(value: JsonObject | undefined, key: string): JsonObject | undefined {
  const found = value?.[key];
  return isJsonObject(found) ? found : undefined;
}
