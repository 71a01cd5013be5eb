import { stringEnd } from "../graph/json.ts";

const QUOTE = 0x22;

/**
 * A line of Batch API output under another custom_id. Nothing else of its text changes: numbers, escapes and what JSON has no
 * word for stay as the provider wrote them.
 */
export function withCustomId(raw: string, customId: string): string {
  const pieces: string[] = [];
  let from = 0;
  for (const { start, end } of ownCustomIds(raw)) {
    pieces.push(raw.slice(from, start), JSON.stringify(customId));
    from = end;
  }
  pieces.push(raw.slice(from));
  return pieces.join("");
}

/** Where the values of the line's own custom_id stand; one inside its answer is none of them. */
function* ownCustomIds(raw: string): Generator<{ readonly start: number; readonly end: number }> {
  let depth = 0;
  for (let at = 0; at < raw.length; at++) {
    const character = raw[at];
    if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (character === '"') {
      const end = stringEnd(raw, at);
      const value = depth === 1 && raw.slice(at, end + 1) === '"custom_id"' ? valueAfter(raw, end + 1) : undefined;
      if (value !== undefined) yield value;
      at = value === undefined ? end : value.end - 1;
    }
  }
}

/** The text that is the value of a key that ends at `keyEnd`; undefined when it is no text. */
function valueAfter(raw: string, keyEnd: number): { readonly start: number; readonly end: number } | undefined {
  let start = keyEnd;
  while (raw[start] === " " || raw[start] === "\t" || raw[start] === ":") start++;
  return raw.charCodeAt(start) === QUOTE ? { start, end: stringEnd(raw, start) + 1 } : undefined;
}
