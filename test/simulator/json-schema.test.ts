import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/graph/json.ts";
import { schemaRefusal, valueBySchema } from "../../src/simulator/json-schema.ts";
import { randomFrom } from "../../src/simulator/random.ts";

/** Schemas of every kind that the simulator keeps to, strict ones: every property named, no others allowed. */
const { schema: SCHEMA } = fc.letrec<{ schema: JsonObject; leaf: JsonObject }>((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom<JsonObject>({ type: "boolean" }, { type: "null" }, { type: "string" }, { const: 7 }),
    fc.constantFrom<JsonObject>(
      ...["date-time", "date", "time", "duration", "email", "ipv4", "ipv6", "uuid", "uri"].map((format) => ({
        type: "string",
        format,
      })),
    ),
    fc.record({ enum: fc.array(fc.string(), { minLength: 1, maxLength: 3 }) }),
    fc
      .tuple(fc.nat(60), fc.nat(60))
      .map(([least, more]) => ({ type: "string", minLength: least, maxLength: least + more })),
    fc
      .tuple(fc.integer({ min: -1000, max: 1000 }), fc.nat(20))
      .map(([least, more]) => ({ type: "integer", minimum: least, maximum: least + more })),
    fc
      .tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: 1, max: 50 }))
      .map(([least, more]) => ({ type: "number", exclusiveMinimum: least, exclusiveMaximum: least + more })),
    fc.integer({ min: 1, max: 9 }).map((step) => ({ type: "integer", multipleOf: step, maximum: -100 })),
  ),
  schema: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie("leaf"),
    fc.array(tie("schema"), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc
      .tuple(tie("schema"), fc.nat(4), fc.nat(4))
      .map(([items, least, more]) => ({ type: "array", items, minItems: least, maxItems: least + more })),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), tie("schema"), { maxKeys: 4 }).map((properties) => ({
      type: "object",
      properties,
      required: Object.keys(properties),
      additionalProperties: false,
    })),
  ),
}));

describe("a value made by a schema", () => {
  it("is what the schema says, whatever it says, and the same again", () => {
    fc.assert(
      fc.property(SCHEMA, fc.nat(), (schema, seed) => {
        const value = valueBySchema(schema, randomFrom(seed));
        expect(valueBySchema(schema, randomFrom(seed))).toEqual(value);
        const verdict = z.fromJSONSchema(schema).safeParse(value);
        expect([value, verdict.error?.message]).toEqual([value, undefined]);
      }),
      { numRuns: 300 },
    );
  });

  it("ends, although its schema contains itself", () => {
    const tree: JsonObject = {
      $ref: "#/$defs/node",
      $defs: {
        node: {
          type: "object",
          properties: {
            name: { type: "string" },
            next: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] },
            children: { type: "array", items: { $ref: "#/$defs/node" } },
          },
          required: ["name", "next", "children"],
          additionalProperties: false,
        },
      },
    };
    const parse = z.fromJSONSchema(tree);
    for (let seed = 0; seed < 50; seed++) {
      expect(parse.safeParse(valueBySchema(tree, randomFrom(seed))).success).toBe(true);
    }
    // Nothing can satisfy these two.
    const endless = { type: "object", properties: { again: { $ref: "#" }, more: { $ref: "#" } } };
    expect(valueBySchema({ ...endless, required: ["again", "more"] }, randomFrom(1))).toBeDefined();
    expect(valueBySchema({ $ref: "#" }, randomFrom(1))).toBeNull();
  });

  it("has as many entries as the prompt named", () => {
    const schema = { type: "object", properties: { items: { type: "array", items: { type: "string" } } } };
    const value = valueBySchema(schema, randomFrom(1), 12);
    const items: JsonValue | undefined = isJsonObject(value) ? value["items"] : undefined;
    expect(Array.isArray(items) && items.length).toBe(12);
  });
});

describe("a schema", () => {
  const closed = { additionalProperties: false, required: ["a"] };
  it.each<[JsonObject, boolean, string | undefined]>([
    [{ type: "object", properties: { a: { type: "string" } }, ...closed }, true, undefined],
    [{ type: "array", items: {} }, false, undefined],
    [{ type: "array", items: {} }, true, `schema must be a JSON Schema of 'type: "object"', got 'type: "array"'.`],
    [
      { type: "object", properties: { a: { type: "array", items: { type: "object", properties: {} } } }, ...closed },
      true,
      "In context=('properties', 'a', 'items'), 'additionalProperties' is required to be supplied and to be false.",
    ],
    [
      { type: "object", properties: { a: {}, b: {} }, ...closed },
      true,
      "In context=(), 'required' is required to be supplied and to be an array including every key in properties. Missing 'b'.",
    ],
    [
      { type: "object", properties: { a: { type: "string", pattern: "^x" } } },
      false,
      "In context=('properties', 'a'), 'pattern' is not permitted (by the simulator).",
    ],
    // A property may have any name.
    [{ type: "object", properties: { pattern: { type: "string" } } }, false, undefined],
  ])("%j, strict %s: %s", (schema, strict, why) => {
    expect(schemaRefusal(schema, strict)).toBe(why);
  });
});
