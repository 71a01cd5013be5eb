import { isJsonObject, type JsonObject } from "../graph/json.ts";

/**
 * The part of an answer's schema that describes one entry: the items of the answer's only list, or the whole where there
 * is none. Undefined when there are several lists. References into `$defs` are kept working.
 */
export function entrySchema(schema: JsonObject): JsonObject | undefined {
  const properties = schema["properties"];
  const lists = isJsonObject(properties)
    ? Object.values(properties).flatMap((member) =>
        isJsonObject(member) && member["type"] === "array" ? [member] : [],
      )
    : [];
  if (lists.length === 0) return schema;
  const items = lists[0]?.["items"];
  if (lists.length > 1 || !isJsonObject(items)) return undefined;
  const resolved = referenced(schema, items);
  const definitions = schema["$defs"];
  return definitions === undefined ? resolved : { ...resolved, $defs: definitions };
}

/** What `{$ref: "#/$defs/record"}` stands for; anything else stands for itself. */
function referenced(root: JsonObject, schema: JsonObject): JsonObject {
  const name = /^#\/\$defs\/([^/]+)$/.exec(typeof schema["$ref"] === "string" ? schema["$ref"] : "")?.[1];
  const definitions = root["$defs"];
  const found = name !== undefined && isJsonObject(definitions) ? definitions[name] : undefined;
  return isJsonObject(found) ? found : schema;
}
