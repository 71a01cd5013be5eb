import type { IncomingMessage } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { answerTo } from "./answers.ts";
import { type Call, type Route, readJson } from "./calls.ts";
import { appendToLedger, readLedger, requestKeys } from "./ledger.ts";
import { receiveForm } from "./multipart.ts";
import { simId } from "./random.ts";
import { errorReply, jsonReply, type Reply } from "./reply.ts";
import { ENDPOINTS, type Endpoint } from "./requests.ts";
import type { Simulation } from "./simulation.ts";

/** As documented, for one call that edits images, and its mask. */
const MOST_FILES = 17;

/** The calls that are answered at once: one for each endpoint. */
export function answerRoutes({ state, seed, yieldShare, timing, now }: Simulation): readonly Route[] {
  let asked: Map<string, number> | undefined;

  /** How often a body was asked in real time, in earlier processes too, so that repeated sampling gets different answers. */
  function askedBefore(bodyKey: string): number {
    if (asked === undefined) {
      asked = new Map();
      for (const { batchId, bodyKey: key } of readLedger(state.dir).charges) {
        if (batchId === null) asked.set(key, (asked.get(key) ?? 0) + 1);
      }
    }
    const before = asked.get(bodyKey) ?? 0;
    asked.set(bodyKey, before + 1);
    return before;
  }

  async function answer(endpoint: Endpoint, { request }: Call): Promise<Reply> {
    const read = await readBody(request);
    if (!read.ok) return read.error;
    const body = read.value;
    const keys = requestKeys(body, "");
    const before = askedBefore(keys.bodyKey);
    const answered = answerTo({ seed, endpoint, body, variation: `direct-${before}`, yieldShare });
    if (timing.answerMs > 0) await pause(timing.answerMs * timing.scale, undefined, { ref: false });
    if (answered.status === 200) {
      appendToLedger(state.dir, [
        { event: "charge", ...keys, customId: "", batchId: null, tokens: answered.tokens, at: now() },
      ]);
    }
    const headers = {
      "x-request-id": simId("req_", seed, keys.bodyKey, before),
      "x-ratelimit-limit-requests": "10000",
      "x-ratelimit-remaining-requests": "9999",
      "x-ratelimit-reset-requests": "6ms",
      "x-ratelimit-limit-tokens": "2000000",
      "x-ratelimit-remaining-tokens": String(2_000_000 - answered.tokens.input),
      "x-ratelimit-reset-tokens": "1m0s",
    };
    if (body["stream"] !== true || answered.frames === undefined) {
      return jsonReply(answered.status, answered.body(), headers);
    }
    return {
      status: 200,
      headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", ...headers },
      body: { kind: "frames", frames: answered.frames() },
    };
  }

  return ENDPOINTS.map((path) => ({
    method: "POST",
    path,
    operation: "answer",
    run: (call) => answer(path, call),
  }));
}

/** A JSON body, or a form of images: then files stand in the body by their digests. */
async function readBody(request: IncomingMessage): Promise<Result<JsonObject, Reply>> {
  if (!/^multipart\/form-data/i.test(request.headers["content-type"] ?? "")) return readJson(request);
  const form = await receiveForm(request, request.headers, { files: MOST_FILES });
  if (!form.ok) return err(errorReply(400, { message: `Could not parse multipart form: ${form.error}.` }));
  const body: Record<string, JsonValue> = {};
  for (const [name, value] of form.value.fields) body[name] = fieldValue(value);
  for (const { field, digest } of form.value.files) {
    const name = field.replace(/\[\d*\]$/, "");
    const before = body[name];
    body[name] = [...(Array.isArray(before) ? before : []), digest];
  }
  return ok(body);
}

/** Forms carry numbers and booleans as texts. */
function fieldValue(text: string): JsonValue {
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d+$/.test(text) ? Number(text) : text;
}
