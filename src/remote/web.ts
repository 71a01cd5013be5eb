import { err, ok, type Result } from "../graph/result.ts";
import type { RemoteFailure, Reply } from "./remote.ts";

/* One call over HTTP, and what its status means to a shared cache. */

export interface WebReply {
  readonly status: number;
  readonly body: Uint8Array;
}

/**
 * Sends a request and reads its answer whole. What passes by itself, and what no credentials would change, is a failure; any
 * other status is the caller's to judge. A redirection is not followed: what was sent with it would go elsewhere.
 */
export async function webCall(request: Request, signal: AbortSignal): Reply<WebReply> {
  try {
    const response = await fetch(request, { signal, redirect: "manual" });
    const body = new Uint8Array(await response.arrayBuffer());
    const failure = failureOf(response, body);
    if (failure !== undefined) return err(failure);
    const length = response.headers.get("content-length");
    const whole = request.method === "HEAD" || length === null || Number(length) === body.length;
    return whole ? ok({ status: response.status, body }) : err({ kind: "gone", message: "the answer came torn" });
  } catch (error) {
    if (signal.aborted) return err({ kind: "slow", message: "no answer in time" });
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const said = cause instanceof Error ? cause.message : String(cause);
    return err({ kind: "gone", message: `the connection failed (${said.replace(/\s+/g, " ").slice(0, 120)})` });
  }
}

function failureOf({ status, headers }: Response, body: Uint8Array): RemoteFailure | undefined {
  const code = /<Code>(\w+)<\/Code>/.exec(Buffer.from(body.subarray(0, 2000)).toString("latin1"))?.[1];
  const said = `status ${status}${code === undefined ? "" : ` ${code}`}`;
  if (status === 408 || status === 429 || (status >= 500 && status !== 501)) {
    const asked = retryAfter(headers.get("retry-after"));
    return { kind: "busy", message: said, ...(asked === undefined ? {} : { retryAfterMs: asked }) };
  }
  if (status === 401 || status === 403) return { kind: "denied", message: `it refuses these credentials (${said})` };
  if (status === 405) return { kind: "unable", message: `it takes no such call (${said})` };
  if (status >= 300 && status < 400)
    return { kind: "odd", message: `it sends elsewhere (${said}); write that address, or that region, in the config` };
  return undefined;
}

/** Milliseconds from a number of seconds or a date. */
function retryAfter(text: string | null): number | undefined {
  if (text === null) return undefined;
  const seconds = /^\d+$/.test(text.trim()) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) * 1000 : undefined;
}

/** For a status that says neither yes nor no. */
export function odd({ status }: WebReply, asked: string): { readonly ok: false; readonly error: RemoteFailure } {
  return err({ kind: "odd", message: `status ${status} for ${asked}` });
}

/** Yes, no, or neither: what GET and HEAD say of a name. */
export function found(reply: Result<WebReply, RemoteFailure>, asked: string): Result<boolean, RemoteFailure> {
  if (!reply.ok) return reply;
  if (reply.value.status === 200) return ok(true);
  return reply.value.status === 404 || reply.value.status === 410 ? ok(false) : odd(reply.value, asked);
}

/** The body of an answer to GET; undefined where nothing has the name. */
export function contentOf(reply: Result<WebReply, RemoteFailure>, asked: string) {
  const there = found(reply, asked);
  if (!there.ok) return there;
  return ok(there.value && reply.ok ? reply.value.body : undefined);
}

/** What a put under a condition came to; undefined for a server that knows no conditions. */
export function putResult(reply: Result<WebReply, RemoteFailure>, asked: string) {
  if (!reply.ok) return reply;
  const { status } = reply.value;
  if (status === 200 || status === 201 || status === 204) return ok("put" as const);
  return status === 412 ? ok("there" as const) : odd(reply.value, asked);
}

/** What taking a name away came to. S3 says nothing of whether there was one. */
export function removed(reply: Result<WebReply, RemoteFailure>, asked: string): Result<boolean, RemoteFailure> {
  if (!reply.ok) return reply;
  const { status } = reply.value;
  if (status === 200 || status === 202 || status === 204) return ok(true);
  return status === 404 || status === 410 ? ok(false) : odd(reply.value, asked);
}

/** Whether a second put of what is there is refused. A server that knows no conditions, or cannot write, refuses none. */
export async function excludedBy(putTrial: () => Reply<WebReply>): Reply<boolean> {
  const first = await putTrial();
  if (!first.ok) return first;
  if (first.value.status === 412) return ok(true);
  const second = await putTrial();
  return second.ok ? ok(second.value.status === 412) : second;
}
