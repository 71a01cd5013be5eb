import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { makePair, REFUSAL } from "./lexicon.ts";
import type { Random } from "./random.ts";

/* The schemas that a request holds its answer or its functions to: where they stand, what is refused of them, and values. */

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
  return schema && { name: String(described["name"] ?? ""), strict: described["strict"] === true, schema };
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
  if (strict && schema["type"] === "object") {
    if (schema["additionalProperties"] !== false) {
      return `${at} 'additionalProperties' is required to be supplied and to be false.`;
    }
    const named = schema["required"];
    const properties = Object.keys(child(schema, "properties") ?? {});
    const lacking = properties.find((key) => !Array.isArray(named) || !named.includes(key));
    if (lacking !== undefined) {
      return `${at} 'required' is required to be supplied and to be an array including every key in properties. Missing '${lacking}'.`;
    }
  }
  for (const [steps, inner] of Object.entries(schema).flatMap(schemasUnder)) {
    const why = isJsonObject(inner) ? walk(inner, [...path, ...steps], strict) : undefined;
    if (why !== undefined) return why;
  }
  return undefined;
}

const HOLDERS = ["anyOf", "oneOf", "allOf", "properties", "$defs", "definitions"];

/** The schemas that stand under a keyword, with how they are reached. */
function schemasUnder([keyword, value]: [string, JsonValue]): readonly [readonly string[], JsonValue][] {
  if (keyword === "items") return [[[keyword], value]];
  if (!HOLDERS.includes(keyword) || typeof value !== "object" || value === null) return [];
  return Object.entries(value).map(([step, inner]: [string, JsonValue]) => [[keyword, step], inner]);
}

/** A function that the model may call. */
export interface OfferedFunction {
  readonly name: string;
  readonly parameters: JsonObject;
  readonly strict: boolean;
  /** Where its parameters stand in the request. */
  readonly param: string;
}

/** The functions among a request's tools, as chat completions nest them or as the Responses API has them flat. */
export function functionsIn(body: JsonObject): readonly OfferedFunction[] {
  const tools = body["tools"];
  if (!Array.isArray(tools)) return [];
  return tools.flatMap((tool: JsonValue, index): OfferedFunction[] => {
    if (!isJsonObject(tool) || tool["type"] !== "function") return [];
    const nested = child(tool, "function");
    const { name, parameters, strict } = nested ?? tool;
    if (typeof name !== "string") return [];
    const param = `tools[${index}]${nested === undefined ? "" : ".function"}.parameters`;
    return [{ name, parameters: isJsonObject(parameters) ? parameters : {}, strict: strict === true, param }];
  });
}

/** The function that `tool_choice` names, in either API's form. */
export function namedFunction(choice: JsonValue | undefined): string | undefined {
  if (!isJsonObject(choice) || choice["type"] !== "function") return undefined;
  const { name } = child(choice, "function") ?? choice;
  return typeof name === "string" ? name : undefined;
}

/**
 * The function that the model calls: the one that `tool_choice` names, else any of those offered; none when it says
 * `none`, or when what stands last is a tool's answer, which the model then puts into words.
 */
export function functionToCall(body: JsonObject, random: Random): OfferedFunction | undefined {
  const functions = functionsIn(body);
  const choice = body["tool_choice"];
  if (functions.length === 0 || choice === "none") return undefined;
  const named = namedFunction(choice);
  if (named !== undefined) return functions.find(({ name }) => name === named);
  const turns = body["messages"] ?? body["input"];
  const last: JsonValue | undefined = Array.isArray(turns) ? turns.at(-1) : undefined;
  const answered = isJsonObject(last) && (last["role"] === "tool" || last["type"] === "function_call_output");
  return answered && choice !== "required" ? undefined : random.pick(functions);
}

/** Beyond this depth a value is as small as its schema allows: schemas may contain themselves. */
const DEEPEST = 6;
/** Where even that never ends (an object that must hold another of its kind), the value does, with null. */
const END = { depth: 40, values: 20_000 };

