import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ProblemError } from "../../../src/graph/problem.ts";
import { openOpenAiProvider } from "../../../src/providers/openai/provider.ts";
import type { OpenAiSettings } from "../../../src/providers/openai/settings.ts";
import { afterwards, failure, must, requestFile, temporaryFolder } from "../../simulator/support.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that says exactly what the test wants, and a client that talks to it. */
async function talking(handler: Handler, settings: Partial<OpenAiSettings> = {}) {
  let calls = 0;
  const server: Server = createServer((request, response) => {
    calls++;
    request.resume();
    request.on("end", () => handler(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterwards(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const provider = openOpenAiProvider({
    apiKey: "sk-proj-abcdEFGH1234567890ijklMNOP",
    baseUrl: `http://127.0.0.1:${port}/v1`,
    timeoutMs: 5000,
    idleTimeoutMs: 5000,
    ...settings,
  });
  return { provider, port, calls: () => calls };
}

const json =
  (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Handler =>
  (_, response) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));

const BATCH = {
  id: "batch_1",
  object: "batch",
  endpoint: "/v1/chat/completions",
  input_file_id: "file-1",
  status: "in_progress",
  created_at: 1,
  request_counts: { total: 3, completed: 1, failed: 0 },
  metadata: null,
};

const error = (message: string, code: string | null = null) => ({ error: { message, code, type: "x", param: null } });
const create = { inputFileId: "file-1", endpoint: "/v1/chat/completions", metadata: { job: "j" } } as const;

describe("what a failed create proves", () => {
  it.each([
    [401, error("Incorrect API key provided: sk-proj-********MNOP."), { kind: "auth", status: 401 }],
    [403, error("Country not supported"), { kind: "auth", status: 403 }],
    [404, error("No such thing"), { kind: "not-found" }],
    [400, error("Bad", "invalid_value"), { kind: "refused", status: 400, code: "invalid_value" }],
    [409, error("Conflict"), { kind: "refused", status: 409, code: null }],
    [422, error("Unprocessable"), { kind: "refused", status: 422 }],
    [429, error("Slow down", "rate_limit_exceeded"), { kind: "rate-limited", retryAfterMs: null }],
    [429, error("No credit", "insufficient_quota"), { kind: "refused", status: 429, code: "insufficient_quota" }],
    [500, error("Oops"), { kind: "ambiguous" }],
    [503, error("Overloaded"), { kind: "ambiguous" }],
    [408, error("Timeout"), { kind: "ambiguous" }],
  ])("%i %j", async (status, body, expected) => {
    const { provider, calls } = await talking(json(status, body));
    const failed = failure(await provider.createBatch(create));
    expect(failed).toMatchObject(expected);
    expect(JSON.stringify(failed)).not.toMatch(/sk-proj|MNOP|abcdEFGH/);
    expect(calls()).toBe(1);
  });

  it("takes retry-after in seconds and as a date", async () => {
    const seconds = await talking(json(429, error("Slow down"), { "retry-after": "3" }));
    expect(failure(await seconds.provider.createBatch(create))).toMatchObject({
      kind: "rate-limited",
      retryAfterMs: 3000,
    });
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    const dated = await talking(json(429, error("Slow down"), { "retry-after": date }));
    const failed = failure(await dated.provider.createBatch(create));
    expect(failed.kind === "rate-limited" && (failed.retryAfterMs ?? 0) > 3_000_000).toBe(true);
  });

  it("does not take a gateway's 404 page for the API's word", async () => {
    const page: Handler = (_, response) =>
      response.writeHead(404, { "content-type": "text/html" }).end("<html>nginx</html>");
    const { provider } = await talking(page);
    expect(failure(await provider.retrieveBatch("batch_1"))).toMatchObject({ kind: "refused", status: 404 });
  });

  it("follows no redirect", async () => {
    const { provider, calls } = await talking((_, response) =>
      response.writeHead(307, { location: "/v1/elsewhere" }).end(),
    );
    expect(failure(await provider.createBatch(create))).toMatchObject({ kind: "refused", status: 307 });
    expect(calls()).toBe(1);
  });

  it("keeps the status of an error whose explanation never ends", async () => {
    const endless: Handler = (_, response) => {
      response.writeHead(400, { "content-type": "application/json" });
      response.write('{"error": {"mess');
    };
    const { provider } = await talking(endless, { idleTimeoutMs: 200 });
    expect(failure(await provider.createBatch(create))).toMatchObject({ kind: "refused", status: 400 });
  });

  it("says unreachable when nobody listens or the name does not resolve", async () => {
    const { port } = await new Promise<{ port: number }>((resolve) => {
      const server = createTcpServer().listen(0, "127.0.0.1", () => {
        const address = server.address();
        server.close(() => resolve({ port: typeof address === "object" && address !== null ? address.port : 1 }));
      });
    });
    for (const host of [`127.0.0.1:${port}`, "no-such-host.invalid"]) {
      const provider = openOpenAiProvider({ apiKey: "k", baseUrl: `http://${host}/v1`, timeoutMs: 20_000 });
      expect(failure(await provider.createBatch(create))).toMatchObject({ kind: "unreachable" });
    }
  });

  it("says ambiguous when the connection breaks after the request was sent", async () => {
    const { provider, calls } = await talking((request) => request.socket.resetAndDestroy());
    expect(failure(await provider.createBatch(create))).toMatchObject({ kind: "ambiguous" });
    expect(calls()).toBe(1);
  });

  it("says ambiguous when no answer comes in time", async () => {
    const { provider, calls } = await talking(() => undefined, { timeoutMs: 200 });
    expect(failure(await provider.createBatch(create))).toMatchObject({ kind: "ambiguous" });
    expect(calls()).toBe(1);
  });

  it("says aborted when the caller gives up, before or during the call", async () => {
    const during = new AbortController();
    const { provider } = await talking(() => during.abort());
    expect(failure(await provider.createBatch(create, during.signal))).toEqual({ kind: "aborted" });
    const before = AbortSignal.abort();
    expect(failure(await provider.createBatch(create, before))).toEqual({ kind: "aborted" });
  });

  it.each([
    ["an HTML page", "text/html", "<html>hello</html>"],
    ["no JSON", "application/json", "{"],
    ["a list", "application/json", "[]"],
    ["another object", "application/json", JSON.stringify({ ...BATCH, object: "file" })],
    ["no id", "application/json", JSON.stringify({ ...BATCH, id: "" })],
    ["nothing", "application/json", ""],
  ])("says ambiguous for a 200 that holds %s", async (_, type, body) => {
    const { provider } = await talking((_request, response) =>
      response.writeHead(200, { "content-type": type }).end(body),
    );
    expect(failure(await provider.createBatch(create))).toMatchObject({ kind: "ambiguous" });
  });

  it("says ambiguous for a 200 whose body stops coming", async () => {
    const silent: Handler = (_, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write('{"id": "batch_1"');
    };
    const { provider } = await talking(silent, { idleTimeoutMs: 200 });
    expect(failure(await provider.createBatch(create))).toMatchObject({ kind: "ambiguous" });
  });
});

describe("batches and lists", () => {
  it("reads a batch that says little", async () => {
    const { provider } = await talking(json(200, BATCH));
    expect(must(await provider.retrieveBatch("batch_1"))).toEqual({
      id: "batch_1",
      status: "in_progress",
      endpoint: "/v1/chat/completions",
      inputFileId: "file-1",
      outputFileId: null,
      errorFileId: null,
      errors: [],
      counts: { total: 3, completed: 1, failed: 0 },
      metadata: {},
      createdAt: 1,
    });
    expect(failure(await provider.retrieveBatch("batch_2"))).toMatchObject({ kind: "ambiguous" });
  });

  it("knows the last page by the server's word, or by a page that is not full", async () => {
    const list = async (body: object, limit: number) => {
      const { provider } = await talking(json(200, { object: "list", data: [BATCH], ...body }));
      return must(await provider.listBatches({ limit }));
    };
    expect(await list({ has_more: true }, 1)).toMatchObject({ next: "batch_1", end: false });
    expect(await list({ has_more: false }, 1)).toMatchObject({ next: null, end: true });
    expect(await list({}, 1)).toMatchObject({ next: "batch_1", end: false });
    expect(await list({}, 2)).toMatchObject({ next: null, end: true });
    expect(await list({ data: [], has_more: true }, 1)).toMatchObject({ next: null, end: false });
  });

  it("reads a list with odd items: what has an id is there, what has none is counted", async () => {
    const data = [BATCH, { id: "x", input_file_id: null }, { status: "completed" }, null];
    const { provider } = await talking(json(200, { object: "list", data, has_more: false }));
    const page = must(await provider.listBatches({ limit: 100 }));
    expect(page.items.map(({ id, inputFileId }) => [id, inputFileId])).toEqual([
      ["batch_1", "file-1"],
      ["x", null],
    ]);
    expect(page.odd).toBe(2);
  });

  it.each([
    ["queued", "validating"],
    ["running", "in_progress"],
    ["canceled", "cancelled"],
    ["resting", "unknown"],
    [undefined, "unknown"],
  ])("reads the status %s as %s", async (status, expected) => {
    const { provider } = await talking(json(200, { ...BATCH, status }));
    expect(must(await provider.createBatch(create)).status).toBe(expected);
  });

  it("tells the provider's time by its Date header", async () => {
    const { provider } = await talking(json(200, BATCH, { date: "Sun, 06 Nov 1994 08:49:37 GMT" }));
    expect(provider.serverNow()).toBeNull();
    await provider.retrieveBatch("batch_1");
    expect(Math.abs((provider.serverNow() ?? 0) - Date.UTC(1994, 10, 6, 8, 49, 37))).toBeLessThan(60_000);
  });
});

describe("downloads", () => {
  const download = async (handler: Handler, settings: Partial<OpenAiSettings> = {}) => {
    const { provider } = await talking(handler, settings);
    const path = join(temporaryFolder(), "file.jsonl");
    return { call: await provider.download("file-1", path, 1e9), path };
  };

  it("writes what was announced", async () => {
    const { call, path } = await download((_, response) => response.end("one\ntwo\n"));
    expect(must(call)).toEqual({ path, bytes: 8, cut: false, masked: 0 });
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
    expect(readdirSync(dirname(path))).toEqual(["file.jsonl"]);
  });

  it("follows a redirect, with the key on the API's own origin only", async () => {
    const seen: (string | undefined)[] = [];
    const elsewhere = await talking((request, response) => {
      seen.push(request.headers.authorization);
      response.end("one\n");
    });
    const { call, path } = await download((request, response) => {
      if (request.url?.startsWith("/blob") === true) {
        seen.push(request.headers.authorization);
        response.writeHead(307, { location: `http://127.0.0.1:${elsewhere.port}/signed?X-Signature=SECRET` }).end();
      } else response.writeHead(302, { location: "/blob?X-Signature=SECRET" }).end();
    });
    expect(must(call).bytes).toBe(4);
    expect(readFileSync(path, "utf8")).toBe("one\n");
    expect(seen).toEqual([expect.stringMatching(/^Bearer sk-/), undefined]);
  });

  it.each<[string, Handler]>([
    ["to nowhere", (_, response) => response.writeHead(302, { location: "/gone?X-Signature=SECRET" }).end()],
    ["to no address", (_, response) => response.writeHead(302, { location: "http://[SECRET" }).end()],
    ["to nobody", (_, response) => response.writeHead(302, { location: "http://127.0.0.1:9/SECRET" }).end()],
    ["to a file", (_, response) => response.writeHead(302, { location: "file:///SECRET" }).end()],
  ])("gives up on a redirect %s, and does not say where it led", async (_, handler) => {
    const { call } = await download(handler);
    expect(JSON.stringify(failure(call))).not.toMatch(/SECRET|signature/i);
  });

  it.each<[string, Handler]>([
    [
      "is torn",
      (_, response) => response.writeHead(200, { "content-length": "100" }).write("half", () => response.destroy()),
    ],
    ["breaks off between chunks", (_, response) => response.writeHead(200).write("half", () => response.destroy())],
    ["falls silent", (_, response) => response.writeHead(200, { "content-length": "100" }).write("half")],
    ["is an HTML page", (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("hello")],
    ["is an HTML page that does not say so", (_, response) => response.writeHead(200).end("<!doctype html><p>hello")],
  ])("leaves nothing behind of a body that %s", async (_, handler) => {
    const { call, path } = await download(handler, { idleTimeoutMs: 200 });
    expect(failure(call)).toMatchObject({ kind: "ambiguous" });
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  it("keeps as many bytes as were asked for of a body without an end, and says that it was cut", async () => {
    const piece = Buffer.alloc(64 * 1024, "x");
    const { provider } = await talking((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(piece));
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    const path = join(temporaryFolder(), "file.jsonl");
    expect(must(await provider.download("file-1", path, 1_000_000))).toMatchObject({ bytes: 1_000_000, cut: true });
    expect(readFileSync(path).length).toBe(1_000_000);
  });

  it("gives up on a body that trickles, though it is never silent for long", async () => {
    const timers: NodeJS.Timeout[] = [];
    const { call, path } = await download(
      (_, response) => {
        timers.push(setInterval(() => response.write("x"), 20));
        response.on("close", () => timers.forEach(clearInterval));
      },
      { idleTimeoutMs: 300 },
    );
    expect(failure(call)).toMatchObject({
      kind: "ambiguous",
      message: expect.stringContaining("slower than 1000 bytes"),
    });
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  it("takes a body that comes slowly, but faster than that", async () => {
    const { call } = await download(
      (_, response) => {
        let sent = 0;
        const timer = setInterval(() => {
          response.write("x".repeat(200));
          if (++sent === 40) {
            clearInterval(timer);
            response.end();
          }
        }, 20);
      },
      { idleTimeoutMs: 300 },
    );
    expect(must(call).bytes).toBe(8000);
  });

  it("reports a destination that cannot be written as the disk's problem, not the provider's", async () => {
    const { provider } = await talking((_, response) => response.end("content"));
    const folder = temporaryFolder();
    await expect(provider.download("file-1", folder, 1e9)).rejects.toThrow(ProblemError);
    expect(existsSync(`${folder}.part`)).toBe(false);
  });

  it("leaves an older file alone when the new one is torn", async () => {
    const { provider } = await talking((_, response) =>
      response.writeHead(200, { "content-length": "100" }).write("half", () => response.destroy()),
    );
    const path = join(temporaryFolder(), "file.jsonl");
    writeFileSync(path, "older");
    expect(failure(await provider.download("file-1", path, 1e9))).toMatchObject({ kind: "ambiguous" });
    expect(readFileSync(path, "utf8")).toBe("older");
    expect(existsSync(`${path}.part`)).toBe(false);
  });
});

describe("an answer that is longer than any", () => {
  it("ends where it is too long, also when it comes as a few compressed bytes", async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024, " "));
    expect(bomb.length).toBeLessThan(300_000);
    const { provider } = await talking((_, response) =>
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" }).end(bomb),
    );
    const message = expect.stringContaining("at most 67108864 bytes");
    expect(failure(await provider.retrieveBatch("batch_1"))).toMatchObject({ kind: "ambiguous", message });
    expect(failure(await provider.listBatches({ limit: 100 }))).toMatchObject({ kind: "ambiguous", message });
  });
});

describe("uploads", () => {
  it("sends the file with its length under the name given", async () => {
    const seen: { type?: string | undefined; length?: string | undefined; body: string } = { body: "" };
    const server = createServer((request, response) => {
      seen.type = request.headers["content-type"];
      seen.length = request.headers["content-length"];
      request.setEncoding("utf8");
      request.on("data", (chunk: string) => {
        seen.body += chunk;
      });
      request.on("end", () => {
        const bytes = readFileSync(file.path).length;
        json(200, { id: "file-9", object: "file", bytes, created_at: 5, filename: "j-1.jsonl" })(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    afterwards(() => {
      server.close();
    });
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const file = { ...requestFile(3), filename: "j-1.jsonl" };
    const provider = openOpenAiProvider({ apiKey: "k", baseUrl: `http://127.0.0.1:${port}/v1` });
    expect(must(await provider.upload(file))).toMatchObject({
      id: "file-9",
      filename: "j-1.jsonl",
      bytes: Buffer.byteLength(readFileSync(file.path)),
    });
    expect(seen.type).toMatch(/^multipart\/form-data; boundary=/);
    expect(Number(seen.length)).toBe(Buffer.byteLength(seen.body));
    expect(seen.body).toContain('name="purpose"\r\n\r\nbatch');
    expect(seen.body).toContain('filename="j-1.jsonl"');
    expect(seen.body).toContain(readFileSync(file.path, "utf8"));
  });

  it("follows no redirect either", async () => {
    const { provider, calls } = await talking((_, response) =>
      response.writeHead(307, { location: "/v1/elsewhere" }).end(),
    );
    expect(failure(await provider.upload(requestFile(3)))).toMatchObject({ kind: "ambiguous" });
    expect(calls()).toBe(1);
  });

  it("passes on the size that the API reports", async () => {
    const { provider } = await talking(json(200, { id: "file-9", bytes: 1, filename: "modified_file.jsonl" }));
    expect(must(await provider.upload(requestFile(3)))).toMatchObject({ id: "file-9", bytes: 1 });
  });
});

describe("real-time answers", () => {
  const ask = { url: "/v1/chat/completions", body: { model: "m", messages: [] } } as const;

  it("keeps the body as it came, with what the headers say", async () => {
    const text = '{ "id":"x",\n "spaced" : true }';
    const headers = {
      "content-type": "application/json",
      "x-request-id": "req_1",
      "x-ratelimit-remaining-requests": "12",
      "x-ratelimit-remaining-tokens": "3400",
      "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-reset-tokens": "6m0s",
    };
    const { provider } = await talking((_, response) => response.writeHead(200, headers).end(text));
    expect(must(await provider.answer(ask))).toEqual({
      status: 200,
      bodyText: text,
      masked: 0,
      requestId: "req_1",
      remaining: { requests: 12, tokens: 3400, resetMs: 360_000 },
    });
  });

  it("gives back a refusal of the request as its answer, raw", async () => {
    const text = '{"error": {"message": "too long",  "code": "context_length_exceeded"}}';
    const { provider } = await talking((_, response) =>
      response.writeHead(400, { "content-type": "application/json" }).end(text),
    );
    expect(must(await provider.answer(ask))).toMatchObject({ status: 400, bodyText: text });
  });

  it.each([
    [401, error("wrong key"), "auth"],
    [429, error("slow down"), "rate-limited"],
    [429, error("no credit", "insufficient_quota"), "refused"],
    [500, error("oops"), "ambiguous"],
  ])("does not take %i for an answer", async (status, body, kind) => {
    const { provider } = await talking(json(status, body));
    expect(failure(await provider.answer(ask))).toMatchObject({ kind });
  });

  it("does not take a proxy's 413 page for an answer", async () => {
    const { provider } = await talking((_, response) => response.writeHead(413).end("<html>too large</html>"));
    expect(failure(await provider.answer(ask))).toMatchObject({ kind: "refused", status: 413 });
  });
});
