import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { isJsonObject, type JsonObject } from "../../src/graph/json.ts";
import { sendsByCustomId } from "../simulator/counts.ts";
import { makeProject } from "./support/project.ts";
import { datasetOf, inScene } from "./support/provider-scene.ts";
import { jsonLines, jsonObject } from "./support/shipped.ts";
import { startWarm, type Warm } from "./support/warm.ts";

/*
 * Refusals, and calls that end with 200 and no answer: what is kept, what is asked again, and what a person must say first.
 */

let warm: Warm;
let dataset: string;

beforeAll(async () => {
  warm = startWarm();
  dataset = await datasetOf(warm);
});
afterAll(() => warm.close());

test("a batch refused for want of access waits for a person, who is told how to have it asked again", async () => {
  await inScene(warm, { provider: { faultNames: ["create:only-error-file=404#1"] } }, async (scene) => {
    const refused = await scene.run("build", "--wait");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/output_batch0\.jsonl: answered 0 of 3: 404 .+ \(3 times\)\./);
    expect(refused.stderr).toContain("dsgen build --retry-refused");
    const sends = sendsByCustomId(await scene.provider.ledger());

    const again = await scene.run("build", "--wait");
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("answered 0 of 3: 404");
    expect(sendsByCustomId(await scene.provider.ledger())).toEqual(sends);
    expect((await scene.run("plan")).code).toBe(1);
    expect((await scene.run("explain", "batch_outputs/tiny/output_batch0.jsonl")).stdout).toContain("0 of 3: 404");
    expect((await scene.run("status")).stderr).toContain("3 requests were refused: 404");
    const partial = await scene.run("build", "--partial");
    expect(partial.code).toBe(0);

    expect((await scene.run("plan", "--retry-refused")).stdout).toContain("3 requests");
    expect((await scene.run("build", "--wait", "--retry-refused")).code).toBe(0);
    expect(await scene.figures(dataset)).toMatchObject({ repeated: 0, lost: 0, paid: 6, identical: true });
    const status = await scene.run("status");
    expect([status.code, status.stderr]).toEqual([0, ""]);
  });
});

test("beside answers, refusals that can be lifted are told by every build, and are asked again when a person says so", async () => {
  await inScene(warm, { provider: { faultNames: ["create:error-lines=404/2#1"] } }, async (scene) => {
    for (let build = 0; build < 2; build++) {
      const built = await scene.run("build", "--wait");
      expect(built.code).toBe(0);
      expect(built.stderr).toMatch(/warning: requests.+: 1 request was refused: 404 .+ dsgen build --retry-refused\./);
    }
    expect([...sendsByCustomId(await scene.provider.ledger()).values()]).toEqual([1, 1, 1, 1, 1, 1]);
    const whole = await scene.run("build", "--wait", "--retry-refused");
    expect([whole.code, whole.stderr.includes("refused: 404")]).toEqual([0, false]);
    expect(await scene.figures(dataset)).toMatchObject({ repeated: 0, lost: 0, paid: 6, identical: true });
  });
});

