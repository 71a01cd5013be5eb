import type { IncomingMessage } from "node:http";
import type { JsonObject } from "../graph/json.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Operation } from "./faults.ts";
import { parseJsonObject } from "./json-body.ts";
import type { Refusal } from "./refusal.ts";
import { type Reply, refusalReply } from "./reply.ts";
import type { Caller } from "./world.ts";

/** One call of the API, as its route gets it. */
export interface Call {
  readonly request: IncomingMessage;
  /** What stands in the address where the route has `:id`. */
  readonly id: string;
  readonly query: URLSearchParams;
  readonly caller: Caller;
}

/** A call that the API knows. `operation` is what faults are named by. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** `/v1/files/:id/content` */
  readonly path: string;
  readonly operation: Operation | undefined;
  readonly run: (call: Call) => Promise<Reply> | Reply;
}

/** The route of a call, or undefined where the API has none. */
export function findRoute(
  routes: readonly Route[],
  method: string,
  pathname: string,
): { readonly route: Route; readonly id: string } | undefined {
  const given = pathname.split("/").map(decoded);
  for (const route of routes) {
    const wanted = route.path.split("/");
    if (route.method !== method || wanted.length !== given.length) continue;
    if (wanted.every((step, at) => (step === ":id" ? given[at] !== "" : step === given[at]))) {
      return { route, id: given[wanted.indexOf(":id")] ?? "" };
    }
  }
  return undefined;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return "";
  }
}

/** No call but an upload is large. */
const LONGEST_BODY = 32 * 1024 * 1024;

/** A call's JSON body, or the reply to one that is none. It is read to its end: a client hears nothing before that. */
export async function readJson(request: IncomingMessage): Promise<Result<JsonObject, Reply>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Uint8Array)) continue;
    bytes += chunk.length;
    if (bytes <= LONGEST_BODY) chunks.push(chunk);
  }
  if (bytes > LONGEST_BODY) {
    return err(refusalReply(413, { message: "The request body is too large.", param: null, code: null }));
  }
  const body = parseJsonObject(Buffer.concat(chunks).toString("utf8"));
  if (body !== undefined) return ok(body);
  const message = "We could not parse the JSON body of your request.";
  return err(refusalReply(400, { message, param: null, code: null }));
}

export function isRefusal(value: object): value is Refusal {
  return "message" in value;
}
