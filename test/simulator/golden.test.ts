import { expect, test } from "vitest";
import { digestOf } from "../../src/graph/digest.ts";
import type { JsonObject } from "../../src/graph/json.ts";
import { answerTo } from "../../src/simulator/answers.ts";
import { ENDPOINTS } from "../../src/simulator/requests.ts";
import { PROMPT } from "./support.ts";

/** Datasets of earlier versions are made again from these: a change here changes what every offline build says. */
test("answers keep their bytes from one version to the next", () => {
  const ask = { messages: [{ role: "user", content: PROMPT }], input: PROMPT, prompt: PROMPT, image: "x" };
  const schema = { type: "object", properties: { about: { type: "string" }, n: { type: "integer", minimum: 3 } } };
  const bodies: readonly JsonObject[] = [
    { model: "gpt-4o-mini", ...ask },
    { model: "gpt-4o-mini", ...ask, max_tokens: 20, max_output_tokens: 20, dimensions: 4, size: "32x32" },
    { model: "gpt-4o-mini", ...ask, response_format: { type: "json_schema", json_schema: { name: "x", schema } } },
    { model: "gpt-4o-mini", ...ask, tools: [{ type: "function", function: { name: "f", parameters: schema } }] },
    { model: "gpt-image-1", ...ask, stream: true, n: 2 },
    { model: "gpt-5", ...ask, temperature: 0.5 },
  ];
  const said = ENDPOINTS.flatMap((endpoint) =>
    bodies.flatMap((body) =>
      ["T-1", "T-2"].map((variation) => {
        const answer = answerTo({ seed: 7, endpoint, body, variation, yieldShare: 0.345 });
        return [answer.status, answer.tokens, answer.body(), answer.frames?.() ?? null];
      }),
    ),
  );
  expect(digestOf(JSON.stringify(said))).toBe("7f1c9f6d3962c64e629fb9aca94a308ddca5973d86d8222b0684ae643790aa6c");
});