test("a request that is refused again is asked once, however long the build stays", async () => {
  await inScene(warm, { provider: { faultNames: ["create:only-error-file=404#1x2"] } }, async (scene) => {
    // The second batch that is created meets the fault too: both files are refused.
    expect((await scene.run("build", "--wait", "--keep-going")).code).toBe(1);
    const sends = () => scene.provider.ledger().then((ledger) => [...sendsByCustomId(ledger).values()]);
    expect(await sends()).toEqual([1, 1, 1, 1, 1, 1]);
    expect((await scene.run("build", "--wait", "--retry-refused", "--keep-going")).code).toBe(0);
    expect(await sends()).toEqual([2, 2, 2, 2, 2, 2]);
    expect(await scene.figures(dataset)).toMatchObject({ repeated: 0, paid: 6, identical: true });
  });
  await inScene(warm, { provider: { faultNames: ["create:only-error-file=404#1x*"] } }, async (scene) => {
    expect((await scene.run("build", "--wait", "--retry-refused", "--keep-going")).code).toBe(1);
    expect([...sendsByCustomId(await scene.provider.ledger()).values()]).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

test("a retry under way is a wait, and is taken in by the next build, told nothing", async () => {
  await inScene(warm, { provider: { faultNames: ["create:only-error-file=404#1"] } }, async (scene) => {
    expect((await scene.run("build", "--wait")).code).toBe(1);
    const codes = [(await scene.run("build", "--retry-refused")).code];
    for (let look = 0; look < 100 && codes.at(-1) === 75; look++) codes.push((await scene.run("build", "--wait")).code);
    expect(codes.at(-1)).toBe(0);
    expect(await scene.figures(dataset)).toMatchObject({ repeated: 0, lost: 0, paid: 6, identical: true });
  });
});

test("refusals for good are asked again when a person says so, and the answers take their place", async () => {
  await inScene(warm, { provider: { faultNames: ["create:error-lines=400/2#1"] } }, async (scene) => {
    const without = await scene.run("build", "--wait");
    expect([without.code, without.stderr.includes("refused")]).toEqual([0, false]);
    expect(scene.project.read("dataset.jsonl")).not.toBe(dataset);
    expect((await scene.run("build", "--wait", "--retry-refused")).code).toBe(0);
    expect(await scene.figures(dataset)).toMatchObject({ repeated: 0, paid: 6, identical: true });
  });
});

/** What a call is answered with, by its number, counted from 1. */
type Reply = (call: number) => readonly [status: number, body: JsonObject];

/** A project that asks one by one, and a server that answers as it is told. */
async function realtime(reply: Reply) {
  const bodies: JsonObject[] = [];
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      const [status, body] = reply(bodies.length + 1);
      bodies.push(body);
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const project = makeProject({ batches: 1, requestsPerBatch: 4, scenariosPerRequest: 1, targetScenarios: 4 });
  onTestFinished(async () => {
    project.remove();
    await new Promise((resolve) => server.close(resolve));
  });
  const run = (...args: readonly string[]) => warm.run(project, args, { url: `http://127.0.0.1:${address.port}` });
  return { project, run, calls: () => bodies.length, answered: () => bodies.filter(isCompletion).length };
}

function completion(call: number, more: JsonObject = {}): JsonObject {
  const content = JSON.stringify({ pairs: [{ safe: `Make cake ${call}`, harmful: `Make bomb ${call}` }] });
  const choice = { index: 0, message: { role: "assistant", content, refusal: null }, finish_reason: "stop", ...more };
  const usage = { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 };
  return { id: `chatcmpl-${call}`, object: "chat.completion", model: "gpt-4o", choices: [choice], usage };
}

function isCompletion(body: JsonObject): boolean {
  const [choice] = Array.isArray(body["choices"]) ? body["choices"] : [];
  return isJsonObject(choice) && choice["finish_reason"] === "stop";
}

const upstream = { code: 502, message: "Provider returned error" };

test.each<[string, Reply]>([
  ["an error for a body", (call) => [200, call <= 4 ? { error: upstream, user_id: "u" } : completion(call)]],
  [
    "finish_reason error",
    (call) => [200, call <= 4 ? completion(call, { finish_reason: "error", error: upstream }) : completion(call)],
  ],
])("real time: 200 with %s is no answer and is asked again at once", async (what, reply) => {
  const { project, run, calls, answered } = await realtime(reply);
  const built = await run("build", "--realtime");
  expect(built.code).toBe(0);
  expect([calls(), answered()]).toEqual([8, 4]);
  expect(jsonLines(project.read("batch_outputs/tiny/output_batch0.jsonl"))).toHaveLength(4);
  expect(project.read("batch_outputs/tiny/output_batch0.jsonl")).not.toContain("Provider returned error");
  // What was counted as used is told, and kept.
  expect(built.stderr.includes("150 tokens for a call that it did not answer")).toBe(what === "finish_reason error");
});

test("real time: 200 that is never an answer is asked as often as a batch would be, and said in the provider's words", async () => {
  const { run, calls } = await realtime(() => [200, { error: upstream }]);
  const built = await run("build", "--realtime", "--keep-going");
  expect([built.code, calls()]).toEqual([1, 12]);
  expect(built.stderr).toContain("Provider returned error");
});

test.each<[string, number, JsonObject]>([
  ["402", 402, { message: "Insufficient Balance", type: "unknown_error", param: null, code: "invalid_request_error" }],
  [
    "404",
    404,
    {
      message: "Your organization must be verified to use the model `gpt-4o`.",
      type: "invalid_request_error",
      param: null,
      code: "model_not_found",
    },
  ],
])("real time: %s is a refusal that a person can lift", async (_what, status, error) => {
  const { run, calls } = await realtime((call) => (call <= 4 ? [status, { error }] : [200, completion(call)]));
  const refused = await run("build", "--realtime");
  expect([refused.code, calls()]).toEqual([1, 4]);
  expect(refused.stderr).toContain(`answered 0 of 4: ${status} ${String(error["message"])} (4 times)`);
  const again = await run("build", "--realtime");
  expect([again.code, calls()]).toEqual([1, 4]);
  expect((await run("status")).stderr).toContain(String(error["message"]));
  expect((await run("build", "--realtime", "--retry-refused")).code).toBe(0);
  expect(calls()).toBe(8);
  expect((await run("build", "--realtime", "--retry-refused")).code).toBe(0);
  expect(calls()).toBe(8);
});

test("real time: an answer that was charged and holds nothing is kept, counted, and not bought again", async () => {
  const { project, run, calls } = await realtime((call) => [
    200,
    call === 1 ? { ...completion(call), choices: [] } : completion(call),
  ]);
  for (const flag of ["--keep-going", "--retry-refused"]) {
    expect((await run("build", "--realtime", flag)).code).toBe(0);
    expect(calls()).toBe(4);
  }
  const summary = jsonObject(project.read("validated/tiny/shard0.summary.json"));
  expect(summary).toMatchObject({ answered: 4, candidates: 3, response_problems: { empty: 1 } });
});

test("an import takes answers, and no refusal for one", async () => {
  const { project, run, calls } = await realtime((call) => [200, completion(call)]);
  expect((await run("build", "requests/tiny/request_batch0.jsonl")).code).toBe(0);
  const customs = jsonLines(project.read("requests/tiny/request_batch0.jsonl")).map((line) => line["custom_id"]);
  const error = { message: "Insufficient Balance" };
  const responses = [
    { status_code: 402, body: { error } },
    { status_code: 400, body: { error: { message: "bad" } } },
    { status_code: 200, body: { error } },
    { status_code: 200, body: completion(100) },
  ];
  const output = customs.map((custom_id, at) => JSON.stringify({ custom_id, response: responses[at] ?? null }));
  writeFileSync(project.path("old.jsonl"), `\uFEFF${output.join("\n")}\n`);
  const taken = await run("import", "--input", "requests/tiny/request_batch0.jsonl", "--output", "old.jsonl");
  expect(taken).toMatchObject({ code: 0, stdout: expect.stringContaining("1 answer taken") });
  expect(taken.stdout).toContain("3 error lines");
  expect((await run("build", "--realtime")).code).toBe(0);
  expect(calls()).toBe(3);
});
