import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readOutputLine } from "../../src/api/output-line.ts";
import type { JsonObject, JsonValue } from "../../src/graph/json.ts";

/*
 * Every shape that a line of a batch's output or error file was seen in, and what it is taken for.
 */

const CUSTOM = "refusal-0123456789abcdef0123456789abcdef";

const read = (raw: string) => readOutputLine(raw, (custom) => (custom === CUSTOM ? "ours" : undefined));

function lineOf(response: JsonValue, error: JsonValue = null, custom_id: JsonValue = CUSTOM): string {
  return JSON.stringify({ id: "batch_req_1", custom_id, response, error });
}
const status = (status_code: JsonValue, body: JsonValue) => lineOf({ status_code, request_id: "req_1", body });
const answered = (body: JsonValue) => status(200, body);
const said = (message: string, code: JsonValue = null) => ({ error: { message, type: "invalid_request_error", code } });

const usage = {
  prompt_tokens: 100,
  completion_tokens: 20,
  total_tokens: 120,
  prompt_tokens_details: { cached_tokens: 64 },
};
const USED = { input: 100, cachedInput: 64, output: 20 };
const choice = (message: JsonValue, finish_reason = "stop", more: JsonObject = {}) => ({
  index: 0,
  message,
  finish_reason,
  ...more,
});
const spoke = (content: string | null, finishReason: string | null = "stop", refusal: string | null = null) => ({
  content,
  finishReason,
  refusal,
});

/** What an answer says; fails the test when the line is none. */
function spokenIn(raw: string) {
  const line = read(raw);
  if (line.kind !== "answer") throw new Error(`expected an answer, found ${JSON.stringify(line)}`);
  return line.answer.spoken;
}

