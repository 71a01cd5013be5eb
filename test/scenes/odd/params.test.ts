import { expect, test } from "vitest";
import type { Line, OddBatch } from "../support/odd-case.ts";
import { ALL_WELL, NOTHING, odd } from "../support/odd-scene.ts";
import type { OddServer } from "../support/odd-server.ts";

/* Models that take some parameters and refuse others, as the o-series and gpt-5 do. */

function picky(server: OddServer) {
  return {
    settle(batch: OddBatch, lines: readonly Line[]) {
      const output = [];
      const errors = [];
      for (const line of lines) {
        const error = errorOf(line.body);
        if (error === undefined) {
          server.charge(line, batch);
          output.push(server.answer(line));
        } else errors.push(server.line(line, 400, { error: { ...error, type: "invalid_request_error" } }));
      }
      return { output: output.length > 0 ? output : null, errors: errors.length > 0 ? errors : null };
    },
  };
}

function errorOf(body: Line["body"]) {
  if (body["max_tokens"] !== undefined) {
    const message =
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    return { message, param: "max_tokens", code: "unsupported_parameter" };
  }
  if ((body["temperature"] ?? 1) !== 1) {
    const message =
      "Unsupported value: 'temperature' does not support 0.8 with this model. Only the default (1) value is supported.";
    return { message, param: "temperature", code: "unsupported_value" };
  }
  return undefined;
}

test("parameters that the model refuses: the build fails with the provider's words and their count", async () => {
  for (const [sampling, word] of [
    [{ temperature: 0.8, max_tokens: 256 }, "Unsupported parameter: 'max_tokens'"],
    [{ temperature: 0.8, max_completion_tokens: 256 }, "Unsupported value: 'temperature'"],
  ] as const) {
    await odd(
      picky,
      async (scene) => {
        const ran = await scene.build();
        expect(scene.outcome()).toEqual(NOTHING);
        expect(ran.stderr).toContain(word);
        expect(ran.stderr).toMatch(/4 of (them|4)|4 ×|\(4\)|all 4|4 times/);
      },
      { task: { sampling } },
    );
  }
});

test("max_completion_tokens and reasoning_effort, and no temperature", () =>
  odd(
    picky,
    async (scene) => {
      await scene.build();
      expect(scene.outcome()).toEqual(ALL_WELL);
      const request = scene.project.read("requests/tiny/request_batch0.jsonl").split("\n")[0] ?? "";
      expect(JSON.parse(request).body).toMatchObject({ max_completion_tokens: 256, reasoning_effort: "low" });
      expect(request).not.toMatch(/"(max_tokens|temperature)"/);
    },
    { task: { sampling: { max_completion_tokens: 256, reasoning_effort: "low" } } },
  ));
