import type { JsonObject } from "../graph/json.ts";
import { invalidType, invalidValue, outOfRange, type Refusal } from "./refusal.ts";

/** Which part of a list is asked for. */
export interface Paging {
  readonly after: string | null;
  readonly limit: number;
  readonly order: "asc" | "desc";
}

/** Reads `after`, `limit` and `order` of a list call; what is left out has its usual value. */
export function readPaging(
  query: URLSearchParams,
  bounds: { readonly usual: number; readonly most: number },
): Paging | Refusal {
  const limit = query.get("limit") ?? String(bounds.usual);
  const order = query.get("order") ?? "desc";
  if (order !== "asc" && order !== "desc") return invalidValue("order", order, ["asc", "desc"]);
  if (!/^-?\d+$/.test(limit)) return invalidType("limit", "an integer", /^-?\d*\.\d+$/.test(limit) ? 0.5 : limit);
  const outside = outOfRange("limit", Number(limit), 1, bounds.most);
  return outside ?? { after: query.get("after"), limit: Number(limit), order };
}

interface Listed {
  readonly id: string;
}

/**
 * One page of all objects of a caller, newest first unless the order is turned round, of those that are to be listed.
 * Undefined when it is to begin after an object that is not among them.
 */
export function pageOf<T extends Listed>(
  own: readonly T[],
  isListed: (object: T) => boolean,
  { after, limit, order }: Paging,
): { readonly page: readonly T[]; readonly more: boolean } | undefined {
  const listed = new Set(own.filter(isListed));
  const ordered = order === "asc" ? own.toReversed() : own;
  const start = after === null ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  if (after !== null && start === 0) return undefined;
  const rest = ordered.slice(start).filter((object) => listed.has(object));
  return { page: rest.slice(0, limit), more: rest.length > limit };
}

/** A page as the API describes it. */
export function listObject(data: readonly (JsonObject & Listed)[], more: boolean): JsonObject {
  return { object: "list", data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: more };
}
