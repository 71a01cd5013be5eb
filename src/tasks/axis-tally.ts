import { isJsonObject, type JsonObject } from "../graph/json.ts";

/** What came of one value of an axis. */
export type AxisCount = {
  readonly requests: number;
  readonly candidates: number;
  readonly valid: number;
  /** Scenarios of the dataset. */
  readonly scenarios: number;
  /** Valid ones among the candidates; null without candidates. */
  readonly yield: number | null;
};

/** By axis, in the task's order, and by value, in the order in which requests took them first. */
export type AxisTable = Readonly<Record<string, Readonly<Record<string, AxisCount>>>>;

type Counted = { requests: number; candidates: number; valid: number; scenarios: number };

/** Counts what came of every value of a task's axes. A request is made known before its candidates. */
export class AxisTally {
  readonly #axes: readonly string[];
  readonly #requests = new Map<string, JsonObject>();
  readonly #counts: ReadonlyMap<string, Map<string, Counted>>;

  constructor(axes: readonly string[]) {
    this.#axes = axes;
    this.#counts = new Map(axes.map((axis) => [axis, new Map<string, Counted>()]));
  }

  /** A line of a request file's `.axes.jsonl`: `{request_id, axes}`. */
  request(line: JsonObject): void {
    const { request_id, axes } = line;
    if (typeof request_id !== "string" || !isJsonObject(axes))
      throw new Error("a line of axes lacks its request or axes");
    this.#requests.set(request_id, axes);
    for (const count of this.#countsOf(axes)) count.requests++;
  }

  candidate(requestId: string | null, valid: boolean): void {
    for (const count of this.#countsOf(this.#valuesOf(requestId))) {
      count.candidates++;
      if (valid) count.valid++;
    }
  }

  /** Counts a scenario of the dataset; answers its values. */
  taken(requestId: string | null): JsonObject | undefined {
    const values = this.#valuesOf(requestId);
    for (const count of this.#countsOf(values)) count.scenarios++;
    return values;
  }

  table(): AxisTable {
    const table = [...this.#counts].map(([axis, counts]) => {
      const rows = [...counts].map(([value, count]): [string, AxisCount] => [
        value,
        {
          ...count,
          yield: count.candidates === 0 ? null : Math.round((count.valid / count.candidates) * 1e4) / 1e4,
        },
      ]);
      return [axis, Object.fromEntries(rows)] as const;
    });
    return Object.fromEntries(table);
  }

  #valuesOf(requestId: string | null): JsonObject | undefined {
    return requestId === null ? undefined : this.#requests.get(requestId);
  }

  #countsOf(values: JsonObject | undefined): readonly Counted[] {
    if (values === undefined) return [];
    return this.#axes.flatMap((axis) => {
      const value = values[axis];
      const counts = this.#counts.get(axis);
      if (typeof value !== "string" || counts === undefined) return [];
      const known = counts.get(value) ?? { requests: 0, candidates: 0, valid: 0, scenarios: 0 };
      counts.set(value, known);
      return [known];
    });
  }
}
