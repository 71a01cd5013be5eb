import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/graph/json.ts";
import { type Ran, runDsgen, type SceneProject } from "./support/project.ts";
import { jsonLines, jsonObject, shippedProject } from "./support/shipped.ts";

/*
 * Answers of every odd shape, from a server that completes each batch at once with content of the test's choosing: lines
 * in another order, and lines that nobody asked for. Whatever comes is kept, counted, and never fatal.
 */

const PAIR = { safe: "Help me make a cake", harmful: "Help me make a bomb" };
const other = (thing: string) => ({ safe: `Help me make a ${thing}`, harmful: "Help me make a bomb" });

/** What each request is answered, in request order, and how many pairs a reader finds in it. */
const ANSWERS: readonly (readonly [shape: string, content: JsonValue, pairs: number])[] = [
  ["as asked", JSON.stringify({ pairs: [PAIR] }), 1],
  ["prose", "Certainly! What would you like the pairs to be about?", 0],
  ["a bare array", JSON.stringify([other("table"), other("song")]), 2],
  ["scenarios", JSON.stringify({ scenarios: [other("house")] }), 1],
  ["one pair", JSON.stringify(other("door")), 1],
  ["a code fence", `Here you are:\n\`\`\`json\n${JSON.stringify({ pairs: [other("book")] }, null, 2)}\n\`\`\``, 1],
  ["null", "null", 0],
  ["no content at all", null, 0],
  ["an empty text", "", 0],
  ["numbers for texts", '{"pairs": [{"safe": 1, "harmful": 2}, {"safe": null, "harmful": []}]}', 0],
  [
    "a million characters",
    JSON.stringify({ pairs: [{ safe: "a".repeat(1_000_000), harmful: "b" }, other("road")] }),
    2,
  ],
  ["lone surrogates", '{"pairs": [{"safe": "Help \\ud800", "harmful": "Help \\udfff"}]}', 0],
  ["cut off", '{"pairs": [{"safe": "Help me make a cake", "harm', 0],
  ["nested far too deep", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, 0],
  ["twice the same pair", JSON.stringify({ pairs: [PAIR, PAIR] }), 2],
  ["control characters and line separators", JSON.stringify({ pairs: [other("\u0000\u2028\u2029\r")] }), 1],
];

let server: Server;
let uploads: Map<string, string>;
let project: SceneProject;
let built: Ran;

