import { z } from "zod";
import { buildEventSchema } from "../src/events/schema.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../src/graph/json.ts";
import { jsonLineSchema, resultLineSchema } from "../src/report/result-schema.ts";

/** The JSON Schema of any line under `--json`. Members that it does not name are allowed: adding one is compatible. */
export function eventsSchema(): JsonObject {
  const schema = schemaOf(jsonLineSchema);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A line of dsgen --json",
    ...withoutKey(schema, "$schema"),
  };
}

/** The page that explains the lines. */
export function eventsPage(): string {
  const events = schemaOf(buildEventSchema);
  const results = schemaOf(resultLineSchema);
  const definitions = { ...definitionsOf(events), ...definitionsOf(results) };
  // What has a line of its own is explained there, not among the shared types.
  const lines = new Set(
    members(results).flatMap((member) => (typeof member["$ref"] === "string" ? [refName(member["$ref"])] : [])),
  );
  const shared = Object.entries(definitions).filter(([name]) => !lines.has(name) && !name.startsWith("__"));
  return [
    "# JSON lines\n\n<!-- Made by scripts/generate-cli-docs.ts from src/events/schema.ts and src/report/result-schema.ts; edit that. -->\n",
    "With `--json` every command writes one JSON object a line to standard output, and nothing else there. " +
      "`type` says what a line is. New types and new members may come; those there are keep their meaning. " +
      "The schema is [schemas/events.schema.json](../schemas/events.schema.json).\n",
    "An error is a `problem` line, whatever the command; the exit code says the rest ([cli.md](cli.md)).\n",
    '```sh\ndsgen build --json | jq -c \'select(.type == "target" and .state.state == "failed")\'\n```\n',
    "## Events of a build\n",
    ...members(events).map((member) => lineText(member, definitions)),
    "## Lines of other commands\n",
    ...members(results).map((member) => lineText(member, definitions)),
    "## Types\n",
    ...shared.map(([name, schema]) => `### ${name}\n\n${typeBody(schema)}`),
  ].join("\n");
}

function schemaOf(schema: z.ZodType): JsonObject {
  const made: unknown = z.toJSONSchema(schema, {
    target: "draft-2020-12",
    override: ({ jsonSchema }) => {
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  const plain: unknown = JSON.parse(JSON.stringify(made));
  if (!isJsonObject(plain)) throw new Error("zod made no schema");
  return plain;
}

function members(schema: JsonObject): readonly JsonObject[] {
  const union = schema["oneOf"] ?? schema["anyOf"];
  return Array.isArray(union) ? union.filter(isJsonObject) : [];
}

function definitionsOf(schema: JsonObject): Readonly<Record<string, JsonObject>> {
  const definitions = schema["$defs"];
  if (!isJsonObject(definitions)) return {};
  return Object.fromEntries(
    Object.entries(definitions).flatMap(([name, value]) => (isJsonObject(value) ? [[name, value]] : [])),
  );
}

function lineText(member: JsonObject, definitions: Readonly<Record<string, JsonObject>>): string {
  const reference = member["$ref"];
  const schema = typeof reference === "string" ? (definitions[refName(reference)] ?? member) : member;
  const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const type = isJsonObject(properties["type"]) ? properties["type"]["const"] : undefined;
  const about = typeof schema["description"] === "string" ? `${schema["description"]}\n\n` : "";
  return `### \`${String(type)}\`\n\n${about}${memberTable(withoutKey(properties, "type"), schema)}`;
}

function typeBody(schema: JsonObject): string {
  const union = members(schema);
  if (union.length === 0) {
    const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
    return memberTable(properties, schema);
  }
  return `One of:\n\n${union.map((member) => `* ${shape(member)}\n`).join("")}`;
}

function memberTable(properties: JsonObject, schema: JsonObject): string {
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const rows = Object.entries(properties).map(([name, value]) => {
    const about = isJsonObject(value) && typeof value["description"] === "string" ? value["description"] : "";
    const optional = required.includes(name) ? "" : " (may be absent)";
    return `| \`${name}\`${optional} | ${typeText(value)} | ${about} |\n`;
  });
  return `| member | type | |\n| --- | --- | --- |\n${rows.join("")}`;
}

/** `{kind: "input-changed", input: string, …}`. */
function shape(schema: JsonObject): string {
  const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const parts = Object.entries(properties).map(([name, value]) => `${name}: ${typeText(value).replaceAll("`", "")}`);
  return `\`{${parts.join(", ").replaceAll("\\|", "|")}}\``;
}

function typeText(value: JsonValue): string {
  if (!isJsonObject(value)) return "any";
  const reference = value["$ref"];
  if (typeof reference === "string") return refName(reference).startsWith("__") ? "object" : refName(reference);
  if (value["const"] !== undefined) return `\`${JSON.stringify(value["const"])}\``;
  if (Array.isArray(value["enum"]))
    return value["enum"].map((one: JsonValue) => `\`${JSON.stringify(one)}\``).join(" \\| ");
  if (Array.isArray(value["type"])) return value["type"].map(String).join(" \\| ");
  const union = members(value);
  if (union.length > 0) return union.map(typeText).join(" \\| ");
  switch (value["type"]) {
    case "array":
      return `list of ${typeText(value["items"] ?? {})}`;
    case "object":
      return isJsonObject(value["additionalProperties"]) && !isOpen(value["additionalProperties"])
        ? `object of ${typeText(value["additionalProperties"])}`
        : "object";
    case "integer":
      return "whole number";
    default:
      return typeof value["type"] === "string" ? value["type"] : "any";
  }
}

/** Any JSON value, by way of a definition without a name of its own. */
function isOpen(schema: JsonObject): boolean {
  return typeof schema["$ref"] === "string" && refName(schema["$ref"]).startsWith("__");
}

function refName(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

function withoutKey(object: JsonObject, key: string): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
}
