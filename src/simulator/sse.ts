import type { JsonObject } from "../graph/json.ts";

/* Server-sent events, as the API streams: one frame a text. */

/** A frame without a name, as chat completions and completions send them, and the one that ends them. */
export function dataFrame(data: JsonObject): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
export const DONE = "data: [DONE]\n\n";

/** A frame that bears its data's type as a name, as the Responses and Images APIs send them. */
export function eventFrame(data: JsonObject & { readonly type: string }): string {
  return `event: ${data.type}\n${dataFrame(data)}`;
}

/** A text in the pieces in which it is streamed: a few characters each, none of them torn. */
export function piecesOf(text: string): readonly string[] {
  return text.match(/[\s\S]{1,12}/gu) ?? [];
}
