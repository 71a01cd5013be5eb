import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { REFUSAL } from "./lexicon.ts";
import { makePair } from "./pairs.ts";
import type { Random } from "./random.ts";

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
        return this.#number(schema, 1);
      case "number":
        return this.#number(schema, undefined);
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
  #number(schema: JsonObject, unit: number | undefined): number {
    const step = numberIn(schema, "multipleOf") ?? unit ?? 1;
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
