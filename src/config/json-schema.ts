import { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Step } from "./located.ts";
import { dsgenSchema } from "./schema-dsgen.ts";
import { modelsSchema } from "./schema-models.ts";
import { taskSchema } from "./schema-task.ts";
import { tokenizersSchema } from "./schema-tokenizers.ts";

/*
 * The schemas as JSON Schema (draft 7, the input side): one description of the files for editors, for the reference page
 * and for error messages, so that these three cannot disagree.
 */

export type ConfigKind = "dsgen" | "models" | "tokenizers" | "task";

export const CONFIG_KINDS: readonly ConfigKind[] = ["dsgen", "models", "tokenizers", "task"];

const cache = new Map<ConfigKind, JsonObject>();

/** The JSON Schema of one kind of config file, with our own `x-` annotations. Made when first asked for. */
export function jsonSchemaOf(kind: ConfigKind): JsonObject {
  const known = cache.get(kind);
  if (known !== undefined) return known;
  const made = z.toJSONSchema(zodSchemaOf(kind), {
    io: "input",
    target: "draft-7",
    override: ({ jsonSchema }) => {
      // Whole numbers are bounded by what a double holds exactly: true, and of no use to a reader.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  const schema: unknown = JSON.parse(JSON.stringify(made));
  if (!isJsonObject(schema)) throw new Error(`the JSON Schema of ${kind} is not an object`);
  cache.set(kind, schema);
  return schema;
}

function zodSchemaOf(kind: ConfigKind): z.ZodType {
  switch (kind) {
    case "dsgen":
      return dsgenSchema;
    case "models":
      return modelsSchema;
    case "tokenizers":
      return tokenizersSchema;
    case "task":
      return taskSchema;
  }
}

/** The part of a schema that describes the value at a path, or undefined where no value may be. */
export function schemaAt(root: JsonObject, path: readonly Step[]): JsonObject | undefined {
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

function childSchema(schema: JsonObject, step: Step): readonly JsonObject[] {
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