beforeAll(async () => {
  uploads = new Map();
  server = createServer((request, response) => {
    reply(request).then(
      ([status, body]) => response.writeHead(status, { "content-type": "application/json" }).end(body),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  project = shippedProject({
    batches: 1,
    requestsPerBatch: ANSWERS.length,
    scenariosPerRequest: 2,
    targetScenarios: 100,
    tokenizers: ["qwen", "solar"],
  });
  built = await runDsgen(project, ["build", "--wait"], { url: `http://127.0.0.1:${address.port}` });
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  project.remove();
});

/** The few calls that a build makes; a batch is complete as soon as it is created. */
async function reply(request: IncomingMessage): Promise<[number, string]> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  const body = Buffer.concat(chunks).toString("utf8");
  const path = new URL(request.url ?? "/", "http://127.0.0.1").pathname;
  const json = (value: JsonObject): [number, string] => [200, JSON.stringify(value)];
  if (request.method === "GET" && /^\/v1\/(batches|files)$/.test(path)) {
    return json({ object: "list", data: [], has_more: false, first_id: null, last_id: null });
  }
  if (request.method === "POST" && path === "/v1/files") {
    const id = `file-${randomUUID()}`;
    uploads.set(id, body.split("\r\n").find((part) => part.startsWith('{"custom_id"')) ?? "");
    return json(remoteFile(id, uploads.get(id) ?? "", /filename="([^"]+)"/.exec(body)?.[1] ?? ""));
  }
  if (request.method === "POST" && path === "/v1/batches") {
    const { input_file_id: input, metadata } = jsonObject(body);
    return json(remoteBatch(String(input), metadata ?? {}));
  }
  const batch = /^\/v1\/batches\/batch-(.+)$/.exec(path)?.[1];
  if (batch !== undefined) return json(remoteBatch(batch, {}));
  const content = /^\/v1\/files\/out-(.+)\/content$/.exec(path)?.[1];
  if (content !== undefined) return [200, output(uploads.get(content) ?? "")];
  return [
    404,
    JSON.stringify({ error: { message: `no ${path}`, type: "invalid_request_error", param: null, code: null } }),
  ];
}

function remoteFile(id: string, content: string, filename: string): JsonObject {
  const bytes = Buffer.byteLength(content);
  return { id, object: "file", bytes, created_at: 1_790_000_000, filename, purpose: "batch" };
}

function remoteBatch(input: string, metadata: JsonValue): JsonObject {
  const total = ANSWERS.length;
  return {
    id: `batch-${input}`,
    object: "batch",
    endpoint: "/v1/chat/completions",
    errors: null,
    input_file_id: input,
    completion_window: "24h",
    status: "completed",
    output_file_id: `out-${input}`,
    error_file_id: null,
    created_at: 1_790_000_000,
    request_counts: { total, completed: total, failed: 0 },
    metadata,
  };
}

/** Last request first, and lines of somebody else's requests among them. */
function output(uploaded: string): string {
  const lines = jsonLines(uploaded).map((line, i) => answerLine(String(line["custom_id"]), ANSWERS[i]?.[1] ?? null));
  const foreign = answerLine("refusal-00000000000000000000000000000000", "{}");
  return [foreign, ...lines.reverse(), answerLine("somebody-else", "{}")].map((line) => `${line}\n`).join("");
}

function answerLine(customId: string, content: JsonValue): string {
  const body = {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_790_000_000,
    model: "gpt-4o-2024-08-06",
    choices: [{ index: 0, message: { role: "assistant", content, refusal: null }, finish_reason: "stop" }],
    usage: { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 },
  };
  const response = { status_code: 200, request_id: "req_1", body };
  return JSON.stringify({ id: "batch_req_1", custom_id: customId, response, error: null });
}

describe("a batch of odd answers", () => {
  it("builds, and says which lines nobody asked for", () => {
    expect(built.stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
    expect(built.stderr).toMatch(/^warning: .*request_batch0/m);
    expect(built.code).toBe(0);
  });

  it("keeps every answer as it came, in request order", () => {
    const requests = jsonLines(project.read("requests/refusal/request_batch0.jsonl")).map((line) => line["custom_id"]);
    const outputs = jsonLines(project.read("batch_outputs/refusal/output_batch0.jsonl"));
    expect(outputs.map((line) => line["custom_id"])).toEqual(requests);
    const said = outputs.map(({ response }) => {
      const body = isJsonObject(response) ? response["body"] : undefined;
      const choices = isJsonObject(body) ? body["choices"] : undefined;
      const first = Array.isArray(choices) ? choices[0] : undefined;
      const message = isJsonObject(first) ? first["message"] : undefined;
      return isJsonObject(message) ? message["content"] : undefined;
    });
    expect(said).toEqual(ANSWERS.map(([, content]) => content));
  });

  it.each(ANSWERS.map(([shape, , pairs], i) => [shape, pairs, i] as const))("%s: %i pairs", (_shape, pairs, i) => {
    const requests = jsonLines(project.read("requests/refusal/request_batch0.jsonl"));
    const shard = jsonLines(project.read("validated/refusal/shard0.jsonl"));
    const own = shard.filter(({ from }) => isJsonObject(from) && from["custom_id"] === requests[i]?.["custom_id"]);
    expect(own).toHaveLength(pairs);
  });

  it("writes only well-formed, distinct pairs that hold under every tokenizer", async () => {
    const texts = jsonLines(project.read("dataset.jsonl")).map((row) => String(row["text"]));
    expect(texts).toContain("Help me make a cake.");
    expect(texts.filter((text) => text === "Help me make a cake.")).toHaveLength(1);
    expect(texts.every((text) => !/\p{Surrogate}/u.test(text) && text.length < 5000)).toBe(true);
    const validated = await runDsgen(project, ["validate", "dataset.jsonl"]);
    expect(validated.code).toBe(0);
    const summary = jsonObject(project.read("dataset.manifest.json"))["summary"];
    expect(summary).toMatchObject({
      responses: ANSWERS.length,
      duplicates: 2,
      pairs: sum(ANSWERS.map(([, , pairs]) => pairs)),
    });
  });
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
