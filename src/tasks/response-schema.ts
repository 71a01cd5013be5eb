import { z } from "zod";
import { entrySchema } from "../config/entry-schema.ts";
import { isJsonObject, type JsonValue } from "../graph/json.ts";

/*
 * Apart from parse.ts, because it loads zod, which most tasks do not need.
 */

/** Whether an entry is as the task's `response_schema` (JSON text, checked by the config) has its entries. */
export function entryFits(responseSchema: string): (entry: JsonValue) => boolean {
  const schema: unknown = JSON.parse(responseSchema);
  const entry = isJsonObject(schema) ? entrySchema(schema) : undefined;
  if (entry === undefined) throw new Error("unchecked response_schema: it does not say what an entry is");
  const holds = z.fromJSONSchema(JSON.parse(JSON.stringify(entry)));
  return (value) => holds.safeParse(value).success;
}
