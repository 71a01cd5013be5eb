import { expect, test } from "vitest";
import { readBody } from "../../src/api/answer-body.ts";
import type { JsonObject } from "../../src/graph/json.ts";
import { answerTo } from "../../src/simulator/answers.ts";
import type { Endpoint } from "../../src/simulator/requests.ts";
import { PROMPT } from "./support.ts";

/* No answer of the simulator passes for a real one, whatever it was asked for, and at whatever address. */

const messages = [{ role: "user", content: PROMPT }];
const ASKED: Readonly<Record<Endpoint, JsonObject>> = {
  "/v1/chat/completions": { model: "gpt-4o-mini", messages },
  "/v1/responses": { model: "gpt-4o-mini", input: PROMPT },
  "/v1/embeddings": { model: "text-embedding-3-small", input: ["one text", "another"] },
  "/v1/completions": { model: "gpt-3.5-turbo-instruct", prompt: PROMPT },
  "/v1/moderations": { model: "omni-moderation-latest", input: "a text" },
  "/v1/images/generations": { model: "gpt-image-1", prompt: "a kite" },
  "/v1/images/edits": { model: "gpt-image-1", prompt: "a kite", image: "file-1" },
  "/v1/images/variations": { model: "dall-e-2", image: "file-1" },
};

test.each(Object.entries(ASKED))("%s: what it answers says that it is made up", (endpoint, body) => {
  const { status, body: answer } = answerTo({
    endpoint: endpoint as Endpoint,
    body,
    seed: 1,
    variation: "",
    yieldShare: 0.3,
  });
  expect([status, answer()]).toEqual([200, expect.objectContaining({ system_fingerprint: "fp_simulated" })]);
  const read = readBody(answer());
  if (read.kind === "answer") expect(read.answer.simulated).toBe(true);
  else expect(endpoint).toMatch(/moderations|images/);
});
