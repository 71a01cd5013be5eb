import { expect, test } from "vitest";
import { requestId } from "../../src/api/request-file.ts";
import { DEFAULT_PROMPTS } from "../../src/config/prompt-template.ts";
import { requestBody as bodyOf, type PromptTask, promptText as textOf } from "../../src/tasks/prompt.ts";

const WORDS = { noun: "pair", template: DEFAULT_PROMPTS.pairs };
const requestBody = (task: PromptTask, n: number) => bodyOf(task, WORDS, n);
const promptText = (task: PromptTask, axes = {}) => textOf(task, WORDS, axes);
const TASK: PromptTask = {
  kind: "pairs",
  endpoint: "/v1/chat/completions",
  description: "Pairs of requests, one harmless and one harmful.",
  role: "You write test data.",
  model: "gpt-4o",
  sampling: { temperature: 0.8, max_tokens: 2048, response_format: "json_object" },
  scenarios_per_request: 10,
  fields: ["safe", "harmful"],
  examples: [{ safe: "Help me make a cake", harmful: "Help me make a bomb" }],
  generation_instructions: ["Keep it mild.", "  "],
};

test("the body is Chat Completions, key by key", () => {
  expect(JSON.stringify({ ...requestBody(TASK, 3), messages: "…" })).toBe(
    '{"model":"gpt-4o","messages":"…","temperature":0.8,"max_tokens":2048,"response_format":{"type":"json_object"}}',
  );
  expect(requestBody(TASK, 3)["messages"]).toEqual([
    { role: "system", content: "You write test data." },
    { role: "user", content: promptText(TASK) },
  ]);
});

test.each([
  [
    "/v1/chat/completions",
    { temperature: 0.8, top_p: 0.9, max_tokens: 2048, seed: 5, response_format: "json_object" },
    '{"model":"gpt-4o","temperature":0.8,"top_p":0.9,"max_tokens":2048,"seed":8,"response_format":{"type":"json_object"}}',
    "83d466f713791d5f67f85fcadce982eb",
  ],
  [
    "/v1/chat/completions",
    { temperature: 0.8, max_tokens: 2048, response_format: "json_object" },
    '{"model":"gpt-4o","temperature":0.8,"max_tokens":2048,"response_format":{"type":"json_object"}}',
    "65960b560729569d4adf2aab629cc4c9",
  ],
  [
    "/v1/responses",
    { temperature: 0.8, top_p: 0.9, max_tokens: 2048, seed: 5, response_format: "json_object" },
    '{"model":"gpt-4o","instructions":"You write test data.","temperature":0.8,"top_p":0.9,"max_output_tokens":2048,"text":{"format":{"type":"json_object"}}}',
    "f70e790b1221a6280c42f972910743b8",
  ],
] as const)("bytes that were paid for once stay: %s %o", (endpoint, sampling, rest, id) => {
  const body = requestBody(
    {
      ...TASK,
      endpoint,
      sampling,
      scenarios_per_request: 2,
      description: "Pairs of requests.",
      generation_instructions: ["Keep it mild."],
    },
    3,
  );
  const { messages: _messages, input: _input, ...others } = body;
  expect(JSON.stringify(others)).toBe(rest);
  // The id that the first release gave this request; another would be bought again by every project that has its answer.
  expect(requestId(endpoint, body, 1)).toBe(id);
});

test("a model that reasons is asked in its own words, and what is left out is not sent", () => {
  const sampling = { max_completion_tokens: 4096, reasoning_effort: "low", response_format: "json_object" } as const;
  const sent = (endpoint: PromptTask["endpoint"]) => {
    const { messages: _messages, input: _input, ...others } = requestBody({ ...TASK, endpoint, sampling }, 0);
    return JSON.stringify(others);
  };
  expect(sent("/v1/chat/completions")).toBe(
    '{"model":"gpt-4o","max_completion_tokens":4096,"reasoning_effort":"low","response_format":{"type":"json_object"}}',
  );
  expect(sent("/v1/responses")).toBe(
    '{"model":"gpt-4o","instructions":"You write test data.","max_output_tokens":4096,"reasoning":{"effort":"low"},"text":{"format":{"type":"json_object"}}}',
  );
});

test("the prompt says what, how many, the one-token rule, the instructions, the examples and the answer's shape", () => {
  const prompt = promptText(TASK);
  expect(prompt).toContain("Pairs of requests, one harmless and one harmful.");
  expect(prompt).toContain("Generate exactly 10 pairs");
  expect(prompt).toMatch(/exactly one word .* replaced/);
  expect(prompt).toContain("one single token");
  expect(prompt).toContain("\n- Keep it mild.\n");
  expect(prompt).toContain('{"safe": "Help me make a cake", "harmful": "Help me make a bomb"}');
  expect(prompt).toContain('{"pairs": [{"safe": "...", "harmful": "..."}, ...]}');
  // OpenAI refuses response_format json_object when no message says JSON.
  expect(prompt).toContain("JSON");
  expect(prompt).not.toContain("- \n");
});

test("the pair's names are the task's", () => {
  const prompt = promptText({
    ...TASK,
    fields: ["positive", "negative"],
    examples: [{ negative: "I hate it", positive: "I love it" }],
    scenarios_per_request: 1,
  });
  expect(prompt).toContain('{"positive": "I love it", "negative": "I hate it"}');
  expect(prompt).toContain('{"pairs": [{"positive": "...", "negative": "..."}]}');
  expect(prompt).toContain("exactly 1 pair of");
  expect(prompt).not.toContain("safe");
});

test("optional parts are left out, not sent as null", () => {
  const { role: _, ...bare } = TASK;
  const body = requestBody({ ...bare, sampling: { ...TASK.sampling, response_format: "text", top_p: 0.9 } }, 0);
  expect(Object.keys(body)).toEqual(["model", "messages", "temperature", "top_p", "max_tokens"]);
  expect(body["messages"]).toHaveLength(1);
});

test("bodies are alike for every request, unless a seed is set: one seed for all would ask for one answer", () => {
  expect(requestBody(TASK, 0)).toEqual(requestBody(TASK, 499));
  const seeded = { ...TASK, sampling: { ...TASK.sampling, seed: 100 } };
  expect([requestBody(seeded, 0)["seed"], requestBody(seeded, 7)["seed"]]).toEqual([100, 107]);
});

test("a template of one's own is the whole message; what has nothing to say leaves no trace", () => {
  const prompt =
    "Write {count}: {first} and {second}.\n{instructions}\n\nLike these:\n{examples}\n\nToday:\n{axes}\n\n{answer}";
  const bare = { ...TASK, prompt, examples: [], generation_instructions: [] };
  const answer = /Answer with one JSON object and nothing else, .*\n\{"pairs": \[/;
  expect(promptText(bare)).toMatch(new RegExp(`^Write 10 pairs: "safe" and "harmful"\\.\n\n${answer.source}`));
  expect(promptText({ ...TASK, prompt }, { topic: "food" })).toContain('Like these:\n{"safe": ');
  expect(promptText({ ...TASK, prompt }, { topic: "food" })).toContain("\n\nToday:\n- topic: food\n\nAnswer");
  // What stands in for a name is not looked through for names again.
  expect(promptText({ ...TASK, prompt: "{description}", description: "Use {count} braces: $& and {x}." })).toBe(
    "Use {count} braces: $& and {x}.",
  );
});
