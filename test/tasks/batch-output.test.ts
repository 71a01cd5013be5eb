import fc from "fast-check";
import { expect, test } from "vitest";
import { readOutputLine } from "../../src/tasks/batch-output.ts";

const ID = "0123456789abcdef0123456789abcdef";

function line(body: unknown, statusCode = 200): string {
  return JSON.stringify({
    id: "batch_req_1",
    custom_id: `refusal-${ID}`,
    response: { status_code: statusCode, request_id: "req_1", body },
    error: null,
  });
}

const COMPLETION = {
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "gpt-4o-2024-08-06",
  choices: [{ index: 0, message: { role: "assistant", content: "{}", refusal: null }, finish_reason: "stop" }],
  usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120, prompt_tokens_details: { cached_tokens: 64 } },
  system_fingerprint: "fp_abc",
};

test("an answer of Chat Completions", () => {
  expect(readOutputLine(line(COMPLETION))).toEqual({
    kind: "answer",
    customId: `refusal-${ID}`,
    requestId: ID,
    providerRequestId: "req_1",
    statusCode: 200,
    model: "gpt-4o-2024-08-06",
    content: "{}",
    finishReason: "stop",
    refusal: null,
    usage: { prompt_tokens: 100, completion_tokens: 20, cached_tokens: 64 },
    simulated: false,
  });
});

test("simulated answers are known by their system_fingerprint", () => {
  expect(readOutputLine(line({ ...COMPLETION, system_fingerprint: "fp_simulated" }))).toMatchObject({
    simulated: true,
  });
});

test("a refusal and a missing usage", () => {
  const choices = [{ message: { content: null, refusal: "No." }, finish_reason: "stop" }];
  expect(readOutputLine(line({ choices }))).toMatchObject({ content: null, refusal: "No.", usage: null, model: null });
});

test("an answer of the Responses API, whole and cut off", () => {
  const output = [
    { type: "reasoning", summary: [] },
    {
      type: "message",
      content: [
        { type: "output_text", text: "{" },
        { type: "output_text", text: "}" },
      ],
    },
  ];
  const usage = { input_tokens: 9, output_tokens: 3, input_tokens_details: { cached_tokens: 1 } };
  expect(readOutputLine(line({ status: "completed", model: "m", output, usage }))).toMatchObject({
    content: "{}",
    finishReason: "stop",
    refusal: null,
    usage: { prompt_tokens: 9, completion_tokens: 3, cached_tokens: 1 },
  });
  const cut = { status: "incomplete", incomplete_details: { reason: "max_output_tokens" }, output };
  expect(readOutputLine(line(cut))).toMatchObject({ finishReason: "length" });
  const refused = [{ type: "message", content: [{ type: "refusal", refusal: "No." }] }];
  expect(readOutputLine(line({ status: "completed", output: refused }))).toMatchObject({
    content: null,
    refusal: "No.",
  });
});

test("an embedding says nothing and is counted", () => {
  const body = {
    object: "list",
    model: "e",
    data: [{ embedding: [0.1] }],
    usage: { prompt_tokens: 5, total_tokens: 5 },
  };
  expect(readOutputLine(line(body))).toMatchObject({
    kind: "answer",
    content: null,
    usage: { prompt_tokens: 5, completion_tokens: 0, cached_tokens: 0 },
  });
});

test.each([
  [
    "an expired request",
    JSON.stringify({ custom_id: "a", response: null, error: { code: "batch_expired", message: "too late" } }),
    { statusCode: null, code: "batch_expired", message: "too late" },
  ],
  [
    "a refused request",
    line({ error: { code: "invalid_value", type: "invalid_request_error", message: "bad" } }, 400),
    { statusCode: 400, code: "invalid_value", message: "bad" },
  ],
  [
    "an error with a type only",
    line({ error: { code: null, type: "server_error", message: "oops" } }, 500),
    { statusCode: 500, code: "server_error" },
  ],
  ["a bare status", line({}, 429), { statusCode: 429, code: null, message: "the provider gave no reason" }],
])("%s is an error", (_, text, wanted) => {
  expect(readOutputLine(text)).toMatchObject({ kind: "error", ...wanted });
});

test.each([
  ["", "expected a JSON object"],
  ["[1]", "another value"],
  ["null", "another value"],
  ['{"custom_id": "a", "resp', "expected a JSON object"],
  ['{"response": {}}', "custom_id"],
  ['{"custom_id": "a"}', "neither"],
  ['{"custom_id": "a", "response": {"status_code": 200, "body": "text"}}', "body"],
])("%j is malformed", (text, reason) => {
  expect(readOutputLine(text)).toEqual({ kind: "malformed", reason: expect.stringContaining(reason) });
});

test("the request id is the custom_id's last part, if it is one", () => {
  const of = (customId: string) => {
    const read = readOutputLine(JSON.stringify({ custom_id: customId, error: { message: "x" } }));
    return read.kind === "error" ? read.requestId : undefined;
  };
  expect(of(`my-own-task-${ID}`)).toBe(ID);
  expect(of("request-17")).toBeNull();
  expect(of(ID.toUpperCase())).toBeNull();
});

test("no line throws", () => {
  const member = fc.constantFrom(
    "custom_id",
    "response",
    "error",
    "body",
    "status_code",
    "choices",
    "message",
    "output",
    "content",
    "usage",
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom(null, 200, "x", true),
      fc.array(tie("tree")),
      fc.dictionary(member, tie("tree")),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => ["answer", "error", "malformed"].includes(readOutputLine(JSON.stringify(value)).kind)),
  );
});
