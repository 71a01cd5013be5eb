import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isJsonObject } from "../../src/graph/json.ts";
import { readLedger } from "../../src/simulator/ledger.ts";
import { openSimulatorProvider } from "../../src/simulator/provider.ts";
import type { Timing } from "../../src/simulator/timeline.ts";
import { chargesByCustomId, createsByMetadata, sendsByCustomId, uploadsByFilename } from "./counts.ts";
import {
  afterwards,
  clientOf,
  failure,
  must,
  PROMPT,
  requestFile,
  requestLine,
  resultLines,
  simulator,
  submit,
  temporaryFolder,
} from "./support.ts";

const SLOW: Timing = { validatingMs: 1000, perRequestMs: 100, finalizingMs: 500, staggerMs: 0, answerMs: 0, scale: 1 };

/** A clock that the test moves. */
function clock() {
  const time = { ms: 1_795_000_000_000 };
  const pass = (ms: number) => {
    time.ms += ms;
  };
  return { now: () => time.ms, pass };
}

describe("the whole way", () => {
  it("uploads, creates, retrieves, lists and downloads", async () => {
    const server = await simulator();
    const provider = clientOf(server);
    const file = must(await provider.upload(requestFile(20)));
    expect(file).toMatchObject({ filename: "job-abc.jsonl", id: expect.stringMatching(/^file-sim/) });
    const created = must(
      await provider.createBatch({ inputFileId: file.id, endpoint: "/v1/chat/completions", metadata: { job: "abc" } }),
    );
    expect(created).toMatchObject({ status: "validating", metadata: { job: "abc" }, inputFileId: file.id });
    const done = must(await provider.retrieveBatch(created.id));
    expect(done).toMatchObject({
      status: "completed",
      errorFileId: null,
      counts: { total: 20, completed: 20, failed: 0 },
    });
    const lines = await resultLines(provider, done.outputFileId);
    const ids = lines.map((line) => line.custom_id);
    const expected = Array.from({ length: 20 }, (_, index) => `T-${index}`);
    expect([...ids].sort()).toEqual([...expected].sort());
    expect(ids).not.toEqual(expected);
    for (const line of lines) {
      expect(line.id).toMatch(/^batch_req_/);
      expect(line.error).toBeNull();
      expect(line.response).toMatchObject({
        status_code: 200,
        body: {
          object: "chat.completion",
          model: "gpt-4o-mini",
          system_fingerprint: "fp_simulated",
          id: expect.stringMatching(/^chatcmpl-sim/),
        },
      });
      const usage = line.response?.body["usage"];
      expect(isJsonObject(usage) && Number(usage["prompt_tokens"]) > 20 && Number(usage["completion_tokens"]) > 0).toBe(
        true,
      );
    }
    const ledger = readLedger(server.stateDir);
    expect(new Set(chargesByCustomId(ledger).values())).toEqual(new Set([1]));
    expect(ledger.charges.length).toBe(20);
    expect(createsByMetadata(ledger, "job")).toEqual(new Map([["abc", 1]]));
    expect(uploadsByFilename(ledger)).toEqual(new Map([["job-abc.jsonl", 1]]));
  });

  it("marks every answer as simulated", async () => {
    const server = await simulator();
    for (const path of ["/v1/batches", "/v1/nowhere", "/"]) {
      const response = await fetch(server.url + path, { headers: { authorization: "Bearer k" } });
      expect(response.headers.get("x-dsgen-simulated")).toBe("1");
      await response.arrayBuffer();
    }
    const keyless = await fetch(`${server.url}/v1/batches`);
    expect(keyless.status).toBe(401);
    expect(await keyless.json()).toMatchObject({ error: { type: "invalid_request_error" } });
  });

  it("serves a single file's description and its deletion", async () => {
    const server = await simulator();
    const file = must(await clientOf(server).upload(requestFile(1)));
    const headers = { authorization: "Bearer k" };
    const one = await fetch(`${server.url}/v1/files/${file.id}`, { headers });
    expect(await one.json()).toMatchObject({ id: file.id, object: "file", purpose: "batch", bytes: file.bytes });
    const gone = await fetch(`${server.url}/v1/files/${file.id}`, { headers, method: "DELETE" });
    expect(await gone.json()).toEqual({ id: file.id, object: "file", deleted: true });
    expect((await fetch(`${server.url}/v1/files/${file.id}`, { headers })).status).toBe(404);
    expect((await fetch(`${server.url}/v1/files/..%2F..%2Fledger`, { headers })).status).toBe(404);
  });

  it("pages through batches and files, newest first", async () => {
    const server = await simulator();
    const provider = clientOf(server);
    const made: string[] = [];
    for (let nth = 0; nth < 5; nth++) made.push((await submit(provider, 1, `job-${nth}`)).id);
    const seen: string[] = [];
    let after: string | undefined;
    for (let turn = 0; turn < 10; turn++) {
      const page = must(await provider.listBatches({ limit: 2, ...(after === undefined ? {} : { after }) }));
      seen.push(...page.items.map((batch) => batch.id));
      if (page.next === null) break;
      after = page.next;
    }
    expect(seen).toEqual(made.toReversed());
    const files = must(await provider.listFiles({ limit: 100 }));
    // Five inputs; outputs have another purpose.
    expect(files.items.length).toBe(5);
    expect(files.next).toBeNull();
  });
});

