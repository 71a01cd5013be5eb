import { rename, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Endpoint } from "../../batch/provider.ts";
import { isJsonObject, type JsonObject } from "../../graph/json.ts";
import { answerTo } from "./answers.ts";
import { BatchRunner, type Standing } from "./batches.ts";
import { createBatch, ENDPOINTS, readCreate } from "./create.ts";
import type { Operation } from "./faults.ts";
import { appendToLedger, readLedger, requestKeys } from "./ledger.ts";
import { boundaryIn, receiveForm } from "./multipart.ts";
import { batchObject, fileObject, listPage } from "./objects.ts";
import { simId } from "./random.ts";
import { errorReply, jsonReply, type Reply } from "./reply.ts";
import type { FileRecord } from "./state.ts";
import { isTerminal } from "./timeline.ts";
import { type Caller, struck, type World } from "./world.ts";

/** A call that the API knows. `operation` is what faults are named by. */
export interface Route {
  readonly operation: Operation | undefined;
  run(request: IncomingMessage, caller: Caller): Promise<Reply>;
}

/** The API's calls over one world. */
export class Routes {
  readonly #world: World;
  readonly #runner: BatchRunner;
  /** How many list calls have passed over each object, for `listing-lag`. */
  readonly #passedOver = new Map<string, number>();
  /** How often each body was asked in real time, so that repeated sampling gets different answers. */
  #asked: Map<string, number> | undefined;
  readonly #startedAt: number;
  #uploads = 0;

  constructor(world: World) {
    this.#world = world;
    this.#startedAt = world.now();
    this.#runner = new BatchRunner(world.state, world, world.now);
  }

