import { createReadStream } from "node:fs";
import type { ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { JsonObject } from "../graph/json.ts";
import { type Fault, isWireFault } from "./faults.ts";
import { errorBody, type Refusal } from "./refusal.ts";

/** What a route answers, before any fault has its way with it. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body:
    | { readonly kind: "text"; readonly text: string }
    | { readonly kind: "file"; readonly path: string; readonly bytes: number }
    /** Server-sent events: sent one by one, their length announced only where a fault says something about it. */
    | { readonly kind: "frames"; readonly frames: readonly string[] };
}

export function jsonReply(status: number, body: JsonObject, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: { kind: "text", text: JSON.stringify(body) },
  };
}

export function refusalReply(status: number, { message, code, param }: Refusal): Reply {
  return jsonReply(status, errorBody(message, "invalid_request_error", code, param));
}

export function serverError(status: number, message = SORRY): Reply {
  return jsonReply(status, errorBody(message, "server_error", null, null));
}
const SORRY = "The server had an error while processing your request. Sorry about that!";

/** The reply that a fault gives in place of acting, or undefined for faults that let the server act. */
export function replyInstead(fault: Fault): Reply | "reset" | "hang" | undefined {
  const { kind } = fault;
  if (!isWireFault(kind)) return undefined;
  switch (kind) {
    case "reset-before":
      return "reset";
    case "timeout-before":
      return "hang";
    case "500-before":
      return serverError(500);
    case "503":
      return serverError(503);
    case "401":
      return refusalReply(401, {
        message: "Incorrect API key provided: sk-sim**********ated.",
        param: null,
        code: "invalid_api_key",
      });
    case "429":
      return rateLimited(fault.value ?? "1");
    case "html-200":
      return {
        status: 200,
        headers: { "content-type": "text/html" },
        body: { kind: "text", text: "<!DOCTYPE html><html><body>Please sign in to the network.</body></html>" },
      };
    case "reset-after":
    case "timeout-after":
    case "500-after":
    case "truncated-body":
    case "slow-body":
    case "wrong-content-length":
      return undefined;
  }
}

/** What a fault makes of the reply once the server has acted. */
export function replyAfter(fault: Fault | undefined, reply: Reply): Reply | "reset" | "hang" {
  switch (fault?.kind) {
    case "reset-after":
      return "reset";
    case "timeout-after":
      return "hang";
    case "500-after":
      return serverError(500);
    default:
      return reply;
  }
}

function rateLimited(value: string): Reply {
  if (value === "quota") {
    const message = "You exceeded your current quota, please check your plan and billing details.";
    return jsonReply(429, errorBody(message, "insufficient_quota", "insufficient_quota", null));
  }
  const body = errorBody(`Rate limit reached. Please try again in ${value}s.`, "requests", "rate_limit_exceeded", null);
  return jsonReply(429, body, { "retry-after": value });
}

/** Sends a reply, torn, slowly or mislabelled where a fault says so. */
export async function send(response: ServerResponse, reply: Reply, fault: Fault | undefined): Promise<void> {
  const length = lengthOf(reply);
  const announced = fault?.kind === "wrong-content-length" ? length + 64 : length;
  const unannounced = reply.body.kind === "frames" && fault === undefined;
  response.writeHead(reply.status, {
    ...reply.headers,
    ...(unannounced ? {} : { "content-length": String(announced) }),
  });
  let left = fault?.kind === "truncated-body" ? Math.floor(length / 2) : length;
  const slow = fault?.kind === "slow-body" ? Number(fault.value ?? "20") : 0;
  const piece = slow > 0 ? Math.max(1, Math.ceil(length / 8)) : Number.POSITIVE_INFINITY;
  for await (const chunk of chunksOf(reply, piece)) {
    if (left <= 0 || response.destroyed) break;
    await written(response, chunk.subarray(0, left));
    left -= chunk.length;
    if (slow > 0) await pause(slow, undefined, { ref: false });
  }
  if (fault?.kind === "truncated-body" || fault?.kind === "wrong-content-length") response.destroy();
  else response.end();
}

function lengthOf({ body }: Reply): number {
  switch (body.kind) {
    case "text":
      return Buffer.byteLength(body.text);
    case "file":
      return body.bytes;
    case "frames":
      return body.frames.reduce((length, frame) => length + Buffer.byteLength(frame), 0);
  }
}

async function* chunksOf({ body }: Reply, piece: number): AsyncGenerator<Uint8Array> {
  if (body.kind === "file") {
    const highWaterMark = Math.min(piece, 1 << 18);
    for await (const chunk of createReadStream(body.path, { highWaterMark })) {
      if (chunk instanceof Uint8Array) yield chunk;
    }
    return;
  }
  const whole = piece !== Number.POSITIVE_INFINITY;
  const texts = body.kind === "text" ? [body.text] : whole ? [body.frames.join("")] : body.frames;
  for (const text of texts) {
    const data = Buffer.from(text);
    for (let at = 0; at < data.length; at += piece) yield data.subarray(at, at + piece);
  }
}

/** A client that hung up is no error of ours, but what is written to it then is never reported as written. */
function written(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("close", done);
      resolve();
    };
    response.once("close", done);
    response.write(chunk, done);
  });
}
