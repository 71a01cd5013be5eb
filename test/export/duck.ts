import { DuckDBInstance, type DuckDBValue } from "@duckdb/node-api";

/** The rows that DuckDB, which shares no code with what writes our files, answers to a query. */
export async function ask(query: string): Promise<readonly Record<string, DuckDBValue>[]> {
  // Of several threads, the one that is ready first gives its rows first.
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(query);
  const rows = reader.getRowObjects();
  connection.closeSync();
  instance.closeSync();
  return rows;
}
