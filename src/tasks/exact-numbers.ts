import { stringEnd } from "../graph/json.ts";

const NUMBER = /-?\d[\d.eE+-]*/y;

/**
 * The first number of a JSON text that JavaScript cannot carry as it is written: a whole number beyond 2^53, of which the
 * last digits would change, or one beyond what a double holds. Undefined when there is none. One pass, whatever the text.
 */
export function firstAltered(json: string): string | undefined {
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') {
      at = stringEnd(json, at);
    } else if (character === "-" || (character !== undefined && character >= "0" && character <= "9")) {
      NUMBER.lastIndex = at;
      const written = NUMBER.exec(json)?.[0] ?? character;
      const value = Number(written);
      if (!Number.isFinite(value) || (/^-?\d+$/.test(written) && !Number.isSafeInteger(value))) return written;
      at += written.length - 1;
    }
  }
  return undefined;
}
