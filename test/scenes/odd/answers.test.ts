import { expect, test } from "vitest";
import { ALL_WELL, datasetOf, NOTHING, type Outcome, odd } from "../support/odd-scene.ts";
import { type Json, type Line, type OddServer, refusal } from "../support/odd-server.ts";

/* Output lines and direct answers that are odd: what is an answer, what is to be asked again, and what nobody can read. */

/** Any number of builds, the last of which ended well. */
const IN_THE_END: Outcome = { ...ALL_WELL, codes: expect.toSatisfy((codes: number[]) => codes.at(-1) === 0) };

test("an output that begins with a byte order mark", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        const [first, ...rest] = server.answerAll(batch, lines).output ?? [];
        return { output: [`\uFEFF${JSON.stringify(first)}`, ...rest] };
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
    },
  ));

test("an error line that names no request is said, and spoils nothing", () =>
  odd(
    (server) => ({
      settle: (batch, lines) => ({
        ...server.answerAll(batch, lines),
        errors: [
          {
            id: "batch_req_x",
            custom_id: null,
            response: null,
            error: { code: "invalid_request", message: "line could not be parsed" },
          },
        ],
        counts: { total: 4, completed: 4, failed: 0 },
      }),
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(ran.stderr).toMatch(/line could not be parsed|line 1\b/);
    },
  ));

test("an answer with NaN or -Infinity beside it, as Python writes them", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        const output = server.answerAll(batch, lines).output ?? [];
        return {
          output: output.map((line, at) =>
            at === 1
              ? JSON.stringify(line).replace(
                  '"logprobs":null',
                  '"logprobs":{"content":[{"token":"a","logprob":-Infinity}]}',
                )
              : at === 2
                ? JSON.stringify(line).replace('"logprobs":null', '"logprobs":NaN')
                : line,
          ),
        };
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
    },
  ));

test("a stray line of a log in an output is named by its number, and the answers around it are taken", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        const output = server.answerAll(batch, lines).output ?? [];
        return { output: [...output.slice(0, 2), "INFO: worker 3 restarted", ...output.slice(2)] };
      },
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(ran.stderr).toMatch(/line 3\b/);
    },
  ));

test("a line that broke off for good costs its own request, not the file: it may be a charged answer, so it is not bought again", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        if (batch.nth > 1) return server.answerAll(batch, lines);
        for (const line of lines) server.charge(line, batch);
        return {
          output: [...lines.slice(0, 3).map((line) => server.answer(line)), '{"id": "batch_req_x", "custom_id": "ti'],
        };
      },
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual({ ...ALL_WELL, rows: 6, lost: 1 });
      expect(ran.stderr).toMatch(/line 4 of file-\w+ of batch \w+ cannot be read as batch output; the file is kept/);
      expect(ran.stderr).toMatch(
        /says nothing of 1 of its 4 requests\. They may have been charged and are not sent again/,
      );
      expect((await scene.build()).code).toBe(0);
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
      expect((await scene.build("--set", "dsgen.batch.resend_lost=true")).code).toBe(0);
      expect(scene.calls(/^POST \/batches$/)).toBe(2);
    },
  ));

test("an error line with status 0 and no error is asked again", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        if (batch.nth > 1) return server.answerAll(batch, lines);
        const [bad, ...good] = lines;
        for (const line of good) server.charge(line, batch);
        return {
          output: good.map((line) => server.answer(line)),
          errors: bad === undefined ? [] : [server.line(bad, 0, {})],
          counts: { total: lines.length, completed: lines.length, failed: 0 },
        };
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(scene.calls(/^POST \/batches$/)).toBe(2);
    },
  ));