/**
 * A value that a JSON Schema describes, the same for the same random stream. It keeps to types, enums, constants,
 * references, combinations, bounds, lengths and formats. `count` is how many entries its lists should have.
 */
export function valueBySchema(schema: JsonObject, random: Random, count?: number): JsonValue {
  return new Maker(schema, random, count).make(schema, "", 0);
}

class Maker {
  readonly #root: JsonObject;
  readonly #random: Random;
  readonly #count: number | undefined;
  /** The two numbers of the sums that this object's questions ask for and its answers give. */
  #sum: readonly [number, number] = [2, 2];
  #made = 0;

  constructor(root: JsonObject, random: Random, count: number | undefined) {
    this.#count = count;
    this.#root = root;
    this.#random = random;
  }

  make(schema: JsonObject, key: string, depth: number): JsonValue {
    if (depth > END.depth || ++this.#made > END.values) return null;
    const { $ref: reference, const: constant, enum: listed } = schema;
    if (typeof reference === "string") return this.make(this.#resolve(reference), key, depth + 1);
    if (constant !== undefined) return constant;
    if (Array.isArray(listed)) return this.#random.pick<JsonValue>(listed);
    const options = choices(schema);
    if (options.length > 0) return this.make(this.#choose(options, depth), key, depth + 1);
    if (Array.isArray(schema["allOf"])) return this.make(merged(schema, schema["allOf"]), key, depth + 1);
    switch (typeOf(schema, depth > DEEPEST)) {
      case "object":
        return this.#object(schema, depth);
      case "array":
        return this.#array(schema, key, depth);
      case "integer":
      case "number":
        return this.#number(schema);
      case "boolean":
        return this.#random.chance(0.5);
      case "null":
        return null;
      default:
        return this.#string(schema, key);
    }
  }

  /** `#`, `#/$defs/step`; what leads nowhere allows anything. */
  #resolve(reference: string): JsonObject {
    let found: JsonValue | undefined = this.#root;
    for (const step of reference.replace(/^#\/?/, "").split("/")) {
      if (step === "") continue;
      const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
      found = isJsonObject(found) ? found[name] : undefined;
    }
    return isJsonObject(found) ? found : {};
  }

  #choose(options: readonly JsonObject[], depth: number): JsonObject {
    const simplest = options.find(({ type }) => type !== "object" && type !== "array" && type !== undefined);
    return depth > DEEPEST && simplest !== undefined ? simplest : this.#random.pick(options);
  }

  #object(schema: JsonObject, depth: number): JsonObject {
    const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
    const needed: JsonValue = schema["required"] ?? [];
    const outer = this.#sum;
    this.#sum = [2 + this.#random.below(97), 2 + this.#random.below(97)];
    const made = Object.entries(properties)
      .filter(([key]) => depth <= DEEPEST || (Array.isArray(needed) && needed.includes(key)))
      .map(([key, inner]) => [key, this.make(isJsonObject(inner) ? inner : {}, key, depth + 1)]);
    this.#sum = outer;
    return Object.fromEntries(made);
  }

  #array(schema: JsonObject, key: string, depth: number): JsonValue {
    const least = numberIn(schema, "minItems") ?? 0;
    const most = numberIn(schema, "maxItems") ?? Number.POSITIVE_INFINITY;
    const some = depth <= 1 && this.#count !== undefined ? this.#count : 1 + this.#random.below(3);
    const length = Math.min(most, Math.max(least, depth > DEEPEST ? 0 : some), 1000);
    const items = isJsonObject(schema["items"]) ? schema["items"] : {};
    return Array.from({ length }, () => this.make(items, key, depth + 1));
  }

