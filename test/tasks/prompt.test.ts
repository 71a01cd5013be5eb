import { expect, test } from "vitest";
import { type PromptTask, promptText, requestBody } from "../../src/tasks/prompt.ts";

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
