import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from "../../src/graph/json.ts";

/** JSON as it can be written: what JSON.parse gives back. */
const json: fc.Arbitrary<JsonValue> = fc.json({ stringUnit: "binary" }).map((text): JsonValue => JSON.parse(text));

describe("canonical JSON (RFC 8785)", () => {
  test("says what the value is: parsing gives it back", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(sameValue(JSON.parse(canonicalJson(value)), value)).toBe(true);
      }),
    );
  });

  test("has one spelling under any order of members, at any depth", () => {
    fc.assert(
      fc.property(json, fc.infiniteStream(fc.nat()), (value, picks) => {
        expect(canonicalJson(shuffled(value, picks))).toBe(canonicalJson(value));
      }),
    );
  });

  test("tells values apart that are not the same", () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        const same = canonicalJson(a) === canonicalJson(b);
        expect(same).toBe(sameValue(a, b));
      }),
    );
  });

  test("sorts members by UTF-16 code unit, as the RFC's own example", () => {
    const value = {
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis",
    };
    const order = [
      "Carriage Return",
      "One",
      "Control",
      "Latin Small Letter O With Diaeresis",
      "Euro Sign",
      "Emoji: Grinning Face",
      "Hebrew Letter Dalet With Dagesh",
    ];
    const written = canonicalJson(value);
    const places = order.map((text) => written.indexOf(text));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
  });

  test("writes numbers and strings as ECMAScript does", () => {
    const value = {
      numbers: [Number("333333333.33333329"), 1e30, 4.5, 2e-3, 1e-27, -0],
      string: '€$\u000f\nA\'B"\\\\"/',
    };
    expect(canonicalJson(value)).toBe(
      '{"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27,0],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  test("leaves out members that are undefined, as JSON does", () => {
    const withGap: { [key: string]: JsonValue | undefined } = { b: 1, a: undefined };
    expect(canonicalJson(withGap as JsonObject)).toBe('{"b":1}');
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("refuses %d", (number) => {
    expect(() => canonicalJson({ a: [number] })).toThrow(RangeError);
  });
});

function shuffled(value: JsonValue, picks: { next(): { value: number } }): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => shuffled(item, picks));
  if (!isJsonObject(value)) return value;
  const left = Object.entries(value);
  const taken: [string, JsonValue][] = [];
  while (left.length > 0) {
    for (const [key, member] of left.splice(picks.next().value % left.length, 1))
      taken.push([key, shuffled(member, picks)]);
  }
  return Object.fromEntries(taken);
}

/** Equality by its definition, not by canonicalJson. */
function sameValue(a: JsonValue, b: JsonValue): boolean {
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((x: JsonValue, i) => sameValue(x, b[i]))
    );
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return a === b;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => {
      const [inA, inB] = [a[key], b[key]];
      return inA !== undefined && inB !== undefined && sameValue(inA, inB);
    })
  );
}