test("every line failed on the provider's side, in the error file: asked again", () =>
  odd(
    (server) => ({
      settle: (batch, lines) =>
        batch.nth > 1
          ? server.answerAll(batch, lines)
          : {
              output: null,
              errors: lines.map((line) => server.line(line, 500, { error: { message: "The server had an error" } })),
            },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
    },
  ));

test("choices that is an object", () =>
  odd(
    (server) => ({
      settle: (batch, lines) =>
        bodies(server, lines, (line) => {
          server.charge(line, batch);
          const body = server.completion(line.body);
          return { ...body, choices: (body["choices"] as Json[])[0] };
        }),
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
    },
  ));

test("more than one choice: the entries of all of them", () => {
  const requests = ["animals", "cooking", "geography", "music"].map((topic) => ({
    custom_id: topic,
    method: "POST",
    url: "/v1/chat/completions",
    body: { model: "gpt-4o", n: 3, messages: [{ role: "user", content: topic }] },
  }));
  const given = {
    requests_from: ["given.jsonl"],
    description: undefined,
    role: undefined,
    sampling: undefined,
    axes: undefined,
    scenarios_per_request: undefined,
    generation_instructions: undefined,
    target_scenarios: 24,
  };
  return odd(
    (server) => ({
      settle: (batch, lines) =>
        bodies(server, lines, (line) => {
          server.charge(line, batch);
          const choices = Array.from({ length: Number(line.body["n"] ?? 1) }, (_, index) => ({
            index,
            message: { role: "assistant", content: server.records(), refusal: null },
            finish_reason: "stop",
          }));
          return server.completion(line.body, { choices });
        }),
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual({ ...ALL_WELL, rows: 24 });
    },
    { task: given, files: { "given.jsonl": requests.map((line) => `${JSON.stringify(line)}\n`).join("") } },
  );
});

const NO_CREDIT =
  "Your credit balance is too low to access the API. Please go to Plans & Billing to upgrade or purchase credits.";

test("no credit, in every line of a batch: the build fails with the provider's words, and asks again when told to", () =>
  odd(
    (server) => ({
      settle: (batch, lines) =>
        batch.nth > 1
          ? server.answerAll(batch, lines)
          : {
              output: null,
              errors: lines.map((line) =>
                server.line(line, 400, { error: { type: "invalid_request_error", message: NO_CREDIT } }),
              ),
            },
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual(NOTHING);
      expect(ran.stderr).toContain("Your credit balance is too low");
      // A build that is not told to does not send them again, and still says why.
      const again = await scene.build();
      expect(scene.outcome()).toEqual({ ...NOTHING, codes: [1, 1] });
      expect(again.stderr).toContain("Your credit balance is too low");
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
      expect((await scene.run("explain", "dataset.jsonl")).stdout).toContain("Your credit balance is too low");
      expect((await scene.run("status")).stdout).toContain("Your credit balance is too low");
      await scene.build("--retry-refused");
      expect(scene.outcome()).toEqual(IN_THE_END);
    },
  ));

for (const [what, status, message] of [
  ["no credit (402)", 402, "Insufficient Balance"],
  [
    "an organisation that is not verified (404)",
    404,
    "Your organization must be verified to use the model `gpt-4o`. Please go to: https://platform.openai.com/settings/organization/general and click on Verify Organization.",
  ],
] as const) {
  test(`${what}, asked directly: the build fails with the provider's words, and asks again when told to`, () =>
    odd(
      () => ({
        direct: (_body, n) => (n > 4 ? undefined : refusal(status, message, { code: "model_not_found" })),
      }),
      async (scene) => {
        const ran = await scene.build("--realtime");
        expect(scene.outcome()).toEqual({ ...NOTHING, codes: [1] });
        expect(ran.stderr).toContain(message.slice(0, 50));
        await scene.build("--realtime", "--retry-refused");
        expect(scene.outcome()).toEqual(IN_THE_END);
      },
    ));
}

/** A chat completion that is none: a gateway's own trouble under status 200, with nothing charged. */
const TROUBLES: readonly (readonly [what: string, words: string, body: (server: OddServer, body: Json) => Json])[] = [
  [
    "an error",
    "Provider returned error",
    () => ({
      error: { message: "Provider returned error", code: 502, metadata: { provider_name: "X" } },
      user_id: "u",
    }),
  ],
  [
    "a choice that ended with an error",
    "Upstream idle timeout",
    (server, body) =>
      server.completion(body, {
        choices: [
          {
            index: 0,
            message: { role: "assistant", content: "" },
            finish_reason: "error",
            error: { code: 502, message: "Upstream idle timeout" },
          },
        ],
        usage: undefined,
      }),
  ],
  ["choices that are null", "choices", (server, body) => server.completion(body, { choices: null, usage: undefined })],
];

for (const [what, words, body] of TROUBLES) {
  test(`status 200 with ${what}, asked directly: no answer, and asked again`, () =>
    odd(
      (server) => ({ direct: (asked, n) => (n > 4 ? undefined : { status: 200, body: body(server, asked) }) }),
      async (scene) => {
        for (let runs = 0; runs < 4 && scene.outcome().rows !== 8; runs++) {
          const ran = await scene.build("--realtime");
          if (ran.code !== 0) expect(ran.stderr).toContain(words);
        }
        expect(scene.outcome()).toEqual(IN_THE_END);
      },
    ));

  test(`status 200 with ${what}, in a batch: no answer, and asked again`, () =>
    odd(
      (server) => ({
        settle: (batch, lines) =>
          batch.nth > 1 ? server.answerAll(batch, lines) : bodies(server, lines, (line) => body(server, line.body)),
      }),
      async (scene) => {
        await scene.build();
        expect(scene.outcome()).toEqual(ALL_WELL);
        expect(scene.calls(/^POST \/batches$/)).toBe(2);
      },
    ));
}

test("a body of Responses that failed is no answer, and asked again", () =>
  odd(
    (server) => ({
      settle: (batch, lines) =>
        bodies(server, lines, (line) => {
          const failed = batch.nth === 1;
          if (!failed) server.charge(line, batch);
          const text = { type: "output_text", text: server.records(), annotations: [] };
          return {
            id: "resp_1",
            object: "response",
            model: line.body["model"],
            status: failed ? "failed" : "completed",
            error: failed ? { code: "server_error", message: "The model failed to generate." } : null,
            output: failed ? [] : [{ type: "message", role: "assistant", status: "completed", content: [text] }],
            usage: failed ? null : { input_tokens: 100, output_tokens: 50, total_tokens: 150 },
          };
        }),
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      expect(scene.calls(/^POST \/batches$/)).toBe(2);
    },
    { task: { endpoint: "/v1/responses" } },
  ));

test("refusals, filtered and empty answers are answers: charged, kept, and never bought again", () =>
  odd(
    (server) => ({
      settle: (batch, lines) =>
        bodies(server, lines, (line, at) => {
          server.charge(line, batch);
          const message = { role: "assistant", content: null, refusal: "I can't help with that." };
          const filtered = { role: "assistant", content: "", refusal: null };
          if (at === 0)
            return server.completion(line.body, { choices: [{ index: 0, message, finish_reason: "stop" }] });
          if (at === 1)
            return server.completion(line.body, {
              choices: [{ index: 0, message: filtered, finish_reason: "content_filter" }],
            });
          return server.completion(line.body, at === 2 ? { choices: [] } : {});
        }),
    }),
    async (scene) => {
      await scene.build();
      await scene.build();
      expect(scene.outcome()).toEqual({ ...ALL_WELL, codes: [0, 0], rows: 2 });
      expect(scene.calls(/^POST \/batches$/)).toBe(1);
    },
  ));

const ONE = (question: string, answer = "ans") => JSON.stringify({ records: [{ question, answer }] });
const says = (content: unknown): Json => ({ role: "assistant", content });

/** Messages as models send them. `question` is what they say; null where nothing is promised but that the answer is kept. */
const MESSAGES: readonly (readonly [message: Json, question: string | null])[] = [
  [says([{ type: "text", text: ONE("parts?") }]), "parts?"],
  [
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c", type: "function", function: { name: "json_tool_call", arguments: ONE("tool call?") } }],
    },
    "tool call?",
  ],
  [
    says(
      `<think>Draft: ${ONE("draft?", "wrong")} hmm, that repeats the example. Better:</think>\n${ONE("final?", "right")}`,
    ),
    "final?",
  ],
  [
    says(`<think>The shape is {"records": []} so I fill it.</think>\n${ONE("after an empty list?")}`),
    "after an empty list?",
  ],
  [says(`<think>ok</think>\n${ONE("plain think?")}`), "plain think?"],
  [says(`Sure!\n\`\`\`json\n${ONE("fence?")}\n\`\`\``), "fence?"],
  [says(JSON.stringify({ response: { records: [{ question: "nested?", answer: "a" }] } })), "nested?"],
  [says(JSON.stringify({ records: { "1": { question: "dict?", answer: "a" } } })), "dict?"],
  [says(JSON.stringify(ONE("doubly encoded?"))), "doubly encoded?"],
  [says('{"records": [{"question": "lone \\ud83d surrogate?", "answer": "a"}]}'), null],
  [says(ONE("nul \u0000 char?")), null],
  [says(ONE("u2028 \u2028 nel \u0085 emoji 👨‍👩‍👧?")), "u2028 \u2028 nel \u0085 emoji 👨‍👩‍👧?"],
  [says('{"records": [{"question": "Which year?", "answer": 1912}]}'), null],
  [says('{"records": [{"question": "trailing comma?", "answer": "a"},]}'), null],
  [
    says(`For example {"question": "prose?", "answer": "p"} would be wrong.\n${ONE("after an example?")}`),
    "after an example?",
  ],
  [says(ONE("two\r\nlines?")), "two\r\nlines?"],
  [{ ...says(null), reasoning_content: ONE("in reasoning?") }, null],
  [says(ONE("big 12345678901234567890?")), "big 12345678901234567890?"],
  [says('{"records": [{"question": "dup A?", "question": "dup B?", "answer": "a"}]}'), null],
  [says('{"records": [{"question": "proto?", "answer": "a", "__proto__": {"x": 1}}]}'), null],
];

const LONE_SURROGATE = /\p{Surrogate}/u;

test("messages as models really send them: what they say is found, drafts and examples are not taken for it", () =>
  odd(
    (server) => ({
      settle: (batch, lines) =>
        bodies(server, lines, (line, at) => {
          server.charge(line, batch);
          const message = MESSAGES[at]?.[0];
          return server.completion(line.body, { choices: [{ index: 0, message, finish_reason: "stop" }] });
        }),
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual({ ...ALL_WELL, rows: expect.any(Number), paid: MESSAGES.length });
      const questions = datasetOf(scene.project).map((row) => row["question"]);
      const said = MESSAGES.flatMap(([, question]) => (question === null ? [] : [question]));
      expect(said.filter((question) => !questions.includes(question))).toEqual([]);
      expect(questions.filter((question) => ["draft?", "prose?"].includes(String(question)))).toEqual([]);
      // Text that is no Unicode is in no row.
      expect(questions.filter((question) => LONE_SURROGATE.test(String(question)))).toEqual([]);
    },
    { task: { requests_per_batch: MESSAGES.length, scenarios_per_request: 1, target_scenarios: 100 } },
  ));

const EMBEDDINGS = {
  kind: "embeddings",
  model: "text-embedding-3-small",
  endpoint: "/v1/embeddings",
  inputs: { file: "texts.txt" },
  inputs_per_request: 2,
  description: undefined,
  role: undefined,
  sampling: undefined,
  axes: undefined,
  fields: undefined,
  rows: undefined,
  scenarios_per_request: undefined,
  generation_instructions: undefined,
  target_scenarios: undefined,
  checks: [],
};
const TEXTS = ["a", "bb", "ccc", "dddd", "eeeee", "ffffff", "ggggggg", "hhhhhhhh"];

/** Vectors that tell which text they are of, each item with what `indexOf` says. */
function vectors(server: OddServer, lines: readonly Line[], indexOf: (at: number) => Json, inOrder = true) {
  return bodies(server, lines, (line) => {
    const texts = [line.body["input"]].flat() as string[];
    const data = texts.map((text, at) => ({ object: "embedding", embedding: [text.length, 0.5], ...indexOf(at) }));
    const usage = { prompt_tokens: 3, total_tokens: 3 };
    return { object: "list", model: "m", data: inOrder ? data : data.reverse(), usage };
  });
}

test("embeddings without an index, as many as were asked for, go by position", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        for (const line of lines) server.charge(line, batch);
        return vectors(server, lines, () => ({}));
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      for (const row of datasetOf(scene.project)) expect(row["embedding"]).toEqual([String(row["text"]).length, 0.5]);
    },
    { task: EMBEDDINGS, files: { "texts.txt": `${TEXTS.join("\n")}\n` } },
  ));

test("embeddings out of order go by their index", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        for (const line of lines) server.charge(line, batch);
        return vectors(server, lines, (index) => ({ index }), false);
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      for (const row of datasetOf(scene.project)) expect(row["embedding"]).toEqual([String(row["text"]).length, 0.5]);
    },
    { task: EMBEDDINGS, files: { "texts.txt": `${TEXTS.join("\n")}\n` } },
  ));

test("embeddings that all say index 0, as many as were asked for, go by position", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        for (const line of lines) server.charge(line, batch);
        return vectors(server, lines, () => ({ index: 0 }));
      },
    }),
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      for (const row of datasetOf(scene.project)) expect(row["embedding"]).toEqual([String(row["text"]).length, 0.5]);
    },
    { task: EMBEDDINGS, files: { "texts.txt": `${TEXTS.join("\n")}\n` } },
  ));

test("embeddings of which two say the same index: neither is taken, the build fails and says why", () =>
  odd(
    (server) => ({
      settle(batch, lines) {
        for (const line of lines) server.charge(line, batch);
        return vectors(server, lines, () => ({ index: 1 }));
      },
    }),
    async (scene) => {
      const ran = await scene.build();
      expect(scene.outcome()).toEqual({ ...NOTHING, paid: 4 });
      expect(ran.stderr).toMatch(/repeated-index/);
    },
    { task: EMBEDDINGS, files: { "texts.txt": `${TEXTS.join("\n")}\n` } },
  ));

/** A line with status 200 for each request, with such a body. */
function bodies(server: OddServer, lines: readonly Line[], body: (line: Line, at: number) => Json) {
  return { output: lines.map((line, at) => server.answer(line, body(line, at))) };
}
