import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { customId, parseRequestFile, requestId, requestIdOf } from "../../src/api/request-file.ts";
import type { JsonObject } from "../../src/graph/json.ts";
import { lineOf, rawOf } from "../batch/requests.ts";

const URL = "/v1/chat/completions";
const body: fc.Arbitrary<JsonObject> = fc.dictionary(
  fc.string({ maxLength: 6 }),
  fc.json({ maxDepth: 2 }).map((text) => JSON.parse(text)),
  { maxKeys: 5 },
);

describe("a request id", () => {
  test("is the same under any order of members and any spelling of the file", () => {
    fc.assert(
      fc.property(body, fc.nat(), (one, sample) => {
        const turned = Object.fromEntries(Object.entries(one).reverse());
        const reread: JsonObject = JSON.parse(JSON.stringify(turned, null, 3));
        expect(requestId(URL, reread, sample)).toBe(requestId(URL, one, sample));
      }),
    );
  });

  test("tells samples, bodies and endpoints apart", () => {
    fc.assert(
      fc.property(body, fc.nat({ max: 1000 }), fc.nat({ max: 1000 }), (one, a, b) => {
        expect(requestId(URL, one, a) === requestId(URL, one, b)).toBe(a === b);
        expect(requestId(URL, { ...one, extra: true }, a)).not.toBe(requestId(URL, one, a));
        expect(requestId("/v1/responses", one, a)).not.toBe(requestId(URL, one, a));
      }),
    );
  });

  test("does not change between releases: it is what an answer was paid under", () => {
    const asked = { model: "gpt-4o-mini", messages: [{ role: "user", content: "h\u00e9llo" }], temperature: 1 };
    expect(requestId(URL, asked, 0)).toBe("c599d7cdae4501b6df4212b48dce625c");
    expect(requestId(URL, asked, 1)).toBe("96b11b9f79be3c1677c15ee6e968024b");
  });

  test("comes back out of a custom_id, whatever the task is called", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 31 }), fc.nat(), (task, sample) => {
        const id = requestId(URL, {}, sample);
        expect(requestIdOf(customId(task, id))).toBe(id);
      }),
    );
  });

  test.each([
    "",
    "request-1",
    "task-12345",
    `-${"a".repeat(32)}`,
    `task_${"a".repeat(32)}`,
    `task-${"g".repeat(32)}`,
    `task-${"A".repeat(32)}`,
    "a".repeat(64),
  ])("is not read into the custom_id %j", (custom) => {
    expect(requestIdOf(custom)).toBeUndefined();
  });
});

describe("a request file", () => {
  const lines = [
    lineOf({ model: "a", n: 1 }),
    lineOf({ model: "b" }, 1),
    lineOf({ model: "c", input: "x" }, 0, "/v1/embeddings"),
  ];

  test("is read line by line, each exactly as it will be sent", () => {
    const parsed = parseRequestFile("r.jsonl", `${lines.map(({ raw }) => raw).join("\n")}\n`);
    expect(parsed).toEqual({ ok: true, value: lines });
    expect(parseRequestFile("r.jsonl", "")).toEqual({ ok: true, value: [] });
  });

  test("keeps characters that other readers take for line ends", () => {
    const odd = lineOf({ model: "a", text: "one\u2028two\u2029three\u0085four" });
    expect(parseRequestFile("r.jsonl", odd.raw)).toEqual({ ok: true, value: [odd] });
  });

  const custom = lines[0]?.customId ?? "";
  test.each([
    ["no JSON", "{"],
    ["no object", "[1]"],
    ["no custom_id", JSON.stringify({ url: URL, body: { model: "a" } })],
    ["a foreign custom_id", rawOf("request-1", URL, { model: "a" })],
    ["a custom_id that is too long", rawOf(`${"t".repeat(40)}${custom.slice(4)}`, URL, { model: "a" })],
    ["an unknown endpoint", rawOf(custom, "/v1/images", { model: "a" })],
    ["no model", rawOf(custom, URL, {})],
    ["a body that is none", JSON.stringify({ custom_id: custom, url: URL, body: [] })],
    ["a request a second time", lines[1]?.raw ?? ""],
  ])("with %s is refused, with its line number", (_what, bad) => {
    const parsed = parseRequestFile("r.jsonl", `${lines[1]?.raw}\n\n${bad}\n`);
    if (parsed.ok) throw new Error("expected a problem");
    expect(parsed.error).toMatchObject({ kind: "recipe", where: "r.jsonl:3" });
    expect(parsed.error.message).toContain("expected a Batch API request");
    expect(parsed.error.fix).toBeDefined();
  });
});
