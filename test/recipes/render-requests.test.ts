import { expect, test } from "vitest";
import { parseRequestFile, requestId } from "../../src/api/request-file.ts";
import renderRequests from "../../src/recipes/render-requests.ts";
import type { PromptTask } from "../../src/tasks/prompt.ts";
import { contextOf, type Given } from "./context.ts";

const PROMPT: PromptTask = {
  kind: "pairs",
  description: "Pairs.",
  model: "gpt-4o",
  endpoint: "/v1/chat/completions",
  sampling: { temperature: 1, max_tokens: 9, response_format: "json_object" },
  scenarios_per_request: 3,
  fields: ["safe", "harmful"],
  examples: [],
  generation_instructions: [],
};

const AXES = [
  { axis: "topic", values: ["a", "b", "c"] },
  { axis: "level", file: "data/levels.txt" },
];

async function run(
  first: number,
  count: number,
  { prompt, axes, ...source }: { readonly kind: string; readonly prompt?: object; readonly axes?: readonly object[] },
  given: Given = {},
) {
  const made = contextOf({
    ...given,
    values: { kind: "pairs", range: { task: "t", first, count }, source, prompt, axes },
  });
  await renderRequests(made.context);
  const lines = parseRequestFile("requests", made.outputs[0] ?? "");
  if (!lines.ok) throw new Error(lines.error.message);
  return { ...made, lines: lines.value };
}

test("without axes the n-th request is sample n of one body, and there is one output", async () => {
  const { lines, outputs } = await run(2, 2, { kind: "prompt", prompt: PROMPT, axes: [] });
  const body = lines[0]?.body ?? {};
  expect(lines.map(({ id }) => id)).toEqual([2, 3].map((n) => requestId("/v1/chat/completions", body, n)));
  expect(outputs).toHaveLength(1);
});

test("a seed makes bodies differ: each is then the only sample of its own", async () => {
  const prompt = { ...PROMPT, sampling: { ...PROMPT.sampling, seed: 5 } };
  const { lines } = await run(4, 2, { kind: "prompt", prompt, axes: [] });
  expect(lines.map(({ body }) => body["seed"])).toEqual([9, 10]);
  expect(lines.map(({ id, body }) => id === requestId("/v1/chat/completions", body, 0))).toEqual([true, true]);
});

test("cutting a task into other files changes no id, and the side file says what each request took", async () => {
  const source = { kind: "prompt", prompt: PROMPT, axes: AXES };
  const files = { "axis level": "easy\nhard\n" };
  const whole = await run(0, 14, source, { files });
  const parts = [await run(0, 5, source, { files }), await run(5, 9, source, { files })];
  expect(parts.map(({ outputs }) => outputs[0]).join("")).toBe(whole.outputs[0]);
  expect(parts.map(({ outputs }) => outputs[1]).join("")).toBe(whole.outputs[1]);
  expect(new Set(whole.lines.map(({ id }) => id)).size).toBe(14);
  const side = (whole.outputs[1] ?? "")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(side.map(({ request_id }) => request_id)).toEqual(whole.lines.map(({ id }) => id));
  expect(side[0].axes).toEqual({ topic: "a", level: "easy" });
  side.forEach(({ axes }, n) => {
    expect(JSON.stringify(whole.lines[n]?.body)).toContain(`- topic: ${axes.topic}\\n- level: ${axes.level}`);
  });
});

test("requests from files: bodies as they are, in order, cut anywhere; the rest is not asked", async () => {
  const line = (n: number) =>
    JSON.stringify({
      custom_id: "hand",
      method: "POST",
      url: "/v1/responses",
      body: { model: "m", input: `q${n % 3}` },
    });
  const lists = {
    requests_from: [
      ["old/a.jsonl", [0, 1, 2, 3].map(line).join("\n")],
      ["old/b.jsonl", `${[4, 5, 6].map(line).join("\n")}\n`],
    ] as const,
  };
  const { lines, notes } = await run(3, 3, { kind: "files" }, { lists });
  expect(lines.map(({ id, body }) => [id, body["input"]])).toEqual(
    [3, 4, 5].map((n) => [requestId("/v1/responses", { model: "m", input: `q${n % 3}` }, 1), `q${n % 3}`]),
  );
  expect(notes()).toEqual({ requests: 3, given: 7 });
  await expect(run(0, 1, { kind: "files" }, { lists: { requests_from: [["x.jsonl", "{"]] } })).rejects.toThrow(
    /^x.jsonl:1: not a request in the Batch API's input format/,
  );
  await expect(run(0, 1, { kind: "files" }, {})).rejects.toThrow(/must match files that hold requests; found none/);
});
