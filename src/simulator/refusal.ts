import type { JsonObject, JsonValue } from "../graph/json.ts";

/** Why the API refuses something, in its own words. */
export interface Refusal {
  readonly message: string;
  readonly param: string | null;
  readonly code: string | null;
}

/** The error body of the API. */
export function errorBody(message: string, type: string, code: string | null, param: string | null): JsonObject {
  return { error: { message, type, param, code } };
}

export function missing(param: string): Refusal {
  return { message: `Missing required parameter: '${param}'.`, param, code: "missing_required_parameter" };
}

export function invalidValue(param: string, found: string, supported: readonly string[]): Refusal {
  const message = `Invalid value: '${found}'. Supported values are: ${inWords(supported)}.`;
  return { message, param, code: "invalid_value" };
}

export function invalidType(param: string, expected: string, found: JsonValue): Refusal {
  const message = `Invalid type for '${param}': expected ${expected}, but got ${typeInWords(found)} instead.`;
  return { message, param, code: "invalid_type" };
}

/** Whether a number is an integer within its bounds. */
export function outOfRange(param: string, value: JsonValue, least: number, most: number): Refusal | undefined {
  if (typeof value !== "number" || !Number.isInteger(value)) return invalidType(param, "an integer", value);
  const [side, bound, code] =
    value < least
      ? ["below minimum", `>= ${least}`, "integer_below_min_value"]
      : ["above maximum", `<= ${most}`, "integer_above_max_value"];
  if (value >= least && value <= most) return undefined;
  const message = `Invalid '${param}': integer ${side} value. Expected a value ${bound}, but got ${value} instead.`;
  return { message, param, code };
}

export function inWords(values: readonly string[]): string {
  const quoted = values.map((value) => `'${value}'`);
  const last = quoted.at(-1) ?? "";
  if (quoted.length < 3) return quoted.join(" and ");
  return `${quoted.slice(0, -1).join(", ")}, and ${last}`;
}

function typeInWords(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return Number.isInteger(value) ? "an integer" : "a decimal number";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
