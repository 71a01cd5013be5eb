import { expect, test } from "vitest";
import type { Json } from "../support/odd-case.ts";
import { ALL_WELL, NOTHING, type Outcome, odd } from "../support/odd-scene.ts";
import { type OddServer, refusal } from "../support/odd-server.ts";

/* Refusals that a person can lift, and failures under status 200: no answers, and asked again when that is worth it. */

/** Any number of builds, the last of which ended well. */
const IN_THE_END: Outcome = { ...ALL_WELL, codes: expect.toSatisfy((codes: number[]) => codes.at(-1) === 0) };

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
          batch.nth > 1 ? server.answerAll(batch, lines) : server.answerEach(lines, (line) => body(server, line.body)),
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
        server.answerEach(lines, (line) => {
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
