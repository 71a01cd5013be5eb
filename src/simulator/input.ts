import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { RemoteBatchError } from "../batch/provider.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { embeddedTexts } from "./embeddings.ts";
import { parseJsonObject } from "./json-body.ts";
import { promptTokens } from "./question.ts";

/** One line of an input file. */
export interface InputLine {
  readonly customId: string;
  readonly body: JsonObject;
}

/** What validation found in a batch's input file. */
export interface Inspection {
  readonly total: number;
  readonly model: string | null;
  readonly enqueuedTokens: number;
  readonly customIds: readonly string[];
  readonly errors: readonly RemoteBatchError[];
}

export interface BatchLimits {
  readonly requests: number;
  readonly bytes: number;
}

/** The Batch API's own: 50,000 requests and 200 MB a file. */
export const BATCH_LIMITS: BatchLimits = { requests: 50_000, bytes: 200 * 1024 * 1024 };

/** Texts to embed over all requests of a batch, as documented. */
const MOST_EMBEDDED = 50_000;

const MOST_ERRORS = 100;

/** Checks an input file line by line, as the API does while a batch is `validating`. */
export async function inspectInput(
  path: string,
  bytes: number,
  endpoint: string,
  limits: BatchLimits,
): Promise<Inspection> {
  const errors: RemoteBatchError[] = [];
  const customIds = new Set<string>();
  let total = 0;
  let model: string | null = null;
  let enqueuedTokens = 0;
  let embedded = 0;
  const fail = (code: string, message: string, line: number | null, param: string | null) => {
    if (errors.length < MOST_ERRORS) errors.push({ code, message, line, param });
  };
  if (bytes > limits.bytes) {
    fail("file_too_large", `The input file exceeds the maximum size of ${limits.bytes} bytes.`, null, null);
    return { total: 0, model, enqueuedTokens, customIds: [], errors };
  }
  for await (const { text } of linesOf(path)) {
    total++;
    if (total > limits.requests) continue;
    const request = parseJsonObject(text);
    if (request === undefined) {
      fail("invalid_json_line", "This line is not parseable as valid JSON.", total, null);
      continue;
    }
    for (const name of ["custom_id", "method", "url", "body"]) {
      if (request[name] === undefined)
        fail("missing_required_parameter", `Missing required parameter: '${name}'.`, total, name);
    }
    const customId = request["custom_id"];
    if (typeof customId === "string") {
      if (customIds.has(customId)) {
        const message =
          "The custom_id for this request is a duplicate of another request. The custom_id parameter must be unique for each request in a batch.";
        fail("duplicate_custom_id", message, total, "custom_id");
      }
      customIds.add(customId);
    } else if (customId !== undefined) {
      fail("invalid_type", "Invalid type for 'custom_id': expected a string.", total, "custom_id");
    }
    if (request["method"] !== undefined && request["method"] !== "POST") {
      fail("invalid_method", "The method of a request must be POST.", total, "method");
    }
    if (request["url"] !== undefined && request["url"] !== endpoint) {
      fail(
        "url_mismatch",
        `The URL provided for this request does not match the batch endpoint. Expected '${endpoint}'.`,
        total,
        "url",
      );
    }
    const body = request["body"];
    if (!isJsonObject(body)) {
      if (body !== undefined) fail("invalid_type", "Invalid type for 'body': expected an object.", total, "body");
      continue;
    }
    if (body["stream"] === true) {
      const message = "The 'stream' parameter is not supported by the Batch API.";
      fail("unsupported_parameter", message, total, "body.stream");
    }
    enqueuedTokens += promptTokens(body);
    if (endpoint === "/v1/embeddings") embedded += embeddedTexts(body["input"]).length;
    const asked = body["model"];
    if (typeof asked !== "string") continue;
    model ??= asked;
    if (asked !== model) {
      const message = `The provided model '${asked}' does not match the batch model '${model}'. All requests in a batch must use the same model.`;
      fail("model_mismatch", message, total, "body.model");
    }
  }
  if (total === 0) fail("empty_file", "The input file is empty.", null, null);
  if (total > limits.requests) {
    fail(
      "too_many_tasks",
      `The batch input file contains too many requests. The limit is ${limits.requests}, but found ${total}.`,
      null,
      null,
    );
  }
  if (embedded > MOST_EMBEDDED) {
    const message = `The batch input file contains too many embedding inputs. The limit is ${MOST_EMBEDDED}, but found ${embedded}.`;
    fail("too_many_tasks", message, null, null);
  }
  return { total, model, enqueuedTokens, customIds: [...customIds], errors };
}

/** A validated input file, opened for reading line by line in any order. */
export class InputFile {
  readonly #handle: FileHandle;
  readonly #spans: readonly Span[];

  private constructor(handle: FileHandle, spans: readonly Span[]) {
    this.#handle = handle;
    this.#spans = spans;
  }

  static async open(path: string, spans: readonly Span[]): Promise<InputFile> {
    return new InputFile(await open(path, "r"), spans);
  }

  async line(index: number): Promise<InputLine> {
    const span = this.#spans[index];
    if (span === undefined) throw new Error(`the input file has no line ${index}`);
    const buffer = Buffer.alloc(span.length);
    await this.#handle.read(buffer, 0, span.length, span.start);
    const request = parseJsonObject(buffer.toString("utf8"));
    const customId = request?.["custom_id"];
    const body = request?.["body"];
    if (typeof customId !== "string" || !isJsonObject(body)) throw new Error(`line ${index} was not validated`);
    return { customId, body };
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Where a line lies in its file. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

/** Where each line of an input file lies; worth keeping between two looks at a large batch. */
export async function spansOf(path: string): Promise<readonly Span[]> {
  const spans: Span[] = [];
  for await (const { start, length } of linesOf(path)) spans.push({ start, length });
  return spans;
}

/** The non-empty lines of a file with where they lie; no more of it in memory than its longest line. */
async function* linesOf(path: string): AsyncGenerator<Span & { readonly text: string }> {
  let pending: Buffer[] = [];
  let start = 0;
  const cut = (): (Span & { readonly text: string }) | undefined => {
    const line = Buffer.concat(pending);
    pending = [];
    const text = line.toString("utf8");
    return text.trim() === "" ? undefined : { start, length: line.length, text };
  };
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    if (!Buffer.isBuffer(chunk)) continue;
    let from = 0;
    for (let end = chunk.indexOf(10, from); end !== -1; end = chunk.indexOf(10, from)) {
      pending.push(chunk.subarray(from, end));
      const length = pending.reduce((sum, piece) => sum + piece.length, 0);
      const line = cut();
      if (line !== undefined) yield line;
      start += length + 1;
      from = end + 1;
    }
    if (from < chunk.length) pending.push(chunk.subarray(from));
  }
  const last = cut();
  if (last !== undefined) yield last;
}
