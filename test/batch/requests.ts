import { customId, type RequestLine, requestId } from "../../src/api/request-file.ts";
import type { JsonObject } from "../../src/graph/json.ts";

/** A request line as render-requests writes it. */
export function lineOf(body: JsonObject, sample = 0, url: RequestLine["url"] = "/v1/chat/completions"): RequestLine {
  const id = requestId(url, body, sample);
  const custom = customId("task", id);
  const model = typeof body["model"] === "string" ? body["model"] : "m";
  return { id, customId: custom, url, model, body, raw: rawOf(custom, url, body), alias: undefined };
}

export function rawOf(custom: string, url: string, body: JsonObject): string {
  return JSON.stringify({ custom_id: custom, method: "POST", url, body });
}
