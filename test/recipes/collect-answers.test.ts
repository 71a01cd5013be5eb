import { expect, test } from "vitest";
import type { Answer } from "../../src/api/answers.ts";
import { customId, requestId } from "../../src/api/request-file.ts";
import collectAnswers from "../../src/recipes/collect-answers.ts";
import { contextOf } from "./context.ts";

const bodies = [0, 1, 2].map((n) => ({ model: "m", n }));
const ids = bodies.map((body) => requestId("/v1/chat/completions", body, 0));
const customs = ids.map((id) => customId("tiny", id));
const requests = bodies.map((body, n) =>
  JSON.stringify({ custom_id: customs[n], method: "POST", url: "/v1/chat/completions", body }),
);

test("answers are written as received, under this project's names whatever batch or file they came from", async () => {
  const raw = (custom: string) =>
    `\uFEFF{"custom_id": "${custom}", "response": {"logprob": -Infinity, "id": 12345678901234567890}}`;
  const usage = { input: 7, cachedInput: 0, output: 3 };
  const answers: readonly (Answer | undefined)[] = [
    { raw: raw(customs[0] ?? ""), kind: "answer", batchId: "b", via: "batch", usage },
    // An adopted batch that another tool made, and an import.
    { raw: raw("request-1"), kind: "answer", batchId: "b", via: "batch", usage },
    { raw: raw("request-2"), kind: "liftable", batchId: null, via: "import", usage: null },
  ];
  const { context, outputs, notes } = contextOf({
    files: { requests: `${requests.join("\n")}\n` },
    answers: {
      line: (id) => answers[ids.map(String).indexOf(id)],
      why: () => ({ kind: "pending", message: "" }),
    },
  });
  await collectAnswers(context);
  expect(outputs[0]).toBe(customs.map((custom) => `${raw(custom)}\n`).join(""));
  expect(outputs[1]?.split("\n").map((line) => line.includes('"usage"'))).toEqual([true, true, false, false]);
  expect(outputs[1]).toContain(JSON.stringify(usage));
  expect(notes()).toEqual({ requests: 3, answered: 2 });
});
