import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { BatchObject, Json, Line, OddBatch, OddCase, OddLedger, Page, Reply, Settled } from "./odd-case.ts";

/*
 * A server that speaks Files, Batches, Chat Completions, Responses and Embeddings as OpenAI does, but for the hooks of an
 * odd case, each of which bends one answer as a server or gateway in use was reported to. Its ledger says what was charged.
 */

const OVER = new Set(["completed", "failed", "expired", "cancelled"]);

export class OddServer {
  readonly #files = new Map<string, { object: Json; readonly data: Buffer }>();
  readonly #batches = new Map<string, OddBatch>();
  readonly #charges = new Map<string, string[]>();
  readonly #calls: string[] = [];
  readonly #counts = new Map<string, number>();
  readonly #case: OddCase;
  #questions = 0;

  constructor(odd: (server: OddServer) => OddCase) {
    this.#case = odd(this);
  }

  ledger(): OddLedger {
    const paidTwice = [...this.#charges.values()].filter((times) => times.length > 1).length;
    return { charges: this.#charges, paidTwice, calls: this.#calls };
  }

  charge(line: Line, batch: OddBatch): void {
    this.#charge(line.custom_id, batch.object.id);
  }

  /** Records no two of which are alike. */
  records(count = 2): string {
    const records = Array.from({ length: count }, () => {
      const at = ++this.#questions;
      return { question: `What is number ${at}?`, answer: `It is ${at}` };
    });
    return JSON.stringify({ records });
  }

  /** A chat completion; what is in `differing` takes the place of its own keys. */
  completion(body: Json, differing: Json = {}): Json {
    const message = { role: "assistant", content: this.records(), refusal: null };
    return {
      id: `chatcmpl-${this.#questions}`,
      object: "chat.completion",
      created: seconds(),
      model: body["model"],
      choices: [{ index: 0, message, logprobs: null, finish_reason: "stop" }],
      usage: { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 },
      ...differing,
    };
  }

  /** An output line with status 200. */
  answer(line: Line, body: Json = this.completion(line.body)): Json {
    return this.line(line, 200, body);
  }

  /** An output line of any status. */
  line({ custom_id }: Line, status: number, body: Json): Json {
    const id = custom_id.slice(-8);
    return {
      id: `batch_req_${id}`,
      custom_id,
      response: { status_code: status, request_id: `req_${id}`, body },
      error: null,
    };
  }

  /** A line with status 200 for each request, with such a body. */
  answerEach(lines: readonly Line[], body: (line: Line, at: number) => Json): Settled {
    return { output: lines.map((line, at) => this.answer(line, body(line, at))) };
  }

  /** Every line answered, and charged: how a batch ends unless its case says otherwise. */
  answerAll(batch: OddBatch, lines: readonly Line[]): Settled {
    for (const line of lines) this.charge(line, batch);
    return { output: lines.map((line) => this.answer(line)) };
  }

  async start(): Promise<{ readonly url: string; close(): Promise<void> }> {
    const server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) =>
        response.destroy(error instanceof Error ? error : undefined),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}`,
      async close() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://odd");
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const method = request.method ?? "GET";
    const path = url.pathname.replace(/^\/v1/, "");
    this.#calls.push(`${method} ${path}`);
    const reply = this.#route(
      method,
      path,
      url.searchParams,
      Buffer.concat(parts),
      request.headers["content-type"] ?? "",
    );
    if (reply === "reset") {
      request.socket.resetAndDestroy();
      return;
    }
    const raw = Buffer.isBuffer(reply.body);
    const data = Buffer.isBuffer(reply.body) ? reply.body : Buffer.from(JSON.stringify(reply.body));
    const type = raw ? "application/octet-stream" : "application/json";
    response
      .writeHead(reply.status, { "content-type": type, "content-length": data.length, ...reply.headers })
      .end(data);
  }

  #route(method: string, path: string, query: URLSearchParams, body: Buffer, type: string): Reply | "reset" {
    const [, kind = "", id = "", act = ""] = path.split("/");
    if (path === "/blob") return { status: 200, body: this.#files.get(query.get("f") ?? "")?.data ?? Buffer.of() };
    if (path === "/files") return method === "POST" ? this.#upload(body, type) : this.#listFiles();
    const file = kind === "files" ? this.#files.get(id) : undefined;
    if (file !== undefined)
      return act === "content" ? this.#content(id, file.data) : { status: 200, body: file.object };
    if (path === "/batches") return method === "POST" ? this.#create(jsonOf(body)) : this.#list(query);
    const batch = kind === "batches" ? this.#batches.get(id) : undefined;
    if (batch !== undefined) {
      if (act === "cancel") batch.object.status = "cancelling";
      else this.#step(batch);
      return { status: 200, body: this.#shown(batch) };
    }
    if (method === "POST" && ["/chat/completions", "/responses", "/embeddings"].includes(path)) {
      return this.#direct(jsonOf(body));
    }
    return refusal(404, `Unknown request URL: ${method} ${path}.`);
  }

  #upload(body: Buffer, type: string): Reply {
    const boundary = /boundary="?([^";]+)"?/.exec(type)?.[1] ?? "";
    for (const part of body.toString("latin1").split(`--${boundary}`)) {
      const [head = "", ...rest] = part.split("\r\n\r\n");
      const name = /filename="([^"]*)"/.exec(head)?.[1];
      if (name === undefined) continue;
      const file = this.#file(name, Buffer.from(rest.join("\r\n\r\n").replace(/\r\n$/, ""), "latin1"), "batch");
      const shown = this.#case.onUpload?.(file.object, this.#count("upload"));
      if (shown !== undefined) file.object = shown;
      return { status: 200, body: file.object };
    }
    return refusal(400, "'file' is a required property");
  }

  #file(filename: string, data: Buffer, purpose: string) {
    const id = `file-${digest(`${filename}${this.#files.size}`).slice(0, 22)}`;
    const object = {
      id,
      object: "file",
      bytes: data.length,
      created_at: seconds(),
      filename,
      purpose,
      status: "processed",
    };
    const file = { object: object as Json, data };
    this.#files.set(id, file);
    return file;
  }

  #listFiles(): Reply {
    const data = [...this.#files.values()].map(({ object }) => object);
    return { status: 200, body: { object: "list", data: data.slice(0, 100), has_more: false } };
  }

  #content(id: string, data: Buffer): Reply {
    return this.#case.onContent?.(id, data, this.#count("content")) ?? { status: 200, body: data };
  }

  #create(request: Json): Reply | "reset" {
    const nth = this.#count("create");
    const instead = this.#case.onCreate?.(request, nth);
    if (instead !== undefined) return instead;
    const object: BatchObject = {
      id: `batch_${digest(`batch ${nth}`).slice(0, 32)}`,
      object: "batch",
      endpoint: request["endpoint"],
      errors: null,
      input_file_id: String(request["input_file_id"]),
      completion_window: "24h",
      status: "validating",
      output_file_id: null,
      error_file_id: null,
      created_at: seconds(),
      expires_at: seconds() + 86_400,
      request_counts: { total: 0, completed: 0, failed: 0 },
      metadata: request["metadata"],
    };
    const batch: OddBatch = { object, nth, seen: 0, after: 0 };
    this.#batches.set(object.id, batch);
    if (this.#case.dropCreate?.includes(nth) === true) return "reset";
    return { status: 200, body: this.#shown(batch) };
  }

  #shown(batch: OddBatch): Json {
    return this.#case.show?.({ ...batch.object }, batch) ?? batch.object;
  }

  /** A look moves a batch on, as time would. */
  #step(batch: OddBatch): void {
    const { object } = batch;
    if (OVER.has(object.status)) {
      batch.after++;
      return;
    }
    batch.seen++;
    if (batch.seen < (this.#case.polls ?? 1)) {
      object.status = "in_progress";
      return;
    }
    const input = this.#files.get(object.input_file_id)?.data.toString("utf8") ?? "";
    const lines = input.split("\n").flatMap((line) => (line.trim() === "" ? [] : [JSON.parse(line) as Line]));
    const settled = this.#case.settle?.(batch, lines) ?? this.answerAll(batch, lines);
    const { output, errors = null, status = "completed" } = settled;
    object.status = status;
    object.errors = settled.reasons ?? null;
    object.output_file_id = this.#result(`${object.id}_output.jsonl`, output);
    object.error_file_id = this.#result(`${object.id}_error.jsonl`, errors);
    const [completed, failed] = [output?.length ?? 0, errors?.length ?? 0];
    object.request_counts = settled.counts ?? { total: lines.length, completed, failed };
    batch.after = 1;
  }

  #result(name: string, lines: Settled["output"]): string | null {
    if (lines === null) return null;
    const text = lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join("");
    return String(this.#file(name, Buffer.from(text), "batch_output").object["id"]);
  }

  #list(query: URLSearchParams): Reply {
    const batches = [...this.#batches.values()].reverse();
    for (const batch of batches) this.#step(batch);
    const own = batches.map((batch) => this.#shown(batch));
    const rows = this.#case.listRows?.(own) ?? own;
    const page = this.#case.listPage?.(rows, query, this.#count("list")) ?? pageOf(rows, query);
    const [first, last] = [page.data[0], page.data.at(-1)];
    return {
      status: 200,
      body: { object: "list", first_id: first?.["id"] ?? null, last_id: last?.["id"] ?? null, ...page },
    };
  }

  #direct(body: Json): Reply {
    const n = this.#count("direct");
    const instead = this.#case.direct?.(body, n);
    if (instead !== undefined) return instead;
    this.#charge(`direct ${digest(JSON.stringify(body))}`, `direct ${n}`);
    return { status: 200, body: this.completion(body) };
  }

  #charge(key: string, by: string): void {
    this.#charges.set(key, [...(this.#charges.get(key) ?? []), by]);
  }

  #count(kind: string): number {
    const n = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, n);
    return n;
  }
}

/** A page as OpenAI cuts it: after the batch that is named, `limit` of them. */
function pageOf(rows: readonly Json[], query: URLSearchParams): Page {
  const after = query.get("after");
  const rest = after === null ? rows : rows.slice(rows.findIndex((row) => row["id"] === after) + 1);
  const limit = Number(query.get("limit") ?? 20);
  return { data: rest.slice(0, limit), has_more: rest.length > limit };
}

/** An answer in the API's form of an error. */
export function refusal(status: number, message: string, differing: Json = {}): Reply {
  return { status, body: { error: { message, type: "invalid_request_error", param: null, code: null, ...differing } } };
}

function jsonOf(body: Buffer): Json {
  return JSON.parse(body.toString("utf8")) as Json;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
