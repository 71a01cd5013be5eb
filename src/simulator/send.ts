import { createReadStream } from "node:fs";
import type { ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Fault } from "./faults.ts";
import type { Reply } from "./reply.ts";

/** Sends a reply, torn, slowly or mislabelled where a fault says so. */
export async function send(response: ServerResponse, reply: Reply, fault?: Fault): Promise<void> {
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
