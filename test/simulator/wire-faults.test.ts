import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { BatchProvider, Call, ProviderError } from "../../src/batch/provider.ts";
import { OPERATIONS, type Operation, WIRE_FAULTS, type WireFault } from "../../src/simulator/faults.ts";
import { jsonReply } from "../../src/simulator/reply.ts";
import { send } from "../../src/simulator/send.ts";
import { afterwards, clientOf, failure, must, requestFile, simulator, submit, temporaryFolder } from "./support.ts";

/** What each fault must look like to batch/, whichever call it strikes. */
const PROVES: Readonly<Record<WireFault, ProviderError["kind"] | "succeeds">> = {
  "reset-before": "ambiguous",
  "reset-after": "ambiguous",
  "timeout-before": "ambiguous",
  "timeout-after": "ambiguous",
  "500-before": "ambiguous",
  "500-after": "ambiguous",
  "503": "ambiguous",
  "429": "rate-limited",
  "401": "auth",
  "html-200": "ambiguous",
  "truncated-body": "ambiguous",
  "slow-body": "succeeds",
  "wrong-content-length": "ambiguous",
};

const FAULTS = Object.keys(WIRE_FAULTS).filter((kind): kind is WireFault => Object.hasOwn(WIRE_FAULTS, kind));

/** Performs one call of each kind, over objects made before. */
async function perform(
  provider: BatchProvider,
  operation: Operation,
  ids: { file: string; batch: string },
): Promise<Call<unknown>> {
  switch (operation) {
    case "upload":
      return provider.upload(requestFile(2));
    case "create":
      return provider.createBatch({
        inputFileId: ids.file,
        endpoint: "/v1/chat/completions",
        metadata: { job: "again" },
      });
    case "retrieve":
      return provider.retrieveBatch(ids.batch);
    case "list":
      return provider.listBatches({ limit: 10 });
    case "list-files":
      return provider.listFiles({ limit: 10 });
    case "download": {
      const path = join(temporaryFolder(), "content");
      const call = await provider.download(ids.file, path, 1e9);
      expect(existsSync(path)).toBe(call.ok);
      return call;
    }
    case "cancel":
      return provider.cancelBatch(ids.batch);
    case "answer":
      return provider.answer({
        url: "/v1/chat/completions",
        body: { model: "m", messages: [{ role: "user", content: "Hi" }] },
      });
  }
}

describe.each(FAULTS)("%s", (kind) => {
  it.each(OPERATIONS)("on %s", async (on) => {
    // The call that prepares the ground is the first of its kind for three operations.
    const prepared = on === "upload" || on === "create" ? 1 : 0;
    const timing = {
      validatingMs: 3_600_000,
      perRequestMs: 0,
      finalizingMs: 3_600_000,
      staggerMs: 0,
      answerMs: 0,
      scale: 1,
    };
    const server = await simulator({ faults: [{ on, kind, nth: 1 + prepared }], timing });
    const ground = clientOf(server);
    const batch = await submit(ground, 2);
    const ids = { file: batch.inputFileId ?? "none", batch: batch.id };
    const provider = clientOf(server, { timeoutMs: kind.startsWith("timeout") ? 150 : 5000 });
    const call = await perform(provider, on, ids);
    if (PROVES[kind] === "succeeds") must(call);
    else expect(failure(call)).toMatchObject({ kind: PROVES[kind] });
    if (kind === "429") expect(failure(call)).toMatchObject({ retryAfterMs: 1000 });
    // Struck once; the next call is served.
    expect((await perform(ground, on, ids)).ok).toBe(true);
  });
});

describe("whether the server acted", () => {
  const acting: readonly (readonly [WireFault, boolean])[] = [
    ["reset-before", false],
    ["timeout-before", false],
    ["500-before", false],
    ["503", false],
    ["429", false],
    ["401", false],
    ["html-200", false],
    ["reset-after", true],
    ["timeout-after", true],
    ["500-after", true],
    ["truncated-body", true],
    ["wrong-content-length", true],
  ];
  it.each(acting)("%s on create: %s", async (kind, acted) => {
    const server = await simulator({ faults: [{ on: "create", kind }] });
    const provider = clientOf(server);
    const file = must(await provider.upload(requestFile(2)));
    // Long enough for the server to act, short enough to wait for.
    const impatient = clientOf(server, { timeoutMs: kind.startsWith("timeout") ? 1000 : 5000 });
    failure(
      await impatient.createBatch({ inputFileId: file.id, endpoint: "/v1/chat/completions", metadata: { job: "j" } }),
    );
    expect(must(await provider.listBatches({ limit: 10 })).items.length).toBe(acted ? 1 : 0);
    expect((await server.ledger()).creates.length).toBe(acted ? 1 : 0);
  });
});

describe("the fine print", () => {
  it("a body slower than the client's patience is torn", async () => {
    const server = await simulator({ faults: [{ on: "retrieve", kind: "slow-body", value: "400" }] });
    const batch = await submit(clientOf(server), 2);
    const impatient = clientOf(server, { idleTimeoutMs: 100 });
    expect(failure(await impatient.retrieveBatch(batch.id))).toMatchObject({ kind: "ambiguous" });
  });

  it("no credit is a refusal, not a rate limit", async () => {
    const server = await simulator({ faults: [{ on: "create", kind: "429", value: "quota" }] });
    const provider = clientOf(server);
    const file = must(await provider.upload(requestFile(1)));
    const create = { inputFileId: file.id, endpoint: "/v1/chat/completions", metadata: {} } as const;
    expect(failure(await provider.createBatch(create))).toMatchObject({ kind: "refused", code: "insufficient_quota" });
  });

  it("a wrong key is refused without being repeated", async () => {
    const key = "wrong-key-abcdefgh-12345678";
    const server = await simulator({ keys: { wrong: [key] } });
    const refused = failure(await clientOf(server, { apiKey: key }).listBatches({ limit: 1 }));
    expect(refused).toMatchObject({ kind: "auth", status: 401 });
    expect(JSON.stringify(refused)).not.toMatch(/wrong-ke|5678/);
  });

  it("a reply to a client that hung up just now ends all the same", async () => {
    const ended = new Promise<string>((resolve) => {
      const server = createServer((request, response) => {
        request.socket.destroy();
        void send(response, jsonReply(200, { a: 1 })).then(() => resolve("ended"));
      });
      afterwards(() => {
        server.close();
      });
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        if (address === null || typeof address === "string") throw new Error("the server has no port");
        fetch(`http://127.0.0.1:${address.port}`).catch(() => undefined);
      });
    });
    expect(await ended).toBe("ended");
  });
});
