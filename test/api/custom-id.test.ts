import fc from "fast-check";
import { expect, test } from "vitest";
import { withCustomId } from "../../src/api/custom-id.ts";

test("a line gets another custom_id, and nothing else of it changes", () => {
  const line = (custom: string) =>
    `{"id": 12345678901234567890, "custom_id" : ${custom}, "response": {"custom_id": "inner", "body": [NaN, "\\"custom_id\\": \\"x\\""]}}`;
  expect(withCustomId(line('"request-1"'), "refusal-2")).toBe(line('"refusal-2"'));
  expect(withCustomId(line('"an \\"escaped\\" one"'), "refusal-2")).toBe(line('"refusal-2"'));
});

test("a line without one, or with one that is no text, stays as it is", () => {
  for (const raw of ['{"custom_id": null}', "{}", "", '{"custom_id"', '["custom_id", "x"]'])
    expect(withCustomId(raw, "a")).toBe(raw);
});

test("JSON reads the new name, whatever the line holds", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), fc.string(), (rest, before, after) => {
      const line = { ...rest, custom_id: before };
      expect(JSON.parse(withCustomId(JSON.stringify(line), after))).toEqual(
        JSON.parse(JSON.stringify({ ...line, custom_id: after })),
      );
    }),
  );
});
