import { expect, test } from "vitest";
import type { JsonObject } from "../../src/graph/json.ts";
import { checkRequest, type Endpoint } from "../../src/simulator/requests.ts";

/* The words are those of the API's own error bodies, as public reports quote them. */

const CHAT = "/v1/chat/completions";
const RESPONSES = "/v1/responses";
const ASKED = { messages: [{ role: "user", content: "Hi" }], input: "Hi" };

test.each<[string, Endpoint, JsonObject, string | null, string, string]>([
  [
    "gpt-5",
    CHAT,
    { max_tokens: 9 },
    "unsupported_parameter",
    "max_tokens",
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
  ],
  [
    "o4-mini-2025-04-16",
    CHAT,
    { temperature: 0.8 },
    "unsupported_value",
    "temperature",
    "Unsupported value: 'temperature' does not support 0.8 with this model. Only the default (1) value is supported.",
  ],
  [
    "gpt-5-mini",
    RESPONSES,
    { temperature: 0.8 },
    "unsupported_parameter",
    "temperature",
    "Unsupported parameter: 'temperature' is not supported with this model.",
  ],
  [
    "gpt-5",
    CHAT,
    { top_p: 1 },
    "unsupported_parameter",
    "top_p",
    "Unsupported parameter: 'top_p' is not supported with this model.",
  ],
  [
    "o3",
    CHAT,
    { reasoning_effort: "minimal" },
    "unsupported_value",
    "reasoning_effort",
    "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. Supported values are: 'low', 'medium', and 'high'.",
  ],
  [
    "gpt-5.1",
    CHAT,
    { reasoning_effort: "high", temperature: 0 },
    "unsupported_value",
    "temperature",
    "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
  ],
  [
    "gpt-4o",
    CHAT,
    { reasoning_effort: "low" },
    null,
    "reasoning_effort",
    "Unrecognized request argument supplied: reasoning_effort",
  ],
  [
    "gpt-4.1-mini",
    CHAT,
    { max_tokens: 9, max_completion_tokens: 9 },
    "invalid_parameter_combination",
    "max_tokens",
    "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
  ],
])("%s at %s refuses %o", (model, endpoint, body, code, param, message) => {
  expect(checkRequest(endpoint, { model, ...ASKED, ...body })).toEqual({ code, param, message });
});

test.each<[string, Endpoint, JsonObject]>([
  ["gpt-5", CHAT, { max_completion_tokens: 9, temperature: 1, reasoning_effort: "minimal" }],
  ["gpt-5", CHAT, { max_tokens: null, temperature: null }],
  ["gpt-5", RESPONSES, { max_output_tokens: 9, reasoning: { effort: "low" } }],
  ["gpt-5.1", CHAT, { temperature: 0, top_p: 0.5 }],
  ["gpt-4o", CHAT, { max_tokens: 9, temperature: 0.8, top_p: 0.5, seed: 1 }],
  ["gpt-4o", CHAT, { max_completion_tokens: 9 }],
  ["gpt-5-chat-latest", CHAT, { max_tokens: 9, temperature: 0 }],
  ["my-own-model", CHAT, { max_tokens: 9, temperature: 0, reasoning_effort: "whatever" }],
  ["text-embedding-3-small", "/v1/embeddings", { temperature: 0 }],
])("%s at %s takes %o", (model, endpoint, body) => {
  expect(checkRequest(endpoint, { model, ...ASKED, ...body })).toBeUndefined();
});
