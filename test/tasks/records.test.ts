import { expect, test } from "vitest";
import { requestId } from "../../src/api/request-file.ts";
import type { CheckConfig } from "../../src/config/project-config.ts";
import { DEFAULT_PROMPTS } from "../../src/config/prompt-template.ts";
import { recordRows } from "../../src/kinds/records.ts";
import { readShardLine } from "../../src/kinds/shard.ts";
import { planChecks } from "../../src/tasks/check-plan.ts";
import { moduleCheck, modulePaths } from "../../src/tasks/check-verdict.ts";
import { parseResponse } from "../../src/tasks/parse.ts";
import { type PromptTask, requestBody } from "../../src/tasks/prompt.ts";
import { GivenRequests } from "../../src/tasks/requests.ts";
import { entryFits } from "../../src/tasks/response-schema.ts";
import { lineWriter } from "./shard-lines.ts";

const NAMES = { kind: "records" as const, fields: ["question", "answer"] };
const lineOf = lineWriter({ ...NAMES, variants: [], tokenizers: [] });
const SETTING = {
  ...NAMES,
  textNames: NAMES.fields,
  variants: [],
  tokenizers: [],
  maxCharacters: 100,
  timeoutSeconds: 1,
  modules: new Map(),
};

function parse(content: string, fits?: (entry: unknown) => boolean) {
  const shape = fits === undefined ? NAMES : { ...NAMES, fits };
  return parseResponse({ content, finishReason: "stop", refusal: null }, shape);
}

const { signal } = new AbortController();

async function check(config: CheckConfig, ...texts: readonly string[]) {
  const subject = { candidate: { texts, index: 0, extraKeys: [] }, tokens: undefined };
  return (await planChecks([config], SETTING).run([subject], signal))[0]?.[0];
}

test("records are read under their own key, and keep the full stop that pairs lose", () => {
  const parsed = parse(
    '{"records": [{"answer": " Yes. ", "question": "Is it?", "note": 1}, {"question": "No answer"}]}',
  );
  expect(parsed.candidates).toEqual([{ texts: ["Is it?", "Yes."], index: 0, extraKeys: ["note"] }]);
  expect(parsed.malformed).toEqual([{ index: 1, problem: "missing-key" }]);
});

const SCHEMA = JSON.stringify({
  type: "object",
  properties: { records: { type: "array", items: { $ref: "#/$defs/record" } } },
  $defs: {
    record: {
      type: "object",
      properties: { question: { type: "string" }, answer: { type: "string", maxLength: 3 } },
      required: ["question", "answer"],
      additionalProperties: false,
    },
  },
});

test("entries that are not as the response schema has them are counted, not taken", () => {
  const entries = [
    '{"question":"a","answer":"yes"}',
    '{"question":"b","answer":"maybe"}',
    '{"question":"c","answer":"no","x":1}',
  ];
  const parsed = parse(`{"records":[${entries.join(",")}]}`, (entry) =>
    entryFits(SCHEMA)(JSON.parse(JSON.stringify(entry))),
  );
  expect(parsed.candidates.map(({ texts }) => texts[0])).toEqual(["a"]);
  expect(parsed.malformed).toEqual([
    { index: 1, problem: "not-as-schema" },
    { index: 2, problem: "not-as-schema" },
  ]);
});

test("checks look at a record's fields by their names", async () => {
  const texts = ["a long question", "yes"];
  expect(await check({ check: "length", field: "answer", max: 3 }, ...texts)).toEqual({ check: "length", ok: true });
  expect(await check({ check: "length", max: 3 }, ...texts)).toMatchObject({
    reason: "too-long",
    detail: { member: "question", max: 3 },
  });
  const regex = { check: "regex", field: "question", pattern: "\\?$", flags: "u", must: "match" } as const;
  expect(await check(regex, "why", "?")).toMatchObject({ reason: "no-match", detail: { member: "question" } });
  expect(await check({ ...regex, field: "all" }, "why?", "x")).toMatchObject({ detail: { member: "answer" } });
  expect(await check({ check: "distinct-texts", by: "exact" }, "same", "same")).toMatchObject({ reason: "same-text" });
});

test("a shard line of a record reads back", () => {
  const line = lineOf({
    candidate: { texts: ["Why?", "So."], index: 2, extraKeys: [] },
    verdicts: [],
    tokens: undefined,
    from: { custom_id: "trivia-x", request_id: null, line: 1 },
  });
  expect(line).toContain('{"valid":true,"record":{"question":"Why?","answer":"So."},');
  expect(readShardLine(line, NAMES)).toMatchObject({ ok: true, value: { texts: ["Why?", "So."] } });
  expect(readShardLine(line, { kind: "pairs", fields: ["question", "answer"] })).toEqual({
    ok: false,
    error: '"pair" must be an object',
  });
});

test("rows are made from templates, spelled as Python does", () => {
  const values = { recordId: 7, task: "trivia", fields: { question: 'A "b"?', answer: "{question}" } };
  const rows = recordRows(values, [
    [
      ["id", "{record_id}"],
      ["text", "{task}-{record_id}: {question} {{x}} {answer}"],
      ["meta", { list: ["{answer}", 1, null], fixed: true }],
    ],
    [["task", "{task}"]],
  ]);
  expect(rows).toBe(
    '{"id": 7, "text": "trivia-7: A \\"b\\"? {x} {question}", "meta": {"list": ["{question}", 1, null], "fixed": true}}\n{"task": "trivia"}\n',
  );
});

const WORDS = { noun: "record", template: DEFAULT_PROMPTS.records };
const TASK: PromptTask = {
  kind: "records",
  description: "Questions.",
  role: "You ask.",
  model: "gpt-4o",
  endpoint: "/v1/responses",
  sampling: { temperature: 1, max_tokens: 9, response_format: "json_object" },
  scenarios_per_request: 2,
  fields: ["question", "answer"],
  examples: [{ question: "Why?", answer: "So." }],
  generation_instructions: ["Short."],
};

