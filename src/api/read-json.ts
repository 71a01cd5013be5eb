import { type JsonValue, stringEnd } from "../graph/json.ts";

const QUOTE = 0x22;

/** Python's json.dumps writes these where JSON has no word; none of them is a prefix of what JSON has. */
const NOT_NUMBERS = ["-Infinity", "Infinity", "NaN"];

/**
 * Reads JSON as servers write it: with a byte order mark before it, and with `NaN`, `Infinity` and `-Infinity` (Python's
 * json.dumps) for numbers, which are read as null. Undefined when it is not JSON even so. One pass, whatever the text.
 */
export function readJson(raw: string): JsonValue | undefined {
  const text = raw.charCodeAt(0) === 0xfeff ? raw.slice(1) : raw;
  const read = parsed(text) ?? (mayHoldOne(text) ? parsed(withoutNotNumbers(text)) : undefined);
  return read?.value;
}

function parsed(text: string): { readonly value: JsonValue } | undefined {
  try {
    const value: JsonValue = JSON.parse(text);
    return { value };
  } catch {
    return undefined;
  }
}

function mayHoldOne(text: string): boolean {
  return text.includes("NaN") || text.includes("Infinity");
}

/** The text with null for every such word outside its strings. */
function withoutNotNumbers(text: string): string {
  const pieces: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) === QUOTE) {
      at = stringEnd(text, at);
      continue;
    }
    const word = /[-IN]/.test(text.charAt(at)) ? NOT_NUMBERS.find((one) => text.startsWith(one, at)) : undefined;
    if (word === undefined) continue;
    pieces.push(text.slice(from, at), "null");
    from = at + word.length;
    at = from - 1;
  }
  pieces.push(text.slice(from));
  return pieces.join("");
}
