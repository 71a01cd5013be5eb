import fc from "fast-check";
import { expect, test } from "vitest";
import type { JsonValue } from "../../src/graph/json.ts";
import { JsonBytes } from "../../src/graph/json-bytes.ts";

const string = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom("\ud800", "a\ud83d", "\u2028", "\u007f", '"', "\\", "é".repeat(40_000), "x".repeat(70_000)),
);
const number = fc.oneof(fc.nat(), fc.double(), fc.constantFrom(-0, 0, 9, 10, 99, 100, 1e9 - 1, 1e9, 1e21, -1));
const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    ...[string, number, fc.boolean(), fc.constant(null)],
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(string, tie("value"), { maxKeys: 5 }),
  ),
}));

test("a value is what JSON.stringify makes of it, one behind another, and what was taken is gone", () => {
  const bytes = new JsonBytes();
  fc.assert(
    fc.property(fc.array(fc.tuple(value, string), { maxLength: 6 }), (written) => {
      for (const [each, text] of written) {
        bytes.value(each);
        bytes.text(text);
      }
      const expected = Buffer.from(written.map(([each, text]) => JSON.stringify(each) + text).join(""));
      expect(bytes.length).toBe(expected.length);
      expect(Buffer.from(bytes.take()).equals(expected)).toBe(true);
      expect(bytes.length).toBe(0);
    }),
  );
});

test("a member that is undefined is left out", () => {
  const bytes = new JsonBytes();
  const of = { a: undefined, b: 1, c: undefined };
  bytes.value(of as unknown as JsonValue);
  expect(Buffer.from(bytes.take()).toString()).toBe(JSON.stringify(of));
});