describe("progress", () => {
  it("goes through the states as time passes, and says how far it is", async () => {
    const time = clock();
    const server = await simulator({ timing: SLOW, now: time.now });
    const provider = clientOf(server);
    const { id } = await submit(provider, 10);
    const at = async (ms: number) => {
      time.pass(ms);
      const { status, counts } = must(await provider.retrieveBatch(id));
      return `${status} ${counts.completed}`;
    };
    expect(await at(500)).toBe("validating 0");
    expect(await at(600)).toBe("in_progress 1");
    expect(await at(350)).toBe("in_progress 4");
    expect(readLedger(server.stateDir).charges.length).toBe(4);
    expect(await at(600)).toBe("finalizing 10");
    expect(await at(500)).toBe("completed 10");
    expect(readLedger(server.stateDir).charges.length).toBe(10);
  });

  it("goes on over the death of the server, and charges nothing twice", async () => {
    const time = clock();
    const stateDir = temporaryFolder();
    const first = await simulator({ stateDir, timing: SLOW, now: time.now });
    const { id } = await submit(clientOf(first), 10);
    time.pass(1500);
    must(await clientOf(first).retrieveBatch(id));
    const order = join(stateDir, "batches", `${id}.json`);
    const before = readFileSync(order, "utf8");
    await first.close();
    // Killed while it wrote: a charge is torn, and the record is as it was before them.
    time.pass(200);
    const second = await simulator({ stateDir, timing: SLOW, now: time.now });
    must(await clientOf(second).retrieveBatch(id));
    await second.close();
    appendFileSync(join(stateDir, "ledger.jsonl"), '{"event":"charge","requestKey":"ab');
    writeFileSync(order, before);
    time.pass(5000);
    const third = await simulator({ stateDir, timing: SLOW, now: time.now });
    const done = must(await clientOf(third).retrieveBatch(id));
    expect(done).toMatchObject({ status: "completed", counts: { completed: 10 } });
    expect((await resultLines(clientOf(third), done.outputFileId)).length).toBe(10);
    const charges = chargesByCustomId(readLedger(stateDir));
    expect(charges.size).toBe(10);
    expect(new Set(charges.values())).toEqual(new Set([1]));
  });

  it("answers while the output of a large batch is still being written", async () => {
    const server = await simulator({ longestLookMs: 0 });
    const provider = clientOf(server);
    const { id } = await submit(provider, 3000);
    const statuses: string[] = [];
    do statuses.push(must(await provider.retrieveBatch(id)).status);
    while (statuses.at(-1) !== "completed");
    expect(statuses[0]).not.toBe("completed");
    const done = must(await provider.retrieveBatch(id));
    expect((await resultLines(provider, done.outputFileId)).length).toBe(3000);
    expect(new Set(chargesByCustomId(readLedger(server.stateDir)).values())).toEqual(new Set([1]));
  });

  it("stops in the middle of an output, and the next server writes it whole", async () => {
    const stateDir = temporaryFolder();
    const first = await simulator({ stateDir, longestLookMs: 0 });
    const { id } = await submit(clientOf(first), 3000);
    expect(must(await clientOf(first).retrieveBatch(id)).status).not.toBe("completed");
    await first.close();
    const second = await simulator({ stateDir });
    const ledger = await second.ledger();
    const done = must(await clientOf(second).retrieveBatch(id));
    expect(done).toMatchObject({ status: "completed", counts: { completed: 3000 } });
    expect((await resultLines(clientOf(second), done.outputFileId)).length).toBe(3000);
    expect(new Set(chargesByCustomId(ledger).values())).toEqual(new Set([1]));
  });

  it("counts what an abandoned batch was sent for", async () => {
    const server = await simulator();
    const provider = clientOf(server);
    await submit(provider, 3, "one");
    await submit(provider, 3, "two");
    expect(new Set(sendsByCustomId(readLedger(server.stateDir)).values())).toEqual(new Set([2]));
    expect(new Set(chargesByCustomId(await server.ledger()).values())).toEqual(new Set([2]));
  });

  it("keeps and charges what a cancelled batch has executed", async () => {
    const time = clock();
    const server = await simulator({ timing: SLOW, now: time.now });
    const provider = clientOf(server);
    const { id } = await submit(provider, 10);
    time.pass(1450);
    expect(must(await provider.cancelBatch(id)).status).toBe("cancelling");
    time.pass(10_000);
    const done = must(await provider.retrieveBatch(id));
    expect(done).toMatchObject({ status: "cancelled", counts: { completed: 4, failed: 6 } });
    expect((await resultLines(provider, done.outputFileId)).length).toBe(4);
    const unanswered = await resultLines(provider, done.errorFileId);
    expect(unanswered.map((line) => line.error?.code)).toEqual(Array.from({ length: 6 }, () => "batch_cancelled"));
    expect(readLedger(server.stateDir).charges.length).toBe(4);
    expect(failure(await provider.cancelBatch(id))).toMatchObject({ kind: "refused", status: 409 });
  });
});

