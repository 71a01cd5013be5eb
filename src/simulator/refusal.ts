import type { z } from "zod";
import { err, ok, type Result } from "../graph/result.ts";

/** Why the API refuses something, in its own words. */
export interface Refusal {
  readonly message: string;
  readonly param: string | null;
  readonly code: string | null;
}

/** What a schema reads from a value, or the first thing that is wrong with it as the API says it. */
export function checked<T>(schema: z.ZodType<T>, value: unknown): Result<T, Refusal> {
  const read = schema.safeParse(value, { reportInput: true });
  if (read.success) return ok(read.data);
  const [issue] = read.error.issues;
  return err(issue === undefined ? refusalOf(null, "Invalid request.", null) : issueInWords(issue));
}

export function refusalOf(param: string | null, message: string, code: string | null = null): Refusal {
  return { message, param, code };
}

/** `'a', 'b', and 'c'` */
export function inWords(values: readonly string[]): string {
  const quoted = values.map((value) => `'${value}'`);
  if (quoted.length < 3) return quoted.join(" and ");
  return `${quoted.slice(0, -1).join(", ")}, and ${quoted.at(-1)}`;
}

/** Zod's issue in the API's words. Custom ones bring theirs: the message, and `code` or the values `supported`. */
function issueInWords(issue: z.core.$ZodIssue): Refusal {
  const param = issue.path.join(".");
  const { input } = issue;
  switch (issue.code) {
    case "invalid_type":
      // The API calls a list that is none missing.
      return input === undefined || issue.expected === "array"
        ? missing(param)
        : invalidType(param, issue.expected, input);
    case "invalid_value":
      return input === undefined ? missing(param) : invalidValue(param, String(input), issue.values.map(String));
    case "too_small":
      return outOfBounds(param, issue.origin, input, "minimum", Number(issue.minimum));
    case "too_big":
      return outOfBounds(param, issue.origin, input, "maximum", Number(issue.maximum));
    case "invalid_key":
      return outOfBounds(param, "string", input, "maximum", 0);
    default: {
      const { code, supported } = "params" in issue && issue.params !== undefined ? issue.params : {};
      const found = typeof input === "object" && input !== null && !Array.isArray(input) ? "an object" : String(input);
      if (Array.isArray(supported)) return invalidValue(param, found, supported.map(String));
      return refusalOf(param === "" ? null : param, issue.message, typeof code === "string" ? code : null);
    }
  }
}

function missing(param: string): Refusal {
  return refusalOf(param, `Missing required parameter: '${param}'.`, "missing_required_parameter");
}

function invalidValue(param: string, found: string, supported: readonly string[]): Refusal {
  const message = `Invalid value: '${found}'. Supported values are: ${inWords(supported)}.`;
  return refusalOf(param, message, "invalid_value");
}

/** What schemas call their types, as far as they are used here. */
const EXPECTED: Readonly<Record<string, string>> = {
  boolean: "a boolean",
  int: "an integer",
  number: "an integer",
  object: "an object",
  record: "an object",
  string: "a string",
};

function invalidType(param: string, expected: string, found: unknown): Refusal {
  const message = `Invalid type for '${param}': expected ${EXPECTED[expected] ?? expected}, but got ${typeInWords(found)} instead.`;
  return refusalOf(param, message, "invalid_type");
}

function typeInWords(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number") return Number.isInteger(value) ? "an integer" : "a decimal number";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function outOfBounds(
  param: string,
  origin: string,
  found: unknown,
  side: "minimum" | "maximum",
  bound: number,
): Refusal {
  const [direction, sign, short] = side === "minimum" ? ["below", ">=", "min"] : ["above", "<=", "max"];
  if (origin === "string") return refusalOf(param, `Invalid '${param}': string too long.`, "string_above_max_length");
  if (origin !== "array") {
    const message = `Invalid '${param}': integer ${direction} ${side} value. Expected a value ${sign} ${bound}, but got ${found} instead.`;
    return refusalOf(param, message, `integer_${direction}_${short}_value`);
  }
  const length = Array.isArray(found) ? found.length : 0;
  const [what, got] =
    length === 0 ? ["empty array", "an empty array"] : ["array too long", `an array with length ${length}`];
  const message = `Invalid '${param}': ${what}. Expected an array with ${side} length ${bound}, but got ${got} instead.`;
  return refusalOf(param, message, length === 0 ? "empty_array" : "array_above_max_length");
}
