import { distance } from "fastest-levenshtein";
import { isJsonList, isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { oneLine } from "./place.ts";
import { alternatives, numberMember, objectMember, textMember } from "./schema-path.ts";

/*
 * Values and expectations in words: the same words in an error message and on the reference page.
 */

/** What a schema expects: `a whole number of at least 1`, `one of auto, openai, simulator`, `a list of texts`. */
export function expectedWords(schema: JsonObject): string {
  const given = textMember(schema, "x-expected");
  if (given !== undefined) return given;
  const options = alternatives(schema);
  if (options.length > 1) return options.map(expectedWords).join(" or ");
  if ("const" in schema) return `exactly ${inlineYaml(schema["const"] ?? null)}`;
  const choices = schema["enum"];
  if (Array.isArray(choices)) {
    if (choices.length === 1) return `exactly ${inlineYaml(choices[0] ?? null)}`;
    return `one of ${choices.map((choice: JsonValue) => inlineYaml(choice)).join(", ")}`;
  }
  switch (schema["type"]) {
    case "integer":
      return `a whole number${rangeWords(schema)}`;
    case "number":
      return `a number${rangeWords(schema)}`;
    case "string":
      return "a text";
    case "boolean":
      return "true or false";
    case "null":
      return "null";
    case "array": {
      const items = objectMember(schema, "items");
      const texts = items !== undefined && items["type"] === "string";
      const least = numberMember(schema, "minItems") ?? 0;
      return `a list of ${least > 0 ? "one or more " : ""}${texts ? "texts" : "entries"}`;
    }
    default:
      return "a map";
  }
}

function rangeWords(schema: JsonObject): string {
  const least = numberMember(schema, "minimum");
  const most = numberMember(schema, "maximum");
  const above = numberMember(schema, "exclusiveMinimum");
  if (least !== undefined && most !== undefined) return ` from ${least} to ${most}`;
  if (above !== undefined && most !== undefined) return ` above ${above}, at most ${most}`;
  if (above !== undefined) return ` above ${above}`;
  if (least !== undefined) return ` of at least ${least}`;
  if (most !== undefined) return ` of at most ${most}`;
  return "";
}

/** A found value in a few words. */
export function foundWords(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (isJsonObject(value)) {
    const keys = Object.keys(value);
    if (keys.length === 0) return "an empty map";
    return `a map with the key${keys.length === 1 ? "" : "s"} ${oneLine(keys.join(", "), 60)}`;
  }
  if (typeof value !== "string") return String(value);
  return value === "" ? "an empty text" : `the text ${JSON.stringify(oneLine(value, 60))}`;
}

/** A value that may be written for a schema: its first example, its default, or one made of its members'. */
export function exampleOf(schema: JsonObject): JsonValue | undefined {
  const examples = schema["examples"];
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  const choices = schema["enum"];
  if (Array.isArray(choices) && choices.length > 0) return schema["default"] ?? choices[0];
  const properties = objectMember(schema, "properties");
  if (properties !== undefined) {
    const required = Array.isArray(schema["required"]) ? schema["required"] : [];
    return Object.fromEntries(
      Object.keys(properties)
        .filter((key) => required.includes(key))
        .map((key) => [key, exampleOf(objectMember(properties, key) ?? {}) ?? null]),
    );
  }
  return schema["default"];
}

/** A value as flow YAML, the way a person would write it on one line. */
export function inlineYaml(value: JsonValue): string {
  if (typeof value === "string") return isPlainScalar(value) ? value : JSON.stringify(value);
  if (value === null || typeof value !== "object") return String(value);
  if (isJsonList(value)) return `[${value.map(inlineYaml).join(", ")}]`;
  const members = Object.entries(value).map(([key, member]) => `${inlineYaml(key)}: ${inlineYaml(member)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

/** Whether a text reads back as itself when written without quotes, inside brackets too. Says no when in doubt. */
function isPlainScalar(text: string): boolean {
  if (!/^[A-Za-z/_][A-Za-z0-9_./ -]*$/.test(text) || /\s$/.test(text)) return false;
  return !/^(?:null|true|false|yes|no|on|off|y|n)$/i.test(text);
}

/** What to do about a word that is not known: the nearest one, or what else there is to say. */
export function meant(typed: string, known: readonly string[], otherwise: string, quotes = "``"): string {
  const near = nearestWord(typed, known);
  return near === undefined ? otherwise : `Did you mean ${quotes[0]}${near}${quotes[1]}?`;
}

/**
 * The known word a mistyped one was most likely meant to be, or undefined when none is near enough to be worth a
 * suggestion. A word also counts as near when it resembles one part of a known one (`tarrget` → `target_scenarios`).
 */
function nearestWord(typed: string, known: readonly string[]): string | undefined {
  const wanted = typed.toLowerCase();
  let best: { readonly word: string; readonly score: number } | undefined;
  for (const word of known) {
    const score = unlikeness(wanted, word.toLowerCase());
    if (score <= Math.max(1, Math.ceil(wanted.length / 3)) && (best === undefined || score < best.score)) {
      best = { word, score };
    }
  }
  return best?.word;
}

/** Edits between the words; half an edit more when only a part of the known word is meant. */
function unlikeness(typed: string, word: string): number {
  const whole = distance(typed, word);
  // Parts of two letters resemble everything.
  const parts = word.split(/[_\-./]/).filter((part) => part.length > 2 && part !== word);
  return Math.min(whole, ...parts.map((part) => distance(typed, part) + 0.5));
}
