import { isJsonList, isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";

/*
 * What the rows of a dataset hold, column by column: a file of typed columns has one type for all rows.
 */

/**
 * The type of all values of a column. `unknown`: nothing but nulls; `mixed`: no one type has them all, so each is written as
 * JSON. Any value may be missing.
 */
export type ColumnType =
  | { readonly kind: "unknown" | "boolean" | "integer" | "number" | "text" | "mixed" }
  | { readonly kind: "list"; readonly of: ColumnType }
  | { readonly kind: "struct"; readonly members: Members };

type Members = ReadonlyMap<string, ColumnType>;

/** The columns of rows by name, in the order in which the rows first name them. */
export class Columns {
  #members: Members = new Map();

  add(row: JsonObject): void {
    this.#members = joinedMembers(this.#members, membersOf(row));
  }

  get types(): Members {
    return this.#members;
  }
}

const UNKNOWN: ColumnType = { kind: "unknown" };

/** The narrowest type that has this value. */
export function typeOf(value: JsonValue): ColumnType {
  if (value === null) return UNKNOWN;
  if (typeof value === "boolean") return { kind: "boolean" };
  if (typeof value === "string") return { kind: "text" };
  if (typeof value === "number") return { kind: isWhole(value) ? "integer" : "number" };
  if (isJsonList(value)) return { kind: "list", of: value.map(typeOf).reduce(joined, UNKNOWN) };
  if (!isJsonObject(value)) throw new Error("a value that is not JSON");
  // Formats have no way to write a struct without members.
  return Object.keys(value).length === 0 ? { kind: "mixed" } : { kind: "struct", members: membersOf(value) };
}

/** Beyond these, what was read may not be the number that was written; and a whole number has no minus zero. */
function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && !Object.is(value, -0);
}

function membersOf(row: JsonObject): Members {
  return new Map(Object.entries(row).map(([name, value]) => [name, typeOf(value)]));
}

/** The narrowest type that has the values of both; `a` itself where it has those of `b`. */
export function joined(a: ColumnType, b: ColumnType): ColumnType {
  if (a.kind === "unknown") return b;
  if (b.kind === "unknown") return a;
  if (a.kind === "list" && b.kind === "list") {
    const of = joined(a.of, b.of);
    return of === a.of ? a : { kind: "list", of };
  }
  if (a.kind === "struct" && b.kind === "struct") {
    const members = joinedMembers(a.members, b.members);
    return members === a.members ? a : { kind: "struct", members };
  }
  if (a.kind === b.kind || (a.kind === "number" && b.kind === "integer") || a.kind === "mixed") return a;
  return a.kind === "integer" && b.kind === "number" ? b : { kind: "mixed" };
}

/** The first itself where the second adds nothing: a million rows have the same members. */
function joinedMembers(a: Members, b: Members): Members {
  let changed: Map<string, ColumnType> | undefined;
  for (const [name, type] of b) {
    const had = a.get(name);
    const now = had === undefined ? type : joined(had, type);
    if (now === had) continue;
    changed ??= new Map(a);
    changed.set(name, now);
  }
  return changed ?? a;
}