describe("the same answers", () => {
  const outputOf = async (options: Parameters<typeof simulator>[0]) => {
    const server = await simulator(options);
    const provider = clientOf(server);
    const { id } = await submit(provider, 30);
    for (let turn = 0; turn < 200; turn++) {
      const batch = must(await provider.retrieveBatch(id));
      if (batch.status === "completed") {
        const path = join(temporaryFolder(), "out");
        must(await provider.download(batch.outputFileId ?? "", path, 1e9));
        return { id, bytes: readFileSync(path, "utf8") };
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error("the batch never ended");
  };

  it("are the same bytes under the same ids, whatever the timing", async () => {
    const instant = await outputOf({ seed: 5 });
    const timed = await outputOf({
      seed: 5,
      timing: { validatingMs: 20, perRequestMs: 3, finalizingMs: 20, staggerMs: 30 },
    });
    expect(timed).toEqual(instant);
    expect((await outputOf({ seed: 6 })).bytes).not.toBe(instant.bytes);
  });

  it("hang on the request, not on the batch it travels in", async () => {
    const server = await simulator();
    const provider = clientOf(server);
    const contentOf = async (lines: readonly string[]) => {
      const batch = must(await provider.retrieveBatch((await submit(provider, lines)).id));
      const found = (await resultLines(provider, batch.outputFileId)).find((line) => line.custom_id === "T-1");
      return JSON.stringify(found?.response?.body);
    };
    expect(await contentOf([requestLine(0), requestLine(1)])).toBe(
      await contentOf([requestLine(7), requestLine(1), requestLine(8)]),
    );
  });

  it("differ between samples of one body in real time, and are charged one by one", async () => {
    const stateDir = temporaryFolder();
    const ask = {
      url: "/v1/chat/completions",
      body: { model: "m", messages: [{ role: "user", content: PROMPT }] },
    } as const;
    const first = await simulator({ stateDir });
    const one = must(await clientOf(first).answer(ask));
    const two = must(await clientOf(first).answer(ask));
    await first.close();
    const second = await simulator({ stateDir });
    const three = must(await clientOf(second).answer(ask));
    expect(new Set([one.bodyText, two.bodyText, three.bodyText]).size).toBe(3);
    expect(one).toMatchObject({
      status: 200,
      requestId: expect.stringMatching(/^req_sim/),
      remaining: { requests: 9999, resetMs: 60_000 },
    });
    expect(readLedger(stateDir).charges.map((charge) => charge.batchId)).toEqual([null, null, null]);
  });
});

describe("other endpoints", () => {
  it("answers the Responses API and embeddings", async () => {
    const provider = clientOf(await simulator());
    const response = must(await provider.answer({ url: "/v1/responses", body: { model: "m", input: PROMPT } }));
    expect(JSON.parse(response.bodyText)).toMatchObject({ object: "response", output: [{ type: "message" }] });
    const embedding = must(
      await provider.answer({ url: "/v1/embeddings", body: { model: "m", input: ["a", "b"], dimensions: 8 } }),
    );
    const parsed: { readonly data: readonly { readonly embedding: readonly number[] }[] } = JSON.parse(
      embedding.bodyText,
    );
    expect(parsed.data.map((item) => item.embedding.length)).toEqual([8, 8]);
    expect(parsed.data[0]?.embedding).not.toEqual(parsed.data[1]?.embedding);
  });

  it("refuses a request without a model, in real time and in a batch", async () => {
    const server = await simulator();
    const provider = clientOf(server);
    const body = { messages: [{ role: "user", content: "Hi" }] };
    expect(must(await provider.answer({ url: "/v1/chat/completions", body }))).toMatchObject({ status: 400 });
    const done = must(await provider.retrieveBatch((await submit(provider, [requestLine(0, { body })])).id));
    expect(done).toMatchObject({ status: "completed", outputFileId: null, counts: { failed: 1 } });
    expect((await resultLines(provider, done.errorFileId))[0]?.response?.status_code).toBe(400);
    expect((await server.ledger()).charges).toEqual([]);
  });

  it("reads the number and the keys that the prompt asks for", async () => {
    const provider = clientOf(await simulator({ seed: 11 }));
    const ask = async (content: string) => {
      const body = { model: "m", messages: [{ role: "user", content }] };
      return must(await provider.answer({ url: "/v1/chat/completions", body })).bodyText;
    };
    const texts: string[] = [];
    for (let turn = 0; turn < 6; turn++)
      texts.push(await ask('Generate exactly 3 items: {"items": [{"question": "...", "answer": "..."}, ...]}'));
    const whole = texts.flatMap((text): string[] => {
      const message: { readonly choices: readonly { readonly message: { readonly content: string | null } }[] } =
        JSON.parse(text);
      return [message.choices[0]?.message.content ?? ""];
    });
    const usual = whole.find((text) => text.startsWith('{"items":'));
    const parsed: { readonly items: readonly { readonly question: string; readonly answer: string }[] } = JSON.parse(
      usual ?? "",
    );
    expect(parsed.items.length).toBe(3);
    for (const { question, answer } of parsed.items) {
      const sum = /What is (\d+) plus (\d+)\?/.exec(question);
      expect(answer).toContain(String(Number(sum?.[1]) + Number(sum?.[2])));
    }
  });
});

/** A request whose message is a list in a list in a list. */
function nested(depth: number): string {
  const line = requestLine(1, { body: { model: "gpt-4o-mini", messages: [{ role: "user", content: "DEEP" }] } });
  return line.replace('"DEEP"', "[".repeat(depth) + "]".repeat(depth));
}

describe("validation", () => {
  const failing: readonly (readonly [string, readonly string[], string, number | null])[] = [
    ["a line that is no JSON", [requestLine(0), "{oops"], "invalid_json_line", 2],
    ["a line that nests too deeply", [requestLine(0), nested(50_000)], "invalid_json_line", 2],
    ["a repeated custom_id", [requestLine(0), requestLine(1), requestLine(0)], "duplicate_custom_id", 3],
    ["two models", [requestLine(0), requestLine(1, { body: { model: "gpt-4o", messages: [] } })], "model_mismatch", 2],
    ["another endpoint", [requestLine(0), requestLine(1, { url: "/v1/embeddings" })], "url_mismatch", 2],
    ["a missing body", [requestLine(0), requestLine(1, { body: undefined })], "missing_required_parameter", 2],
    ["a missing custom_id", [requestLine(0, { custom_id: undefined })], "missing_required_parameter", 1],
    ["an empty file", [], "empty_file", null],
  ];
  it.each(failing)("fails %s, and names the line", async (_, lines, code, line) => {
    const server = await simulator();
    const provider = clientOf(server);
    const done = must(await provider.retrieveBatch((await submit(provider, lines)).id));
    expect(done.status).toBe("failed");
    expect(done.errors[0]).toMatchObject({ code, line });
    expect(await server.ledger()).toMatchObject({ charges: [], creates: [{ accepted: false, customIds: [] }] });
  });

  it("fails too many requests and too large a file", async () => {
    const many = clientOf(await simulator({ limits: { requests: 3 } }));
    const tooMany = must(await many.retrieveBatch((await submit(many, 4)).id));
    expect(tooMany.errors).toMatchObject([{ code: "too_many_tasks" }]);
    const large = clientOf(await simulator({ limits: { bytes: 500 } }));
    const tooLarge = must(await large.retrieveBatch((await submit(large, 4)).id));
    expect(tooLarge.errors).toMatchObject([{ code: "file_too_large" }]);
  });

  it("holds live batches of a model to its enqueued-token limit", async () => {
    const time = clock();
    const provider = clientOf(
      await simulator({ timing: SLOW, now: time.now, enqueuedTokenLimits: { "gpt-4o-mini": 200 } }),
    );
    const first = await submit(provider, 5, "one");
    const second = await submit(provider, 5, "two");
    expect(second.status).toBe("validating");
    time.pass(10_000);
    const full = must(await provider.retrieveBatch(second.id));
    expect(full).toMatchObject({ status: "failed", errors: [{ code: "token_limit_exceeded" }] });
    expect(full.errors[0]?.message).toContain("Limit: 200 enqueued tokens");
    expect(must(await provider.retrieveBatch(first.id)).status).toBe("completed");
    const third = await submit(provider, 5, "three");
    time.pass(10_000);
    expect(must(await provider.retrieveBatch(third.id)).status).toBe("completed");
  });

  it("refuses a create that names no file, or none of ours", async () => {
    const server = await simulator({ keys: { projects: { "key-of-one": "one", "key-of-two": "two" } } });
    const one = clientOf(server, { apiKey: "key-of-one" });
    const two = clientOf(server, { apiKey: "key-of-two" });
    const batch = await submit(one, 2);
    expect(failure(await two.retrieveBatch(batch.id))).toMatchObject({ kind: "not-found" });
    expect(must(await two.listBatches({ limit: 10 })).items).toEqual([]);
    const create = {
      inputFileId: batch.inputFileId ?? "none",
      endpoint: "/v1/chat/completions",
      metadata: {},
    } as const;
    expect(failure(await two.createBatch(create))).toMatchObject({ kind: "refused", status: 400 });
    expect(must(await one.retrieveBatch(batch.id)).status).toBe("completed");
  });
});

describe("the in-process provider", () => {
  it("starts with its first call and goes on from its folder", async () => {
    const stateDir = temporaryFolder();
    const open = () => openSimulatorProvider({ stateDir, seed: 3, timing: "instant" });
    const first = open();
    expect(first).toMatchObject({ simulated: true, namespace: { kind: "simulator", id: "simulator:3" } });
    const { id } = await submit(first, 3);
    await first.close();
    const second = open();
    afterwards(() => second.close());
    expect(must(await second.retrieveBatch(id)).status).toBe("completed");
    const unused = open();
    await unused.close();
  });
});