  /** The route of a call, or undefined where the API has none. */
  find(method: string, url: URL): Route | undefined {
    const [folder, id, verb, ...rest] = url.pathname
      .replace(/^\/v1\//, "")
      .split("/")
      .map(decoded);
    if (!url.pathname.startsWith("/v1/") || rest.length > 0) return undefined;
    const endpoint = ENDPOINTS.find((path) => path === url.pathname);
    if (endpoint !== undefined && method === "POST") {
      return { operation: "answer", run: (request) => this.#answer(endpoint, request) };
    }
    if (folder === "files") return this.#fileRoute(method, id, verb, url.searchParams);
    if (folder === "batches") return this.#batchRoute(method, id, verb, url.searchParams);
    return undefined;
  }

  /** Brings every batch up to the present, so that the ledger is complete. */
  async settle(): Promise<void> {
    for (const { id } of this.#world.state.batches()) await this.#runner.look(id);
  }

  #fileRoute(
    method: string,
    id: string | undefined,
    verb: string | undefined,
    query: URLSearchParams,
  ): Route | undefined {
    if (id === undefined) {
      if (method === "POST") return { operation: "upload", run: (request, caller) => this.#upload(request, caller) };
      if (method === "GET")
        return { operation: "list-files", run: async (_, caller) => this.#listFiles(query, caller) };
      return undefined;
    }
    if (verb === "content" && method === "GET") {
      return { operation: "download", run: async (_, caller) => this.#content(id, caller) };
    }
    if (verb !== undefined) return undefined;
    const one = (use: (file: FileRecord) => Reply): Route => ({
      operation: undefined,
      run: async (_, caller) => {
        const file = this.#ownFile(id, caller);
        return file === undefined ? noFile(id) : use(file);
      },
    });
    if (method === "GET") return one((file) => jsonReply(200, fileObject(file)));
    if (method !== "DELETE") return undefined;
    return one(() => {
      this.#world.state.removeFile(id);
      return jsonReply(200, { id, object: "file", deleted: true });
    });
  }

  #batchRoute(
    method: string,
    id: string | undefined,
    verb: string | undefined,
    query: URLSearchParams,
  ): Route | undefined {
    if (id === undefined) {
      if (method === "POST") return { operation: "create", run: (request, caller) => this.#create(request, caller) };
      if (method === "GET") return { operation: "list", run: (_, caller) => this.#listBatches(query, caller) };
      return undefined;
    }
    if (verb === undefined && method === "GET") {
      return { operation: "retrieve", run: (_, caller) => this.#retrieve(id, caller) };
    }
    if (verb === "cancel" && method === "POST") {
      return { operation: "cancel", run: (_, caller) => this.#cancel(id, caller) };
    }
    return undefined;
  }

  async #upload(request: IncomingMessage, caller: Caller): Promise<Reply> {
    const { state, now, seed } = this.#world;
    const boundary = boundaryIn(request.headers["content-type"]);
    if (boundary === undefined) return errorReply(400, "Expected a multipart/form-data body.", null);
    const temporary = state.temporaryPath(`upload-${++this.#uploads}`);
    try {
      const form = await receiveForm(request, boundary, temporary);
      if (!form.ok) return errorReply(400, `Could not parse multipart form: ${form.error}.`, null);
      const { file, fields } = form.value;
      const purpose = fields.get("purpose");
      if (purpose === undefined) return errorReply(400, "Missing required parameter: 'purpose'.", null, "purpose");
      if (file === undefined || file.field !== "file")
        return errorReply(400, "Missing required parameter: 'file'.", null, "file");
      if (purpose === "batch" && !file.filename.endsWith(".jsonl")) {
        return errorReply(400, "Invalid file format for Batch API. Must be .jsonl", null);
      }
      const id = state.claimId("files", "file-", seed, file.filename, file.digest);
      const at = now();
      const record: FileRecord = {
        v: 1,
        id,
        order: state.nextOrder(at),
        filename: file.filename,
        bytes: file.bytes,
        purpose,
        createdAtMs: at,
        owner: caller.owner,
      };
      await rename(temporary, state.contentPath(id));
      state.saveFile(record);
      appendToLedger(state.dir, [{ event: "upload", fileId: id, filename: file.filename, at }]);
      return jsonReply(200, fileObject(record));
    } finally {
      await rm(temporary, { force: true });
    }
  }

  #listFiles(query: URLSearchParams, caller: Caller): Reply {
    const purpose = query.get("purpose");
    const files = this.#world.state
      .files()
      .filter((file) => file.owner === caller.owner && (purpose === null || file.purpose === purpose))
      .filter((file) => this.#isListed(file.id, file.createdAtMs, caller));
    const ordered = query.get("order") === "asc" ? files.toReversed() : files;
    return jsonReply(200, listPage(ordered, paging(query, 10_000), fileObject));
  }

  #content(id: string, caller: Caller): Reply {
    const file = this.#ownFile(id, caller);
    if (file === undefined || struck(caller, "output-file-gone") !== undefined) return noFile(id);
    return {
      status: 200,
      headers: { "content-type": "application/octet-stream" },
      body: { kind: "file", path: this.#world.state.contentPath(id), bytes: file.bytes },
    };
  }

  async #create(request: IncomingMessage, caller: Caller): Promise<Reply> {
    const body = await readJson(request);
    if (body === undefined) return errorReply(400, "We could not parse the JSON body of your request.", null);
    const asked = readCreate(body);
    if (typeof asked !== "object") return errorReply(400, asked, null);
    const file = this.#ownFile(asked.fileId, caller);
    if (file === undefined || struck(caller, "file-not-found-after-upload") !== undefined) {
      const message = `Cannot find file ${asked.fileId}, or the project does not have access to it.`;
      return errorReply(400, message, null, "file_id");
    }
    if (file.purpose !== "batch")
      return errorReply(400, "The input file must have the purpose 'batch'.", null, "file_id");
    return jsonReply(200, batchObject(await createBatch(this.#world, caller, asked, file)));
  }

  async #retrieve(id: string, caller: Caller): Promise<Reply> {
    const standing = await this.#ownBatch(id, caller);
    if (standing === undefined || struck(caller, "foreign-batch") !== undefined) return noBatch(id);
    return jsonReply(200, batchObject(standing));
  }

  async #listBatches(query: URLSearchParams, caller: Caller): Promise<Reply> {
    const standings: (Standing & { readonly id: string })[] = [];
    for (const { id, owner, course } of this.#world.state.batches()) {
      if (owner !== caller.owner || !this.#isListed(id, course.createdAtMs, caller)) continue;
      const standing = await this.#runner.look(id);
      if (standing !== undefined) standings.push({ id, ...standing });
    }
    return jsonReply(200, listPage(standings, paging(query, 100), batchObject));
  }

  async #cancel(id: string, caller: Caller): Promise<Reply> {
    const before = await this.#ownBatch(id, caller);
    if (before === undefined) return noBatch(id);
    if (isTerminal(before.progress.status)) {
      return errorReply(409, `Cannot cancel a batch with status '${before.progress.status}'.`, null);
    }
    const standing = await this.#runner.cancel(id);
    return standing === undefined ? noBatch(id) : jsonReply(200, batchObject(standing));
  }

  async #answer(endpoint: Endpoint, request: IncomingMessage): Promise<Reply> {
    const { state, seed, yieldShare, timing, now } = this.#world;
    const body = await readJson(request);
    if (body === undefined) return errorReply(400, "We could not parse the JSON body of your request.", null);
    const keys = requestKeys(body, "");
    const before = this.#countAsked(keys.bodyKey);
    const answer = answerTo({ seed, endpoint, body, variation: `direct-${before}`, yieldShare });
    if (timing.answerMs > 0) await pause(timing.answerMs * timing.scale, undefined, { ref: false });
    if (answer.status === 200) {
      appendToLedger(state.dir, [
        { event: "charge", ...keys, customId: "", batchId: null, tokens: answer.tokens, at: now() },
      ]);
    }
    return jsonReply(answer.status, answer.body, {
      "x-request-id": simId("req_", seed, keys.bodyKey, before),
      "x-ratelimit-limit-requests": "10000",
      "x-ratelimit-remaining-requests": "9999",
      "x-ratelimit-reset-requests": "6ms",
      "x-ratelimit-limit-tokens": "2000000",
      "x-ratelimit-remaining-tokens": String(2_000_000 - answer.tokens.input),
      "x-ratelimit-reset-tokens": "1m0s",
    });
  }

  /** How often this body was asked before, in earlier processes too. */
  #countAsked(bodyKey: string): number {
    if (this.#asked === undefined) {
      this.#asked = new Map();
      for (const charge of readLedger(this.#world.state.dir).charges) {
        if (charge.batchId === null) this.#asked.set(charge.bodyKey, (this.#asked.get(charge.bodyKey) ?? 0) + 1);
      }
    }
    const before = this.#asked.get(bodyKey) ?? 0;
    this.#asked.set(bodyKey, before + 1);
    return before;
  }

  #isListed(id: string, createdAtMs: number, caller: Caller): boolean {
    const fault = struck(caller, "listing-lag");
    // What an earlier server made has long been listed.
    if (fault === undefined || createdAtMs < this.#startedAt) return true;
    const [, amount, unit] = /^(\d+)(ms|calls)$/.exec(fault.value ?? "2calls") ?? [];
    if (unit === "ms") return this.#world.now() - createdAtMs >= Number(amount);
    const passed = (this.#passedOver.get(id) ?? 0) + 1;
    this.#passedOver.set(id, passed);
    return passed > Number(amount);
  }

  #ownFile(id: string, caller: Caller): FileRecord | undefined {
    const file = this.#world.state.file(id);
    return file?.owner === caller.owner ? file : undefined;
  }

  async #ownBatch(id: string, caller: Caller): Promise<Standing | undefined> {
    if (this.#world.state.batch(id)?.owner !== caller.owner) return undefined;
    return this.#runner.look(id);
  }
}

/** A call's JSON body; bounded, since no call but an upload is large. */
async function readJson(request: IncomingMessage): Promise<JsonObject | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Uint8Array)) continue;
    bytes += chunk.length;
    if (bytes > 32 * 1024 * 1024) return undefined;
    chunks.push(chunk);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function paging(query: URLSearchParams, most: number): { readonly after: string | null; readonly limit: number } {
  const limit = Number(query.get("limit") ?? "20");
  return { after: query.get("after"), limit: Number.isInteger(limit) ? Math.min(Math.max(1, limit), most) : 20 };
}

function noFile(id: string): Reply {
  return errorReply(404, `No such File object: ${id}`, null, "id");
}

function noBatch(id: string): Reply {
  return errorReply(404, `No batch found with id '${id}'.`, null);
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return "";
  }
}
