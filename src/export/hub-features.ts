import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { ColumnType } from "./columns.ts";

/** The hub's word for a column's type, as `dataset_info.features` of a card has it. */
export function featuresOf(types: ReadonlyMap<string, ColumnType>): JsonValue {
  return [...types].map(([name, type]) => ({ name, ...featureOf(type) }));
}

function featureOf(type: ColumnType): JsonObject {
  switch (type.kind) {
    case "boolean":
      return { dtype: "bool" };
    case "integer":
      return { dtype: "int64" };
    case "number":
      return { dtype: "float64" };
    case "unknown":
    case "text":
    case "mixed":
      return { dtype: "string" };
    case "list": {
      const { dtype, struct } = featureOf(type.of);
      return { list: dtype ?? struct ?? featureOf(type.of) };
    }
    case "struct":
      return { struct: featuresOf(type.members) };
  }
}
