import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Path } from "./place.ts";

/*
 * The way through a JSON Schema.
 */

/** The part of a schema that describes the value at a path, or undefined where no value may be. */
export function schemaAt(root: JsonObject, path: Path): JsonObject | undefined {
  let options: readonly JsonObject[] = [root];
  for (const step of path) {
    options = options.flatMap(alternatives).flatMap((schema) => childSchema(schema, step));
  }
  return options[0];
}

/** The keys a map at this schema may have; empty where any may be. */
export function knownKeys(schema: JsonObject | undefined): readonly string[] {
  if (schema === undefined) return [];
  return alternatives(schema).flatMap((option) => Object.keys(objectMember(option, "properties") ?? {}));
}

/** Where in a schema a key of this name is known, nearest to the root first: for keys written at the wrong level. */
export function pathsOfKey(root: JsonObject, key: string): readonly (readonly string[])[] {
  const found: string[][] = [];
  const visit = (schema: JsonObject, path: readonly string[]) => {
    for (const option of alternatives(schema)) {
      for (const [name, member] of Object.entries(objectMember(option, "properties") ?? {})) {
        if (name === key) found.push([...path, name]);
        if (isJsonObject(member)) visit(member, [...path, name]);
      }
    }
  };
  visit(root, []);
  return found.sort((a, b) => a.length - b.length);
}

/** A union's members, or the schema itself. */
export function alternatives(schema: JsonObject): readonly JsonObject[] {
  const anyOf = schema["anyOf"];
  return Array.isArray(anyOf) ? anyOf.filter(isJsonObject) : [schema];
}

function childSchema(schema: JsonObject, step: string | number): readonly JsonObject[] {
  const child =
    typeof step === "number"
      ? schema["items"]
      : (objectMember(schema, "properties")?.[step] ?? schema["additionalProperties"]);
  return isJsonObject(child) ? [child] : [];
}

/** A member that is itself an object. */
export function objectMember(object: JsonObject, key: string): JsonObject | undefined {
  const member: JsonValue | undefined = object[key];
  return isJsonObject(member) ? member : undefined;
}

/** A member that is a text. */
export function textMember(object: JsonObject, key: string): string | undefined {
  const member: JsonValue | undefined = object[key];
  return typeof member === "string" ? member : undefined;
}

/** A member that is a number. */
export function numberMember(object: JsonObject, key: string): number | undefined {
  const member: JsonValue | undefined = object[key];
  return typeof member === "number" ? member : undefined;
}