  /** Within its bounds; a whole number unless only fractions fit. */
  #number(schema: JsonObject): number {
    const step = numberIn(schema, "multipleOf") ?? 1;
    const above = numberIn(schema, "exclusiveMinimum");
    const below = numberIn(schema, "exclusiveMaximum");
    const upper = numberIn(schema, "maximum") ?? below;
    const lower = numberIn(schema, "minimum") ?? above ?? Math.min(0, upper === undefined ? 0 : upper - 99 * step);
    let first = Math.ceil(lower / step);
    if (above !== undefined && first * step <= above) first++;
    let last = upper === undefined ? first + 99 : Math.min(Math.floor(upper / step), first + 99);
    if (below !== undefined && last * step >= below) last--;
    if (last < first) return (lower + (upper ?? lower + 1)) / 2;
    return (first + this.#random.below(last - first + 1)) * step;
  }

  #string(schema: JsonObject, key: string): string {
    const format = schema["format"];
    if (typeof format === "string" && format in FORMATS) return this.#formatted(format);
    const text = this.#text(key);
    const least = numberIn(schema, "minLength") ?? 0;
    const most = numberIn(schema, "maxLength") ?? Number.POSITIVE_INFINITY;
    return text.padEnd(least, " and so on").slice(0, most);
  }

  #text(key: string): string {
    const [a, b] = this.#sum;
    if (/question|prompt|instruction|input|query/i.test(key)) return `What is ${a} plus ${b}?`;
    if (/answer|completion|response|output/i.test(key)) return `${a} plus ${b} is ${a + b}.`;
    return `${makePair(REFUSAL, this.#random, "valid")[0]}.`;
  }

  #formatted(format: string): string {
    const day = String(1 + this.#random.below(28)).padStart(2, "0");
    const nibbles = () => this.#random.below(0x10000).toString(16).padStart(4, "0");
    const filled = (FORMATS[format] ?? "").replaceAll("{day}", day);
    return filled.replaceAll("{hex}", nibbles).replaceAll("{n}", () => String(this.#random.below(256)));
  }
}

/** The formats that structured outputs know, and `uri`. */
const FORMATS: Readonly<Record<string, string>> = {
  "date-time": "2026-01-{day}T12:00:00Z",
  date: "2026-01-{day}",
  time: "12:{day}:00Z",
  duration: "P{day}D",
  email: "someone{n}@example.com",
  hostname: "host{n}.example.com",
  ipv4: "192.0.2.{n}",
  ipv6: "2001:db8::{hex}",
  uuid: "{hex}{hex}-{hex}-4{day}a-8{day}b-{hex}{hex}{hex}",
  uri: "https://example.com/{n}",
};

function choices(schema: JsonObject): readonly JsonObject[] {
  const options = schema["anyOf"] ?? schema["oneOf"];
  return Array.isArray(options) ? options.filter(isJsonObject) : [];
}

function merged(schema: JsonObject, parts: readonly JsonValue[]): JsonObject {
  const { allOf: _, ...own } = schema;
  const objects = [own, ...parts.filter(isJsonObject)];
  const properties = Object.assign({}, ...objects.map((part) => part["properties"] ?? {}));
  return { ...Object.assign({}, ...objects), properties };
}

/** A schema's type; of several the first that is not null, unless it should be small. */
function typeOf(schema: JsonObject, small: boolean): JsonValue | undefined {
  const { type } = schema;
  if (Array.isArray(type)) {
    if (small && type.includes("null")) return "null";
    return type.find((one: JsonValue) => one !== "null") ?? "null";
  }
  if (type !== undefined) return type;
  if (schema["properties"] !== undefined) return "object";
  return schema["items"] === undefined ? "string" : "array";
}

function numberIn(schema: JsonObject, key: string): number | undefined {
  const value = schema[key];
  return typeof value === "number" ? value : undefined;
}

/** What stands under a key, when it is an object. */
export function child(value: JsonValue | undefined, key: string): JsonObject | undefined {
  const found = isJsonObject(value) ? value[key] : undefined;
  return isJsonObject(found) ? found : undefined;
}
