import { expect, test } from "vitest";
import type { Json, Line } from "../support/odd-case.ts";
import { ALL_WELL, datasetOf, NOTHING, odd } from "../support/odd-scene.ts";
import type { OddServer } from "../support/odd-server.ts";

/* What is in an answer: choices, messages and vectors of odd shapes end with the request they belong to, and whole. */

test("choices that is an object", () =>
  odd(
    (server) => ({
      settle: (batch, lines) =>
        server.answerEach(lines, (line) => {
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
        server.answerEach(lines, (line) => {
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
        server.answerEach(lines, (line, at) => {
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
  return server.answerEach(lines, (line) => {
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

test("embeddings whose indexes say nothing, 0 for each, go by position", () =>
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

test("embeddings that repeat an index: no text gets another's vector, and the build fails", () =>
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
