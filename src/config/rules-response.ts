import { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { entrySchema } from "./entry-schema.ts";
import { oneLine, type Path } from "./place.ts";
import type { Rule } from "./rules.ts";

/**
 * What a task's `response_schema` must satisfy: providers refuse every request whose schema has objects that are open or have
 * optional properties ("Structured Outputs: supported schemas" in OpenAI's guide).
 * @param keys those of an entry, where they are right
 */
export function responseRules(schema: JsonObject, keys: readonly string[] | undefined, { report }: Rule): void {
  const path = ["response_schema"];
  if (schema["type"] !== "object") {
    const fix = "Put the list of entries into an object: `{type: object, properties: {records: {type: array, …}}, …}`.";
    report(path, `must be of \`type: object\`; found ${JSON.stringify(schema["type"] ?? null)}.`, fix);
    return;
  }
  if (!isStrict(schema, path, report)) return;
  try {
    z.fromJSONSchema(JSON.parse(JSON.stringify(schema)));
  } catch (error) {
    const found = oneLine(error instanceof Error ? error.message : String(error), 120);
    const message = `must be a JSON Schema that answers can be held to; found that it cannot: ${found}.`;
    report(path, message, "Correct it, or leave out what it uses.");
    return;
  }
  const lacking = keys === undefined ? undefined : lackOfFields(schema, keys);
  if (lacking === undefined) return;
  const message = `must describe one list of entries, each with the texts ${keys?.join(", ")}; found ${lacking}.`;
  report(path, message, "Put the entries' schema into the `items` of one list, every field with `type: string`.");
}

function isStrict(schema: JsonObject, path: Path, report: Rule["report"]): boolean {
  let strict = true;
  const { properties, required } = schema;
  if (schema["type"] === "object" || isJsonObject(properties)) {
    const names = isJsonObject(properties) ? Object.keys(properties) : [];
    const missing = names.filter((name) => !(Array.isArray(required) && required.includes(name)));
    if (schema["additionalProperties"] !== false) {
      strict = false;
      const message = "must have `additionalProperties: false`, as strict structured outputs want it; found otherwise.";
      report(path, message, "Add `additionalProperties: false`.");
    }
    if (missing.length > 0) {
      strict = false;
      const found = `found ${missing.join(", ")} left out`;
      const message = `must list every property under \`required\`, as strict structured outputs want it; ${found}.`;
      report(path, message, `Write \`required: [${names.join(", ")}]\`.`);
    }
  }
  for (const [inner, at] of partsOf(schema)) {
    if (isJsonObject(inner) && !isStrict(inner, [...path, ...at], report)) strict = false;
  }
  return strict;
}

/** The schemas inside a schema, with the way to each. */
function partsOf(schema: JsonObject): (readonly [JsonValue | undefined, Path])[] {
  const members = ["properties", "$defs"].flatMap((name) =>
    isJsonObject(schema[name]) ? Object.entries(schema[name]).map(([key, one]) => [one, [name, key]] as const) : [],
  );
  const options: readonly JsonValue[] = Array.isArray(schema["anyOf"]) ? schema["anyOf"] : [];
  return [...members, [schema["items"], ["items"]], ...options.map((one, index) => [one, ["anyOf", index]] as const)];
}

/** What keeps the answers of a schema from ever giving an entry; undefined when nothing does. */
function lackOfFields(schema: JsonObject, keys: readonly string[]): string | undefined {
  const entry = entrySchema(schema);
  if (entry === undefined) return "several lists";
  const properties = entry["properties"];
  for (const key of keys) {
    const property = isJsonObject(properties) ? properties[key] : undefined;
    if (!isJsonObject(property)) return `no ${key}`;
    if (property["type"] !== "string" && !Array.isArray(property["enum"])) {
      return `${key} of type ${JSON.stringify(property["type"] ?? null)}`;
    }
  }
  return undefined;
}
