import { isJsonObject, type JsonObject } from "../graph/json.ts";

/** Deeper than any request; without a bound a line of brackets would end in a stack overflow each time it is looked at. */
const DEEPEST = 200;

/** A JSON object from its text, or undefined for anything else. */
export function parseJsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && !isTooDeep(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isTooDeep(value: JsonObject): boolean {
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) return true;
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return false;
}
