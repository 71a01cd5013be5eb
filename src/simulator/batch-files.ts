import { type FileHandle, open } from "node:fs/promises";
import type { RemoteBatchError } from "../batch/provider.ts";
import { fileLines } from "../engine/file-lines.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { embeddedTexts } from "./other-answers.ts";
import { promptTokens } from "./question.ts";
import { simId } from "./random.ts";
import { parseJsonObject } from "./reply.ts";
import { BATCH_FILE_SECONDS } from "./requests.ts";
import type { BatchRecord, SimulatorState } from "./state.ts";

/* The files of a batch: its requests, and its results. */

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
  const fail = (code: string, message: string, line: number | null = null, param: string | null = null) => {
    if (errors.length < MOST_ERRORS) errors.push({ code, message, line, param });
  };
  if (bytes > limits.bytes) {
    fail("file_too_large", `The input file exceeds the maximum size of ${limits.bytes} bytes.`);
    return { total: 0, model, enqueuedTokens, customIds: [], errors };
  }
  for (const { raw } of fileLines(path, Number.POSITIVE_INFINITY)) {
    const text = raw ?? "";
    if (text.trim() === "") continue;
    const line = ++total;
    if (line > limits.requests) continue;
    const request = parseJsonObject(text);
    if (request === undefined) {
      fail("invalid_json_line", "This line is not parseable as valid JSON.", line);
      continue;
    }
    for (const name of ["custom_id", "method", "url", "body"]) {
      if (request[name] !== undefined) continue;
      fail("missing_required_parameter", `Missing required parameter: '${name}'.`, line, name);
    }
    const { custom_id: customId, method = "POST", url = endpoint, body } = request;
    if (typeof customId === "string") {
      if (customIds.has(customId)) fail("duplicate_custom_id", DUPLICATE, line, "custom_id");
      customIds.add(customId);
    } else if (customId !== undefined) {
      fail("invalid_type", "Invalid type for 'custom_id': expected a string.", line, "custom_id");
    }
    if (method !== "POST") fail("invalid_method", "The method of a request must be POST.", line, "method");
    if (url !== endpoint) {
      const message = `The URL provided for this request does not match the batch endpoint. Expected '${endpoint}'.`;
      fail("url_mismatch", message, line, "url");
    }
    if (!isJsonObject(body)) {
      if (body !== undefined) fail("invalid_type", "Invalid type for 'body': expected an object.", line, "body");
      continue;
    }
    if (body["stream"] === true) {
      const message = "The 'stream' parameter is not supported by the Batch API.";
      fail("unsupported_parameter", message, line, "body.stream");
    }
    enqueuedTokens += promptTokens(body);
    if (endpoint === "/v1/embeddings") embedded += embeddedTexts(body["input"]).length;
    const asked = body["model"];
    if (typeof asked !== "string") continue;
    model ??= asked;
    if (asked === model) continue;
    const message = `The provided model '${asked}' does not match the batch model '${model}'. All requests in a batch must use the same model.`;
    fail("model_mismatch", message, line, "body.model");
  }
  if (total === 0) fail("empty_file", "The input file is empty.");
  const tooMany = (what: string, limit: number, found: number) => {
    const message = `The batch input file contains too many ${what}. The limit is ${limit}, but found ${found}.`;
    if (found > limit) fail("too_many_tasks", message);
  };
  tooMany("requests", limits.requests, total);
  tooMany("embedding inputs", MOST_EMBEDDED, embedded);
  return { total, model, enqueuedTokens, customIds: [...customIds], errors };
}

const DUPLICATE =
  "The custom_id for this request is a duplicate of another request. The custom_id parameter must be unique for each request in a batch.";

/** One line of an input file. */
export interface InputLine {
  readonly customId: string;
  readonly body: JsonObject;
}

/** A validated input file, to be read line by line in any order. */
export interface InputFile {
  readonly handle: FileHandle;
  readonly spans: readonly Span[];
}

export async function lineOf({ handle, spans }: InputFile, index: number): Promise<InputLine> {
  const span = spans[index];
  if (span === undefined) throw new Error(`the input file has no line ${index}`);
  const buffer = Buffer.alloc(span.length);
  await handle.read(buffer, 0, span.length, span.start);
  const { custom_id: customId, body } = parseJsonObject(buffer.toString("utf8")) ?? {};
  if (typeof customId !== "string" || !isJsonObject(body)) throw new Error(`line ${index} was not validated`);
  return { customId, body };
}

/** Where a line lies in its file. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

/** Where each line of an input file lies; worth keeping between two looks at a large batch. */
export async function spansOf(path: string): Promise<readonly Span[]> {
  const spans: Span[] = [];
  for (const { raw, offset, length } of fileLines(path)) if (raw?.trim() !== "") spans.push({ start: offset, length });
  return spans;
}

/** A result file in the making; it becomes visible only when it is whole. */
export class ResultFile {
  readonly #state: SimulatorState;
  readonly #record: BatchRecord;
  readonly #kind: "output" | "error";
  readonly #temporary: string;
  readonly #pending: Buffer[] = [];
  #handle: FileHandle | undefined;
  #pendingBytes = 0;
  #bytes = 0;
  lines = 0;

  constructor(state: SimulatorState, record: BatchRecord, kind: "output" | "error") {
    this.#state = state;
    this.#record = record;
    this.#kind = kind;
    this.#temporary = state.temporaryPath(`${record.id}.${kind}`);
  }

  /** Whether its lines are so long that each is work enough for a turn. */
  get isLarge(): boolean {
    return this.#bytes > this.lines * 100_000;
  }

  /** One line of embeddings may have 70 MB: only lines are ever held as texts, never what they make together. */
  async add(line: JsonObject): Promise<void> {
    const data = Buffer.from(`${JSON.stringify(line)}\n`);
    this.#pending.push(data);
    this.#pendingBytes += data.length;
    this.lines++;
    if (this.#pendingBytes >= 1 << 20) await this.#flush();
  }

  /** The file's id, or null when it would be empty: the API then names none. */
  async finish(now: number): Promise<string | null> {
    if (this.lines === 0) return null;
    await this.#flush();
    await this.#handle?.close();
    const { id: batch, outputExpiresAfter, owner } = this.#record;
    const id = simId("file-", batch, this.#kind);
    this.#state.addFile(this.#temporary, {
      id,
      filename: `${batch}_${this.#kind}.jsonl`,
      bytes: this.#bytes,
      purpose: "batch_output",
      createdAtMs: now,
      expiresAfter: outputExpiresAfter ?? BATCH_FILE_SECONDS,
      owner,
    });
    return id;
  }

  async #flush(): Promise<void> {
    this.#handle ??= await open(this.#temporary, "w");
    await this.#handle.writeFile(Buffer.concat(this.#pending));
    this.#bytes += this.#pendingBytes;
    this.#pending.length = 0;
    this.#pendingBytes = 0;
  }
}
