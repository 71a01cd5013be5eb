import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import type { JsonObject } from "../graph/json.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Operation } from "./faults.ts";
import { checked } from "./refusal.ts";
import { errorReply, jsonReply, parseJsonObject, type Reply } from "./reply.ts";
import { pagingOf } from "./requests.ts";
import { type Caller, faultOf } from "./simulation.ts";

/** One call of the API, as its route gets it. */
export interface Call extends Caller {
  readonly request: IncomingMessage;
  /** What stands in the address where the route has `:id`. */
  readonly id: string;
  readonly query: URLSearchParams;
}

/** A call that the API knows. `operation` is what faults are named by. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** `/v1/files/:id/content` */
  readonly path: string;
  readonly operation?: Operation;
  readonly run: (call: Call) => Promise<Reply> | Reply;
}

/** The route of a call, or undefined where the API has none. */
export function findRoute(
  routes: readonly Route[],
  method: string,
  pathname: string,
): { readonly route: Route; readonly id: string } | undefined {
  for (const route of routes) {
    const found = new RegExp(`^${route.path.replace(":id", "([^/]+)")}$`).exec(pathname);
    if (found === null || route.method !== method) continue;
    try {
      return { route, id: decodeURIComponent(found[1] ?? "") };
    } catch {
      return undefined;
    }
  }
  return undefined;
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
  if (bytes > LONGEST_BODY) return err(errorReply(413, { message: "The request body is too large." }));
  const body = parseJsonObject(Buffer.concat(chunks).toString("utf8"));
  if (body !== undefined) return ok(body);
  return err(errorReply(400, { message: "We could not parse the JSON body of your request." }));
}

/** What a schema reads from a call, or the reply to one that is refused. */
export function accepted<T>(schema: z.ZodType<T>, value: unknown): Result<T, Reply> {
  const read = checked(schema, value);
  return read.ok ? read : err(errorReply(400, read.error));
}

/** A list call over the objects of its caller, newest first. */
export interface Listing<T> {
  /** How many it lists when it is not told, and at most. */
  readonly limit: readonly [usual: number, most: number];
  readonly own: readonly T[];
  readonly purpose?: (object: T) => string;
  readonly shown: (page: readonly T[]) => Promise<readonly JsonObject[]> | readonly JsonObject[];
  /** The reply when it is to begin after an object that is not there. */
  readonly none: (id: string) => Reply;
}

/** Answers list calls; what the `listing-lag` fault hides is not in them. */
export class Lists {
  readonly #now: () => number;
  readonly #startedAt: number;
  /** How many list calls have passed over each object. */
  readonly #passedOver = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
  }

  async reply<T extends { readonly id: string; readonly order: number }>(
    call: Call,
    listing: Listing<T>,
  ): Promise<Reply> {
    const read = accepted(pagingOf(...listing.limit), Object.fromEntries(call.query));
    if (!read.ok) return read.error;
    const { order, after, limit, purpose } = read.value;
    const { own, none, shown } = listing;
    const wanted = (one: T) => purpose === undefined || (listing.purpose?.(one) ?? purpose) === purpose;
    const listed = new Set(
      own.filter((one) => this.#isListed(one.id, Math.floor(one.order / 1000), call) && wanted(one)),
    );
    const ordered = order === "asc" ? own.toReversed() : own;
    const start = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
    if (after !== undefined && start === 0) return none(after);
    const rest = ordered.slice(start).filter((one) => listed.has(one));
    const data = await shown(rest.slice(0, limit));
    const ids = { first_id: data[0]?.["id"] ?? null, last_id: data.at(-1)?.["id"] ?? null };
    return jsonReply(200, { object: "list", data, ...ids, has_more: rest.length > limit });
  }

  #isListed(id: string, createdAtMs: number, caller: Caller): boolean {
    const fault = faultOf(caller, "listing-lag");
    // What an earlier server made has long been listed.
    if (fault === undefined || createdAtMs < this.#startedAt) return true;
    const [, amount, unit] = /^(\d+)(ms|calls)$/.exec(fault.value ?? "2calls") ?? [];
    if (unit === "ms") return this.#now() - createdAtMs >= Number(amount);
    const passed = (this.#passedOver.get(id) ?? 0) + 1;
    this.#passedOver.set(id, passed);
    return passed > Number(amount);
  }
}
