import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { customId, requestId } from "../../src/batch/request-file.ts";
import { readOutcome, usageOf } from "../../src/batch/responses.ts";
import type { JsonValue } from "../../src/graph/json.ts";

/*
 * Every shape that a line of a batch's output or error file was seen in.
 */

const id = requestId("/v1/chat/completions", { model: "m" }, 0);
const custom = customId("task", id);

function lineOf(response: JsonValue, error: JsonValue = null, custom_id: JsonValue = custom): string {
  return JSON.stringify({ id: "batch_req_1", custom_id, response, error });
}

const usage = {
  prompt_tokens: 100,
  completion_tokens: 20,
  total_tokens: 120,
  prompt_tokens_details: { cached_tokens: 64 },
};
const status = (status_code: JsonValue, body: JsonValue) => lineOf({ status_code, request_id: "req_1", body });
const said = (message: string) => ({ error: { message, type: "invalid_request_error", code: null } });

describe("a line that is an answer", () => {
  test("is one whatever the model said in it: a refusal or a cut-off answer was paid for too", () => {
    for (const finish_reason of ["stop", "length", "content_filter"]) {
      const body = { choices: [{ finish_reason, message: { content: null, refusal: "I cannot" } }], usage };
      expect(readOutcome(status(200, body))).toEqual({
        kind: "answer",
        id,
        usage: { input: 100, cachedInput: 64, output: 20 },
      });
    }
  });

  test("counts tokens in the words of both endpoints, and nothing where nothing is said", () => {
    expect(usageOf({ usage })).toEqual({ input: 100, cachedInput: 64, output: 20 });
    expect(
      usageOf({ usage: { input_tokens: 5, output_tokens: 6, input_tokens_details: { cached_tokens: 1 } } }),
    ).toEqual({ input: 5, cachedInput: 1, output: 6 });
    const nothing = { input: 0, cachedInput: 0, output: 0 };
    for (const odd of [
      undefined,
      null,
      5,
      "7",
      [],
      {},
      { prompt_tokens: "100", completion_tokens: -3, prompt_tokens_details: [] },
    ])
      expect(usageOf(odd === undefined ? {} : { usage: odd })).toEqual(nothing);
  });
});

describe("a line that is a refusal for good", () => {
  test.each([400, 404, 413, 415, 422])("has the status %d", (code) => {
    expect(readOutcome(status(code, said("too long")))).toEqual({ kind: "refusal", id, why: `${code} too long` });
  });

  test("says so when no reason is given", () => {
    for (const body of [null, "text", {}, { error: "text" }, { error: { message: 5 } }])
      expect(readOutcome(status(400, body))).toEqual({ kind: "refusal", id, why: "400 no message" });
  });
});

describe("a line that leaves its request to be asked again", () => {
  test.each([401, 403, 408, 409, 429, 500, 502, 503, 529])("has the status %d", (code) => {
    expect(readOutcome(status(code, said("later")))).toEqual({ kind: "unanswered", id, why: `${code}` });
  });

  test.each(["batch_expired", "batch_cancelled"])("says %s", (code) => {
    const line = lineOf(null, { code, message: "This request could not be executed." });
    expect(readOutcome(line)).toEqual({ kind: "unanswered", id, why: code });
  });

  test.each([
    ["neither response nor error", lineOf(null), "no-response"],
    ["an error without a code", lineOf(null, { message: "?" }), "no-response"],
    ["an error that is a text", lineOf(null, "?"), "no-response"],
    ["200 without a body", status(200, null), "200"],
    ["200 with a text for a body", status(200, "<html>"), "200"],
    ["no status", lineOf({ body: {} }), "undefined"],
    ["a status that is a text", status("200", {}), "200"],
  ])("has %s", (_what, line, why) => {
    expect(readOutcome(line)).toEqual({ kind: "unanswered", id, why });
  });
});

describe("a line of somebody else's", () => {
  test("is told by its custom_id", () => {
    expect(readOutcome(lineOf({ status_code: 200, body: {} }, null, "request-7"))).toEqual({
      kind: "foreign",
      customId: "request-7",
    });
  });

  test("of an adopted batch is ours under the name it has there", () => {
    const aliases = new Map([["request-7", id]]);
    expect(readOutcome(lineOf({ status_code: 200, body: {} }, null, "request-7"), aliases)?.kind).toBe("answer");
    expect(readOutcome(lineOf({ status_code: 200, body: {} }, null, "request-8"), aliases)?.kind).toBe("foreign");
  });
});

describe("a line that is none", () => {
  test.each(["", " ", "null", "5", "[]", "{}", '{"custom_id":5}', "<html>502</html>"])(
    "is not taken for one: %j",
    (raw) => {
      expect(readOutcome(raw)).toBeUndefined();
    },
  );

  test("is known wherever a line was torn", () => {
    const whole = status(200, { choices: [], usage });
    for (let cut = 0; cut < whole.length; cut++) expect(readOutcome(whole.slice(0, cut))).toBeUndefined();
  });

  test("never makes the reader throw", () => {
    const object = fc.dictionary(
      fc.constantFrom("custom_id", "response", "error", "id"),
      fc.oneof(fc.jsonValue(), fc.constant(custom)),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          object.map((value) => JSON.stringify(value)),
        ),
        (raw) => void readOutcome(raw),
      ),
    );
  });
});
