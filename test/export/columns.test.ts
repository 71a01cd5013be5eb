import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Columns, type ColumnType, joined, typeOf } from "../../src/export/columns.ts";
import { csvLine } from "../../src/export/csv.ts";
import { ParquetFile } from "../../src/export/parquet.ts";
import type { JsonObject, JsonValue } from "../../src/graph/json.ts";
import { ask } from "./duck.ts";

/* Types of columns are a semilattice; and what is written with them, DuckDB reads back as the rows that went in. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dsgen-columns-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = fc.string({ unit: "grapheme", maxLength: 6 });
const { json } = fc.letrec<{ json: JsonValue; object: JsonObject }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    text,
    fc.array(tie("json"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("json"), { maxKeys: 3 }),
}));

/** A type with its members in order of name: which came first is the rows' order, not the type. */
function shape(type: ColumnType): JsonValue {
  if (type.kind === "list") return ["list", shape(type.of)];
  if (type.kind !== "struct") return type.kind;
  const members = [...type.members].sort(([a], [b]) => (a < b ? -1 : 1));
  return ["struct", ...members.map(([name, of]) => [name, shape(of)])];
}

it("joins types in any order and any grouping to the same, and a type with itself to itself", () => {
  fc.assert(
    fc.property(json, json, json, (x, y, z) => {
      const [a, b, c] = [typeOf(x), typeOf(y), typeOf(z)];
      expect(shape(joined(a, b))).toEqual(shape(joined(b, a)));
      expect(shape(joined(joined(a, b), c))).toEqual(shape(joined(a, joined(b, c))));
      const both = joined(a, b);
      expect(joined(both, b)).toBe(both);
    }),
  );
});

async function parquet(rows: readonly JsonObject[], about: Record<string, string> = {}): Promise<Buffer> {
  const columns = new Columns();
  for (const row of rows) columns.add(row);
  const parts: Uint8Array[] = [];
  const write = (data: string | Uint8Array) => Promise.resolve(void parts.push(Buffer.from(data)));
  const file = new ParquetFile({ write }, columns.types, about);
  for (const row of rows) await file.add(row, 6_000_000);
  await file.end();
  const bytes = Buffer.concat(parts);
  expect(file.size).toBe(bytes.length);
  return bytes;
}

it("writes typed, nested columns in row groups, as DuckDB reads them", async () => {
  const rows = [
    { n: 1, x: 1, t: "é\u{1f600}", yes: true, list: [1, 2], at: { who: "a", where: [0.5] }, odd: 1, none: null },
    { n: -5, x: 2.5, t: "", yes: false, list: [], at: { who: null }, odd: "two", none: null },
    { n: null, t: "a,b\n", list: [null, 3], at: null, odd: { a: [1] }, none: null },
    { n: 9007199254740991, x: -0, t: null, yes: null, list: null, at: { where: [] }, odd: [true], none: null },
  ];
  const path = join(folder, "nested.parquet");
  writeFileSync(path, await parquet(rows, { "dsgen.simulated": "false" }));
  const types = await ask(`select column_name as name, column_type as type from (describe select * from '${path}')`);
  expect(Object.fromEntries(types.map(({ name, type }) => [name, type]))).toEqual({
    n: "BIGINT",
    x: "DOUBLE",
    t: "VARCHAR",
    yes: "BOOLEAN",
    list: "BIGINT[]",
    at: 'STRUCT(who VARCHAR, "where" DOUBLE[])',
    odd: "VARCHAR",
    none: "VARCHAR",
  });
  const [answer] = await ask(`select to_json(list(r))::varchar as all from (select r from '${path}' as r)`);
  const at = (who: string | null, where: readonly number[] | null) => ({ who, where });
  expect(JSON.parse(String(answer?.["all"]))).toEqual([
    { ...rows[0], x: 1, at: at("a", [0.5]), odd: "1" },
    { ...rows[1], at: at(null, null), odd: '"two"' },
    { ...rows[2], x: null, yes: null, at: null, odd: '{"a":[1]}' },
    { ...rows[3], at: at(null, []), odd: "[true]" },
  ]);
  const groups = await ask(`select distinct row_group_num_rows as n from parquet_metadata('${path}') order by n`);
  expect(groups.map(({ n }) => Number(n))).toEqual([1, 3]);
  const [about] = await ask(`select decode(key) as k, decode(value) as v from parquet_kv_metadata('${path}')`);
  expect(about).toEqual({ k: "dsgen.simulated", v: "false" });
  expect(await parquet(rows)).toEqual(await parquet(rows));
});

it("writes rows of any JSON whatever, and DuckDB counts them", async () => {
  const path = join(folder, "any.parquet");
  const row = fc.dictionary(fc.constantFrom("p", "q"), json, { minKeys: 1 });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 5 }), async (rows) => {
      writeFileSync(path, await parquet(rows));
      const columns = [...new Set(rows.flatMap((of) => Object.keys(of)))];
      const counts = columns.map((name) => `count("${name}") as "${name}"`).join(", ");
      const [found] = await ask(`select count(*) as n, ${counts} from '${path}'`);
      expect(Number(found?.["n"])).toBe(rows.length);
      for (const name of columns)
        expect(Number(found?.[name])).toBe(rows.filter((of) => (of[name] ?? null) !== null).length);
    }),
    { numRuns: 60 },
  );
}, 60_000);

it("writes CSV that DuckDB reads as it was, an empty text apart from none", async () => {
  const path = join(folder, "some.csv");
  const values = ['say "hi"', "a,b", "two\r\nlines", " spaces ", "", null, "=1+1"];
  writeFileSync(path, csvLine(["at", "t"]) + values.map((value, at) => csvLine([at, value])).join(""));
  const read = await ask(
    `select t from read_csv('${path}', header = true, all_varchar = true, allow_quoted_nulls = false)`,
  );
  expect(read.map(({ t }) => t)).toEqual(values);
  expect(csvLine([{ a: [1] }, [true], 0.5])).toBe('"{""a"":[1]}",[true],0.5\r\n');
});
