import { isEndpoint, type RequestId, requestId } from "../api/request-file.ts";
import { firstAltered } from "../graph/exact-numbers.ts";
import { canonicalJson, isJsonObject, type JsonObject } from "../graph/json.ts";
import { err, ok, type Result } from "../graph/result.ts";

/*
 * Requests taken from files in the Batch API's input format, as other tools write them. Their custom_ids mean nothing here:
 * a request is what it asks, and the n-th identical body is sample n, as everywhere.
 */

export interface GivenRequest {
  readonly id: RequestId;
  readonly url: string;
  readonly body: JsonObject;
}

/** Reads request after request and counts how often each body came. */
export class GivenRequests {
  readonly #seen = new Map<string, number>();

  /** The request of one line; undefined for an empty one. The error says what was expected and found. */
  read(line: string): Result<GivenRequest | undefined, string> {
    if (line.trim() === "") return ok(undefined);
    let parsed: unknown;
    try {
      parsed = JSON.parse(line.replace(/^\uFEFF/, ""));
    } catch {
      return err(`expected a JSON object, found ${JSON.stringify(line.slice(0, 60))}`);
    }
    if (!isJsonObject(parsed)) return err("expected a JSON object, found another value");
    const { method, url, body } = parsed;
    if (method !== "POST") return err(`"method" must be "POST", found ${JSON.stringify(method ?? null)}`);
    if (!isEndpoint(url)) {
      return err(`"url" must be an endpoint of the Batch API, found ${JSON.stringify(url ?? null)}`);
    }
    if (!isJsonObject(body)) return err('"body" must be an object');
    if (typeof body["model"] !== "string") return err('"body" must name a "model"');
    // Sent, it would ask something else than the file does, and two requests could become one.
    const altered = firstAltered(line);
    if (altered !== undefined) {
      return err(
        `the number ${altered.slice(0, 40)} cannot be sent as it is written: it is beyond 2^53; give a smaller one`,
      );
    }
    const canonical = canonicalOf(body);
    if (canonical === undefined) return err("it is nested too deep");
    const key = `${url}\n${canonical}`;
    const sample = this.#seen.get(key) ?? 0;
    this.#seen.set(key, sample + 1);
    return ok({ id: requestId(url, body, sample), url, body });
  }
}

/** Undefined when it nests deeper than this process can follow. */
function canonicalOf(body: JsonObject): string | undefined {
  try {
    return canonicalJson(body);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