describe("a line that is an answer", () => {
  test("is read whole", () => {
    const body = {
      object: "chat.completion",
      model: "gpt-4o-2024-08-06",
      choices: [choice({ role: "assistant", content: "{}", refusal: null })],
      usage,
      system_fingerprint: "fp_abc",
    };
    expect(read(answered(body))).toEqual({
      kind: "answer",
      id: "ours",
      customId: CUSTOM,
      answer: { model: "gpt-4o-2024-08-06", spoken: [spoke("{}")], data: [], usage: USED, simulated: false },
    });
    expect(read(answered({ ...body, system_fingerprint: "fp_simulated" }))).toMatchObject({
      answer: { simulated: true },
    });
  });

  test("is one whatever the model said in it: a refusal or a cut-off answer was paid for too", () => {
    for (const reason of ["stop", "length", "content_filter"]) {
      const choices = [choice({ content: null, refusal: "I cannot" }, reason)];
      expect(spokenIn(answered({ choices, usage }))).toEqual([spoke(null, reason, "I cannot")]);
    }
    expect(spokenIn(answered({ choices: [choice({ content: "" }, "content_filter")] }))).toEqual([
      spoke("", "content_filter"),
    ]);
  });

  test.each([200, 201, "200", "201"])("has the status %j", (code) => {
    expect(read(status(code, { choices: [choice({ content: "x" })] })).kind).toBe("answer");
  });

  test("has no status, and a body that proves it", () => {
    expect(read(lineOf({ body: { choices: [choice({ content: "x" })] } })).kind).toBe("answer");
    expect(read(lineOf({ body: {} }))).toMatchObject({ kind: "unanswered", why: "no-status" });
    expect(read(lineOf({}))).toMatchObject({ kind: "unanswered", why: "no-status" });
  });

  test("has one choice without its list, or several choices", () => {
    expect(spokenIn(answered({ choices: choice({ content: "x" }) }))).toEqual([spoke("x")]);
    const choices = ["a", "b", "c"].map((content) => choice({ content }));
    expect(spokenIn(answered({ choices }))).toEqual([spoke("a"), spoke("b"), spoke("c")]);
  });

  test.each<[string, JsonValue, (string | null)[]]>([
    [
      "text in parts",
      {
        content: [
          { type: "text", text: "{" },
          { type: "text", text: "}" },
        ],
      },
      ["{}"],
    ],
    [
      "a part that thinks",
      {
        content: [
          { type: "thinking", text: "a" },
          { type: "text", text: "b" },
        ],
      },
      ["b"],
    ],
    ["a refusal part", { content: [{ type: "refusal", refusal: "no" }] }, [null]],
    [
      "calls of tools",
      { content: null, tool_calls: [{ function: { arguments: "[1]" } }, { function: { arguments: "[2]" } }] },
      ["[1]", "[2]"],
    ],
    ["a call of a function", { content: "", function_call: { name: "f", arguments: "{}" } }, ["{}"]],
    ["words beside a call", { content: "Calling it.", tool_calls: [{ function: { arguments: "{}" } }] }, ["{}"]],
    ["data beside a call", { content: "[1]", tool_calls: [{ function: { arguments: "{}" } }] }, ["[1]", "{}"]],
    ["an empty call", { content: "x", tool_calls: [{ function: { arguments: "" } }, null, 5] }, ["x"]],
    ["reasoning only", { content: null, reasoning_content: '{"pairs": []}', reasoning: "x" }, [null]],
  ])("holds %s", (_what, message, contents) => {
    expect(spokenIn(answered({ choices: [choice(message)] })).map(({ content }) => content)).toEqual(contents);
  });

  test("of Responses holds its messages and calls, without its reasoning", () => {
    const output = [
      { type: "reasoning", summary: [], content: [{ type: "reasoning_text", text: "a draft" }] },
      {
        type: "message",
        content: [
          { type: "output_text", text: "{" },
          { type: "output_text", text: "}" },
        ],
      },
    ];
    const counted = { input_tokens: 9, output_tokens: 3, input_tokens_details: { cached_tokens: 1 } };
    const whole = { status: "completed", model: "m", error: null, output, usage: counted };
    expect(read(answered(whole))).toMatchObject({
      answer: { spoken: [spoke("{}")], usage: { input: 9, cachedInput: 1, output: 3 } },
    });
    const cut = { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
    expect(spokenIn(answered({ ...cut, output }))).toEqual([spoke("{}", "length")]);
    expect(spokenIn(answered({ ...cut, output: [output[0] ?? null], usage: counted }))).toEqual([
      spoke(null, "length"),
    ]);
    const refused = [{ type: "message", content: [{ type: "refusal", refusal: "No." }] }];
    expect(spokenIn(answered({ status: "completed", output: refused }))).toEqual([spoke(null, "stop", "No.")]);
    const called = [{ type: "function_call", arguments: "[]" }];
    expect(spokenIn(answered({ status: "completed", output: called }))).toEqual([spoke("[]")]);
    expect(spokenIn(answered({ status: "completed", output: [{ content: "text" }] }))).toEqual([spoke("text")]);
  });

  test("of Embeddings holds its items and says nothing", () => {
    const data = [{ index: 0, embedding: [0.1] }, { index: 1 }];
    expect(read(answered({ model: "e", data, usage: { prompt_tokens: 5, total_tokens: 5 } }))).toMatchObject({
      kind: "answer",
      answer: { spoken: [], data, usage: { input: 5, cachedInput: 0, output: 0 } },
    });
  });

  test.each<[string, JsonValue]>([
    ["no choices", { choices: [], usage }],
    ["null for choices", { choices: null, usage }],
    ["choices without a message", { choices: [{}, null, 5], usage }],
    ["no data", { object: "list", data: [], usage: { prompt_tokens: 5 } }],
    ["nothing but its usage", { usage }],
    ["a null body, which proves nothing about its charge", null],
  ])("was charged for and has no content: %s", (_what, body) => {
    expect(read(answered(body))).toMatchObject({ kind: "answer", answer: { spoken: [], data: [] } });
  });
});

describe("what an answer used", () => {
  const used = (value: JsonValue) => {
    const line = read(answered({ choices: [choice({ content: "x" })], usage: value }));
    return line.kind === "answer" ? line.answer.usage : line;
  };

  test("is counted in the words of both endpoints", () => {
    expect(used(usage)).toEqual(USED);
    expect(used({ input_tokens: 5, output_tokens: 6, input_tokens_details: { cached_tokens: 1 } })).toEqual({
      input: 5,
      cachedInput: 1,
      output: 6,
    });
  });

  test.each<JsonValue>([
    null,
    5,
    "7",
    [],
    {},
    { prompt_tokens: "100", completion_tokens: 3 },
    { prompt_tokens: 100, completion_tokens: -3 },
    { completion_tokens: 3 },
  ])("is unknown, and the answer an answer all the same: %j", (value) => {
    expect(used(value)).toBeNull();
  });

  test("is unknown where the number is none", () => {
    for (const number of ["1e999", "NaN", "-Infinity"]) {
      const raw = answered({ choices: [choice({ content: "NaN" })], usage: { prompt_tokens: 98765 } });
      expect(read(raw.replace("98765", number))).toMatchObject({
        kind: "answer",
        answer: { usage: null, spoken: [spoke("NaN")] },
      });
    }
  });
});

describe("200 without an answer is to be asked again", () => {
  const upstream = { message: "Provider returned error", code: 502, metadata: { provider_name: "X" } };
  test.each<[string, JsonValue, string]>([
    ["an error for a body", { error: upstream, user_id: "u" }, "502"],
    ["an error beside choices", { choices: [choice({ content: "x" })], error: { message: "?", code: "429" } }, "429"],
    ["an error that is a text", { error: "upstream" }, "error"],
    ["finish_reason error", { choices: [choice({ content: "" }, "error", { error: upstream })], usage }, "502"],
    ["finish_reason error without a reason", { choices: [choice({ content: "half" }, "error")], usage }, "error"],
    [
      "a failed response",
      { status: "failed", error: { code: "server_error", message: "?" }, output: [] },
      "server_error",
    ],
    ["a failed response without a reason", { status: "failed", error: null, output: [], usage }, "failed"],
    ["a cancelled response", { status: "cancelled", output: [] }, "cancelled"],
    ["a response still at work", { status: "in_progress", output: [] }, "in_progress"],
    ["a response that is incomplete, without output", { status: "incomplete", output: [] }, "200"],
    ["no choices, and no sign of a charge", { choices: [] }, "200"],
    ["null for choices", { choices: null, usage: { prompt_tokens: 0, completion_tokens: 0 } }, "200"],
    ["an empty body", {}, "200"],
    ["a page of HTML", "<html>", "200"],
    ["a list", [1], "200"],
  ])("%s", (_what, body, why) => {
    expect(read(answered(body))).toMatchObject({ kind: "unanswered", id: "ours", why });
  });

  test("and what was charged for it is told", () => {
    expect(read(answered({ status: "failed", output: [], usage }))).toMatchObject({ charged: USED });
    expect(read(answered({ error: upstream }))).toMatchObject({ charged: null, message: "Provider returned error" });
  });

  test("unless the error in it is a refusal", () => {
    expect(read(answered(said("bad", 400)))).toMatchObject({ kind: "refusal", status: 400 });
    expect(read(answered(said("Insufficient credits", 402)))).toMatchObject({ kind: "liftable", status: 402 });
    expect(read(answered(said("x", "insufficient_quota")))).toMatchObject({ kind: "liftable" });
  });

  test("and a choice that failed costs the others nothing", () => {
    const choices = [choice({ content: "half" }, "error"), choice({ content: "x" })];
    expect(spokenIn(answered({ choices }))).toEqual([spoke("x")]);
  });

  test("and an answer beside the line's own error is none", () => {
    const response = { status_code: 200, body: { choices: [choice({ content: "x" })], usage } };
    expect(read(lineOf(response, { code: "batch_expired", message: "late" }))).toMatchObject({
      kind: "unanswered",
      why: "batch_expired",
      charged: USED,
    });
    for (const none of ["", {}, false]) expect(read(lineOf(response, none)).kind).toBe("answer");
  });
});

describe("a refusal for good", () => {
  test.each([400, 415, 422, "400"])("has the status %j", (code) => {
    expect(read(status(code, said("too long", "context_length_exceeded")))).toEqual({
      kind: "refusal",
      id: "ours",
      customId: CUSTOM,
      status: Number(code),
      code: "context_length_exceeded",
      message: "too long",
      why: `${code} too long`,
      charged: null,
    });
  });

  test("says so when no reason is given", () => {
    for (const body of [null, {}, { error: {} }, { error: { message: null } }])
      expect(read(status(400, body))).toMatchObject({ kind: "refusal", why: "400 the provider gave no reason" });
  });

  test.each<[JsonValue, string]>([
    ["a text", "a text"],
    [{ error: "a text" }, "a text"],
    [{ object: "error", message: "at the top", type: "BadRequestError", code: 400 }, "at the top"],
    [{ detail: [{ msg: "field required" }, "and more"] }, "field required; and more"],
    [said("two\nlines \u001b[31mand a colour\u2028"), "two lines [31mand a colour"],
  ])("gives its reason as %j", (body, message) => {
    expect(read(status(400, body))).toMatchObject({ kind: "refusal", message });
  });
});

describe("a refusal that time or a person can lift", () => {
  test.each<[string, number, string, JsonValue]>([
    ["no credit, as 400", 400, "Your credit balance is too low to access the API. Please go to Plans & Billing.", null],
    ["no balance", 402, "Insufficient Balance", "invalid_request_error"],
    ["no quota", 429, "You exceeded your current quota, please check your plan and billing details.", null],
    ["no quota, by its code", 429, "x", "insufficient_quota"],
    ["billing", 400, "x", "billing_hard_limit_reached"],
    ["an organisation that is not verified", 404, "Your organization must be verified to use the model `m`.", null],
    ["the same, as 400", 400, "Your organization must be verified to stream this model.", null],
    ["no such model", 404, "The model `m` does not exist or you do not have access to it.", "model_not_found"],
    ["no such model, as 400", 400, "Model m not found", null],
    ["no permission", 403, "You are not allowed to sample from this model", null],
    ["too large for the tier", 413, "Payload Too Large", null],
    [
      "too large for the tier, as 429",
      429,
      "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Requested 40000.",
      "rate_limit_exceeded",
    ],
  ])("%s", (_what, code, message, errorCode) => {
    expect(read(status(code, said(message, errorCode)))).toMatchObject({
      kind: "liftable",
      status: code,
      message,
      why: `${code} ${message}`,
    });
  });

  test("is known from a line's error as well", () => {
    expect(read(lineOf(null, { code: "insufficient_quota", message: "x" }))).toMatchObject({ kind: "liftable" });
  });
});

describe("a line that leaves its request to be asked again", () => {
  test.each([0, 100, 302, 401, 408, 409, 425, 429, 500, 502, 503, 529, 999])("has the status %d", (code) => {
    expect(read(status(code, said("later")))).toMatchObject({ kind: "unanswered", status: code, why: `${code}` });
  });

  test("is limited for now, whatever it says of tokens per minute", () => {
    const message = "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 5000.";
    expect(read(status(429, said(message, "rate_limit_exceeded")))).toMatchObject({ kind: "unanswered" });
  });

  test("is the server's own fault, whatever its words", () => {
    expect(read(status(503, said("billing is not reachable"))).kind).toBe("unanswered");
  });

  test.each(["batch_expired", "batch_cancelled"])("says %s", (code) => {
    expect(read(lineOf(null, { code, message: "It could not be executed." }))).toMatchObject({
      kind: "unanswered",
      status: null,
      code,
      why: code,
      message: "It could not be executed.",
    });
  });

  test.each<[string, string, string]>([
    ["neither response nor error", lineOf(null), "no-response"],
    ["an error without a code", lineOf(null, { message: "?" }), "error"],
    ["an error that is a text", lineOf(null, "?"), "error"],
    ["no status and no answer", lineOf({ body: { error: null } }), "no-status"],
    ["a status that is none", status("ok", { choices: [choice({ content: "x" })] }), "no-status"],
    ["status 0 with an empty body", status(0, {}), "0"],
  ])("has %s", (_what, raw, why) => {
    expect(read(raw)).toMatchObject({ kind: "unanswered", why });
  });
});

describe("a line of somebody else's", () => {
  test("is told by its custom_id", () => {
    expect(read(lineOf({ status_code: 200, body: {} }, null, "request-7"))).toEqual({
      kind: "foreign",
      customId: "request-7",
    });
  });
});

describe("a line as Python servers write it", () => {
  const whole = answered({ choices: [choice({ content: 'say "NaN": \\"Infinity\\"' }, "stop", { logprobs: 98765 })] });

  test("may begin with a byte order mark", () => {
    expect(read(`\uFEFF${whole}`)).toEqual(read(whole));
  });

  test.each(["NaN", "Infinity", "-Infinity"])("may hold %s for a number; texts stay as they are", (word) => {
    expect(read(whole.replace("98765", word))).toEqual(read(whole));
    expect(read(whole.replace("98765", `[${word}, {"a": ${word}}]`))).toEqual(read(whole));
    expect(read(whole.replace("98765", `${word}x`)).kind).toBe("unreadable");
  });
});

describe("a line that is none", () => {
  test.each<[string, string]>([
    ["", "expected a JSON object"],
    [" ", "expected a JSON object"],
    ["null", "another value"],
    ["NaN", "another value"],
    ["5", "another value"],
    ["[]", "another value"],
    ["{}", "custom_id"],
    ['{"custom_id":5,"error":{}}', "custom_id"],
    [lineOf(null, { message: "?" }, null), "custom_id"],
    [`{"custom_id":"${CUSTOM}"}`, 'neither a "response" nor an "error"'],
    [`{"custom_id":"${CUSTOM}","method":"POST","url":"/v1/embeddings","body":{}}`, "neither"],
    ["<html>502</html>", "expected a JSON object"],
  ])("is not taken for one: %j", (raw, reason) => {
    expect(read(raw)).toEqual({ kind: "unreadable", reason: expect.stringContaining(reason) });
  });

  test("is known wherever a line was torn", () => {
    const whole = answered({ choices: [], usage, logprobs: "NaN" }).replace('"NaN"', "NaN");
    for (let cut = 0; cut < whole.length; cut++) expect(read(whole.slice(0, cut)).kind).toBe("unreadable");
    expect(read(whole).kind).toBe("answer");
  });
});

test("no line makes the reader throw", () => {
  const member = fc.constantFrom(
    ...["custom_id", "response", "error", "body", "status_code", "choices", "message", "output", "content", "usage"],
    ...["data", "embedding", "tool_calls", "function", "arguments", "finish_reason", "status", "code", "__proto__"],
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom(null, 200, 0, -1, "x", "200", "error", "failed", true, CUSTOM),
      fc.array(tie("tree")),
      fc.dictionary(member, tie("tree")),
    ),
  }));
  const lines = fc
    .record({
      response: fc.record({ status_code: fc.constantFrom(200, "200", 400, 0, null), body: tree }),
      error: tree,
    })
    .map((line) => JSON.stringify({ custom_id: CUSTOM, ...line }));
  const kinds = ["answer", "refusal", "liftable", "unanswered", "foreign", "unreadable"];
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        tree.map((value) => JSON.stringify(value)),
        lines,
      ),
      (raw) => {
        expect(kinds).toContain(read(raw).kind);
      },
    ),
  );
});

const SIZE = 10_000_000;

test.each<[string, () => string]>([
  ["escapes after NaN", () => `{"custom_id": NaN, "a": "${'\\"'.repeat(SIZE / 2)}`],
  ["NaN without an end", () => `{"NaN": ${"NaN,".repeat(SIZE / 4)}`],
  ["half an Infinity again and again", () => `{"a": ${"-I".repeat(SIZE / 2)}`],
  ["quotes", () => `{"a": Infinity${'"'.repeat(SIZE)}`],
  ["brackets", () => "[".repeat(SIZE)],
  ["words", () => status(400, said("model ".repeat(SIZE / 6)))],
  ["brackets for an error", () => `{"custom_id":"${CUSTOM}","error":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`],
  [
    "a nest for a reason",
    () =>
      `{"custom_id":"${CUSTOM}","response":{"status_code":400,"body":{"detail":${'{"a":'.repeat(1_000_000)}1${"}".repeat(1_000_000)}}}}`,
  ],
])("ten million characters of %s cost one pass", (_what, raw) => {
  expect(read(raw()).kind).not.toBe("answer");
});
