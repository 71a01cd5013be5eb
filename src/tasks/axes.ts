import { isJsonObject, type JsonObject } from "../graph/json.ts";
import { ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";

/*
 * Axes: what makes a task's requests differ. Request n takes one value of every axis; the order in which combinations are
 * gone through spreads every axis evenly, so that a dataset that stops early, or is topped up, is as varied as a whole one.
 */

/** An axis with its values in order. */
export interface Axis {
  readonly axis: string;
  readonly values: readonly string[];
}

/** The values a request takes, by axis, in the order of the axes. */
export type AxisValues = Readonly<Record<string, string>>;

/** How many combinations there are; 1 without axes. */
export function combinationCount(axes: readonly Axis[]): number {
  return axes.reduce((product, { values }) => product * values.length, 1);
}

/**
 * The combination of request n: every combination comes once before any comes again, and in every run of requests from the
 * first on, the values of an axis have been used equally often, give or take one.
 *
 * Built axis by axis. Let the axes before have P combinations, numbered by j mod P. The next axis, of b values, takes
 * (j + floor(j / lcm(P, b))) mod b: within a block of lcm(P, b) requests both counters go round evenly, and each further
 * block is shifted by one, which makes it meet the combinations that the blocks before did not.
 */
export function combination(axes: readonly Axis[], n: number): AxisValues {
  const values: [string, string][] = [];
  let before = 1;
  const total = combinationCount(axes);
  const round = n % total;
  for (const { axis, values: choices } of axes) {
    const size = choices.length;
    const product = before * size;
    const j = round % product;
    const block = (before / greatestCommonDivisor(before, size)) * size;
    values.push([axis, choices[(j + Math.floor(j / block)) % size] ?? ""]);
    before = product;
  }
  return Object.fromEntries(values);
}

/** How often the combination of request n came before it. */
export function timesBefore(axes: readonly Axis[], n: number): number {
  return Math.floor(n / combinationCount(axes));
}

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/**
 * The values of an axis from the lines of a file: white space around them and empty lines go, the first line's byte order
 * mark too. The error says which line is wrong: equal values would make equal requests.
 */
export function readAxisLines(lines: readonly string[]): Result<readonly string[], { line: number; found: string }> {
  const at = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    const value = line.replace(/^\uFEFF/, "").trim();
    if (value === "") continue;
    const earlier = at.get(value);
    if (earlier !== undefined) {
      return err({ line: index + 1, found: `${JSON.stringify(value.slice(0, 60))} again (first on line ${earlier})` });
    }
    at.set(value, index + 1);
  }
  return at.size === 0 ? err({ line: 1, found: "no value" }) : ok([...at.keys()]);
}

/** The axis of a file. @throws ProblemError (`config`, naming file and line) for one without values or with equal ones */
export function axisOfFile(axis: string, file: string, lines: readonly string[]): Axis {
  const values = readAxisLines(lines);
  if (values.ok) return { axis, values: values.value };
  throw new ProblemError({
    kind: "config",
    where: `${file}:${values.error.line}`,
    message: `the axis ${axis} needs one value a line, each once; found ${values.error.found}.`,
    fix: "Correct the file, or the task's `axes`.",
  });
}

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

interface AskedValues {
  readonly values: JsonObject;
  readonly counts: readonly Counted[];
}

/** Counts what came of every value of a task's axes, shard by shard. Requests are made known before their candidates. */
export class AxisTally {
  readonly #axes: readonly string[];
  #asked: ReadonlyMap<string, AskedValues> = new Map();
  readonly #counts: ReadonlyMap<string, Map<string, Counted>>;

  constructor(axes: readonly string[]) {
    this.#axes = axes;
    this.#counts = new Map(axes.map((axis) => [axis, new Map<string, Counted>()]));
  }

  /** The next shard's requests, as lines of a request file's `.axes.jsonl`: `{request_id, axes}`. Earlier ones are forgotten. */
  requests(lines: Iterable<JsonObject>): void {
    const asked = new Map<string, AskedValues>();
    for (const { request_id, axes } of lines) {
      if (typeof request_id !== "string" || !isJsonObject(axes))
        throw new Error("a line of axes lacks its request or axes");
      const counts = this.#countsOf(axes);
      asked.set(request_id, { values: axes, counts });
      for (const count of counts) count.requests++;
    }
    this.#asked = asked;
  }

  candidate(requestId: string | null, valid: boolean): void {
    for (const count of this.#of(requestId)?.counts ?? []) {
      count.candidates++;
      if (valid) count.valid++;
    }
  }

  /** Counts a scenario of the dataset; answers its values. */
  taken(requestId: string | null): JsonObject | undefined {
    const asked = this.#of(requestId);
    for (const count of asked?.counts ?? []) count.scenarios++;
    return asked?.values;
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

  #of(requestId: string | null): AskedValues | undefined {
    return requestId === null ? undefined : this.#asked.get(requestId);
  }

  #countsOf(values: JsonObject): readonly Counted[] {
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
