import type { JsonObject, JsonValue } from "../graph/json.ts";
import { isJsonObject } from "../graph/json.ts";
import { invalidType, invalidValue, missing, outOfRange, type Refusal } from "./refusal.ts";

/** The API's bounds: an hour, and 30 days, which is also how long a batch's files live unless told otherwise. */
const SHORTEST = 3600;
const LONGEST = 30 * 24 * 3600;
export const BATCH_FILE_SECONDS = LONGEST;

/** Reads `{anchor: "created_at", seconds}` of `expires_after` or `output_expires_after`: the seconds, or what is wrong. */
export function readExpiry(param: string, value: JsonValue): number | Refusal {
  if (!isJsonObject(value)) return invalidType(param, "an object", value);
  const { anchor, seconds }: JsonObject = value;
  if (anchor === undefined) return missing(`${param}.anchor`);
  if (anchor !== "created_at") return invalidValue(`${param}.anchor`, String(anchor), ["created_at"]);
  if (seconds === undefined) return missing(`${param}.seconds`);
  return outOfRange(`${param}.seconds`, seconds, SHORTEST, LONGEST) ?? Number(seconds);
}