test("the Responses API is asked in its own format", () => {
  const { input, ...rest } = requestBody(TASK, WORDS, 0);
  expect(rest).toEqual({
    model: "gpt-4o",
    instructions: "You ask.",
    temperature: 1,
    max_output_tokens: 9,
    text: { format: { type: "json_object" } },
  });
  expect(input).toContain('{"records": [{"question": "...", "answer": "..."}, ...]}');
});

test("a response schema goes out strictly, in each endpoint's spelling", () => {
  const task = { ...TASK, response_schema: SCHEMA };
  const format = { name: "records", strict: true, schema: JSON.parse(SCHEMA) };
  expect(requestBody(task, WORDS, 0)["text"]).toEqual({ format: { type: "json_schema", ...format } });
  const chat = requestBody({ ...task, endpoint: "/v1/chat/completions" }, WORDS, 0);
  expect(chat["response_format"]).toEqual({ type: "json_schema", json_schema: format });
  expect(JSON.stringify(chat)).not.toContain("in this shape");
});

test("a module's check gets the texts by their keys; its reason becomes the failure's", async () => {
  const configs: readonly CheckConfig[] = [{ check: "module", path: "checks/a.ts", params: { word: "x" } }];
  expect(modulePaths([...configs, ...configs, { check: "length" }])).toEqual(["checks/a.ts"]);
  const run = async (answer: unknown) => {
    const seen: unknown[] = [];
    const exported = (...given: unknown[]) => {
      seen.push(given);
      if (answer instanceof Error) throw answer;
      return answer;
    };
    const modules = new Map([["checks/a.ts", moduleCheck("checks/a.ts", exported)]]);
    const subject = { candidate: { texts: ["q", "a"], index: 0, extraKeys: [] }, tokens: undefined };
    const all = await planChecks(configs, { ...SETTING, modules }).run([subject], signal);
    return { verdict: all[0]?.[0], seen };
  };
  expect(await run(true)).toEqual({
    verdict: { check: "module checks/a.ts", ok: true },
    seen: [[{ question: "q", answer: "a" }, { word: "x" }]],
  });
  expect((await run({ reason: "dull", detail: [1] })).verdict).toEqual({
    check: "module checks/a.ts",
    ok: false,
    reason: "module:dull",
    detail: { says: [1] },
  });
  await expect(run(undefined)).rejects.toThrow(/^checks\/a.ts: not a check.*it answered undefined/);
  await expect(run(new Error("oops"))).rejects.toThrow(/it threw Error: oops/);
  expect(() => moduleCheck("checks/a.ts", 3)).toThrow(/not a function/);
});

test("given requests: any custom_id, the n-th identical body is sample n", () => {
  const given = new GivenRequests();
  const body = { model: "gpt-4o", messages: [] };
  const line = (custom_id: string, of: object) =>
    JSON.stringify({ custom_id, method: "POST", url: "/v1/chat/completions", body: of });
  const ids = [line("a", body), "", line("a", { messages: [], model: "gpt-4o" }), line("b", { ...body, n: 2 })].map(
    (text) => {
      const read = given.read(text);
      return read.ok ? read.value?.id : read.error;
    },
  );
  const url = "/v1/chat/completions";
  expect(ids).toEqual([
    requestId(url, body, 0),
    undefined,
    requestId(url, body, 1),
    requestId(url, { ...body, n: 2 }, 0),
  ]);
  expect(given.read(`\uFEFF${line("c", body)}`)).toMatchObject({ ok: true, value: { id: requestId(url, body, 2) } });
  expect(given.read("x")).toEqual({ ok: false, error: 'expected a JSON object, found "x"' });
  expect(given.read('{"method":"GET"}')).toEqual({ ok: false, error: '"method" must be "POST", found "GET"' });
  expect(given.read('{"method":"POST","url":"/v2"}')).toMatchObject({ ok: false });
  expect(given.read('{"method":"POST","url":"/v1/responses","body":{}}')).toEqual({
    ok: false,
    error: '"body" must name a "model"',
  });
});

test("given requests with a number that would be altered are refused, and two that differ in one stay two", () => {
  const line = (seed: string) =>
    `{"method":"POST","url":"/v1/chat/completions","body":{"model":"m","note":"12345678901234567890","seed":${seed}}}`;
  const read = (seed: string) => new GivenRequests().read(line(seed));
  for (const fits of ["1", "-9007199254740991", "9007199254740991", "0.1", "1.0", "1e3", "-0"]) {
    expect(read(fits)).toMatchObject({ ok: true });
  }
  for (const beyond of ["9007199254740992", "12345678901234567890", "-12345678901234567891", "1e999", "-1e400"]) {
    expect(read(beyond)).toEqual({ ok: false, error: expect.stringContaining(`the number ${beyond} cannot be sent`) });
  }
});

test("given requests built to hurt cost one pass", () => {
  const size = 10_000_000;
  const start = '{"method":"POST","url":"/v1/chat/completions","body":{"model":"m","a":';
  const hostile = [
    `${start}${"9".repeat(size)}}}`,
    `${start}"${'\\"'.repeat(size / 2)}"}}`,
    `${start}${"1e".repeat(size / 2)}`,
    `${start}${'{"a":'.repeat(1_000_000)}1${"}".repeat(1_000_000)}}}`,
    `${"-".repeat(size)}`,
  ];
  const kinds = hostile.map((line) => new GivenRequests().read(line).ok);
  expect(kinds).toEqual([false, true, false, false, false]);
});
