import { nearestName } from "../graph/graph.ts";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";

/** Reads a check's parameters, gathering every problem with them. */
export class CheckParams {
  readonly #where: string;
  readonly #params: JsonObject;
  readonly #problems: Problem[] = [];

  /** @param known every parameter the check has; others are problems */
  constructor(where: string, params: JsonObject, known: readonly string[]) {
    this.#where = where;
    this.#params = params;
    for (const name of Object.keys(params)) {
      if (known.includes(name)) continue;
      const near = nearestName(name, known);
      const fix =
        near !== undefined
          ? `Did you mean "${near}"?`
          : known.length === 0
            ? "Remove it; the check has no parameters."
            : `It has: ${known.join(", ")}.`;
      this.add(`unknown parameter "${name}".`, fix);
    }
  }

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  add(message: string, fix: string): void {
    this.#problems.push({ kind: "config", where: this.#where, message, fix });
  }

  /** A whole number of at least 0, or undefined when absent. */
  count(name: string): number | undefined {
    const value = this.#params[name];
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    this.add(`"${name}" must be a whole number of at least 0, found ${shown(value)}.`, `Correct "${name}".`);
    return undefined;
  }

  /** A text, or undefined when absent. */
  text(name: string): string | undefined {
    const value = this.#params[name];
    if (value === undefined || typeof value === "string") return value;
    this.add(`"${name}" must be a text, found ${shown(value)}.`, `Put "${name}" in quotes.`);
    return undefined;
  }

  /** One of the given words; `fallback` when absent. */
  word<const W extends string>(name: string, words: readonly W[], fallback: W): W {
    const value = this.#params[name];
    if (value === undefined) return fallback;
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    this.add(`"${name}" must be ${words.join(" or ")}, found ${shown(value)}.`, `Correct "${name}".`);
    return fallback;
  }
}

function shown(value: JsonValue): string {
  return JSON.stringify(value).slice(0, 80);
}
