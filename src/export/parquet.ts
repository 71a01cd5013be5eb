import { ByteWriter, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import type { OutputFile } from "../engine/recipe.ts";
import { isJsonList, isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { ColumnType } from "./columns.ts";

/*
 * Parquet: a column for each member of the rows, nested where these are. Nothing of the machine or the time is in it; the
 * codec is hyparquet-writer's own, in JavaScript, so that the same rows give the same bytes everywhere.
 */

/** A row group holds at most so many rows, and about so many characters of them: it is made in memory. */
const GROUP_ROWS = 50_000;
const GROUP_CHARACTERS = 16_000_000;

/** Writes rows, a group at a time. */
export class ParquetFile {
  readonly #out: OutputFile;
  readonly #types: ReadonlyMap<string, ColumnType>;
  readonly #bytes = new ByteWriter();
  readonly #writer: ParquetWriter;
  #group: JsonObject[] = [];
  #characters = 0;
  #written = 0;
  #rows = 0;

  /** @param about key-value metadata of the file */
  constructor(out: OutputFile, types: ReadonlyMap<string, ColumnType>, about: Readonly<Record<string, string>>) {
    this.#out = out;
    this.#types = types;
    const schema = [
      { name: "schema", num_children: types.size },
      ...[...types].flatMap(([name, type]) => elementsOf(name, type)),
    ];
    const kvMetadata = Object.entries(about).map(([key, value]) => ({ key, value }));
    this.#writer = new ParquetWriter({ writer: this.#bytes, schema, createdBy: "dsgen", kvMetadata });
  }

  get rows(): number {
    return this.#rows;
  }

  /** The bytes written; whole after `end`. */
  get size(): number {
    return this.#written;
  }

  /** @param characters about how long the row is */
  async add(row: JsonObject, characters: number): Promise<void> {
    this.#group.push(row);
    this.#characters += characters;
    this.#rows++;
    if (this.#group.length >= GROUP_ROWS || this.#characters >= GROUP_CHARACTERS) await this.#endGroup();
  }

  async end(): Promise<void> {
    await this.#endGroup();
    await this.#writer.finish();
    await this.#flush();
  }

  async #endGroup(): Promise<void> {
    if (this.#group.length === 0) return;
    const columnData = [...this.#types].map(([name, type]) => ({
      name,
      data: this.#group.map((row) => cellOf(type, row[name] ?? null)),
    }));
    await this.#writer.write({ columnData, rowGroupSize: this.#group.length });
    this.#group = [];
    this.#characters = 0;
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = new Uint8Array(this.#bytes.buffer.slice(0, this.#bytes.index));
    this.#bytes.index = 0;
    this.#written += bytes.length;
    await this.#out.write(bytes);
  }
}

/** A column in the file's schema, its parts after it. */
function elementsOf(name: string, type: ColumnType): SchemaElement[] {
  const optional = { name, repetition_type: "OPTIONAL" } as const;
  switch (type.kind) {
    case "boolean":
      return [{ ...optional, type: "BOOLEAN" }];
    case "integer":
      return [{ ...optional, type: "INT64" }];
    case "number":
      return [{ ...optional, type: "DOUBLE" }];
    case "unknown":
    case "text":
    case "mixed":
      return [{ ...optional, type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" } }];
    case "list":
      return [
        { ...optional, converted_type: "LIST", logical_type: { type: "LIST" }, num_children: 1 },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        ...elementsOf("element", type.of),
      ];
    case "struct":
      return [
        { ...optional, num_children: type.members.size },
        ...[...type.members].flatMap(([member, of]) => elementsOf(member, of)),
      ];
  }
}

type Cell = null | boolean | bigint | number | string | readonly Cell[] | { readonly [member: string]: Cell };

function cellOf(type: ColumnType, value: JsonValue): Cell {
  if (value === null) return null;
  if (type.kind === "mixed") return JSON.stringify(value);
  if (type.kind === "list" && isJsonList(value)) return value.map((item) => cellOf(type.of, item));
  if (type.kind === "struct" && isJsonObject(value)) {
    return Object.fromEntries([...type.members].map(([name, of]) => [name, cellOf(of, value[name] ?? null)]));
  }
  if (type.kind === "integer" && typeof value === "number") return BigInt(value);
  if (typeof value === "object") throw new Error(`a ${type.kind} column with ${JSON.stringify(value)}`);
  return value;
}
