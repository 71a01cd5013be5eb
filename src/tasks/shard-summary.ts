import type { OutputLine } from "../api/output-line.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { type CheckVerdict, failureName, tokenFaults } from "./check-verdict.ts";
import type { ParsedResponse } from "./parse.ts";

/** Tokens as a summary spells them. `cached_tokens` are among `prompt_tokens`. */
export type SummaryUsage = Readonly<Record<(typeof USED)[number], number>>;

/** Counts by name; a name that never came is not there. */
export type Counts = Readonly<Record<string, number>>;

/** `responses` are lines of the output file: answers, errors and lines that are neither. `simulated` answers were made up. */
const COUNTED = ["responses", "answered", "errors", "malformed_lines", "simulated", "candidates", "valid"] as const;
/**
 * Errors by the provider's code, answers with a problem as a whole and entries that are no candidates by kind, and candidates
 * by what they failed. One that fails two checks counts under both.
 */
const NAMED = [
  "error_codes",
  "response_problems",
  "malformed_entries",
  "failed_checks",
  "failed_reasons",
  "failed_tokenizers",
  "failed_variants",
] as const;
const USED = ["prompt_tokens", "completion_tokens", "cached_tokens"] as const;

/** What happened in a shard, or in several: `addSummaries` joins them in any order. As people see it, hence the spelling. */
export type ShardSummary = Readonly<Record<(typeof COUNTED)[number], number>> &
  Readonly<Record<(typeof NAMED)[number], Counts>> & {
    readonly v: 1;
    /** Every answer counted once. */
    readonly usage: SummaryUsage;
  };

/** Counts what goes into a shard, line by line and candidate by candidate. */
export class ShardTally {
  readonly #counts = new Map<string, number>();
  /** How often, and for which of the candidates that failed last. */
  readonly #named = new Map<string, Map<string, { times: number; candidate: number }>>();
  #candidate = 0;

  /** @param parsed what was read out of it, when it is an answer */
  response(line: OutputLine<unknown>, parsed?: ParsedResponse): void {
    this.#count("responses");
    switch (line.kind) {
      case "answer": {
        const { simulated, usage } = line.answer;
        this.#count("answered");
        if (simulated) this.#count("simulated");
        this.#count("prompt_tokens", usage?.input ?? 0);
        this.#count("completion_tokens", usage?.output ?? 0);
        this.#count("cached_tokens", usage?.cachedInput ?? 0);
        break;
      }
      case "refusal":
      case "liftable":
      case "unanswered":
        this.#count("errors");
        this.#name("error_codes", line.code ?? (line.status === null ? "unknown" : String(line.status)));
        break;
      case "foreign":
      case "unreadable":
        this.#count("malformed_lines");
    }
    if (parsed === undefined) return;
    if (parsed.problem !== null) this.#name("response_problems", parsed.problem);
    for (const { problem } of parsed.malformed) this.#name("malformed_entries", problem);
  }

  candidate(verdicts: readonly CheckVerdict[]): void {
    this.#count("candidates");
    if (verdicts.every(({ ok }) => ok)) {
      this.#count("valid");
      return;
    }
    this.#candidate++;
    // Checks that share a failure come one after another.
    let last: object | undefined;
    for (const verdict of verdicts) {
      if (verdict.ok) continue;
      this.#name("failed_checks", verdict.check);
      this.#once("failed_reasons", failureName(verdict));
      if (verdict.detail === last) continue;
      last = verdict.detail;
      for (const { tokenizer, variant } of tokenFaults(verdict)) {
        this.#once("failed_tokenizers", tokenizer);
        this.#once("failed_variants", variant);
      }
    }
  }

  summary(): ShardSummary {
    return assemble(
      (key) => this.#counts.get(key) ?? 0,
      (key) => new Map([...(this.#named.get(key) ?? [])].map(([name, { times }]) => [name, times])),
    );
  }

  #count(key: (typeof COUNTED)[number] | (typeof USED)[number], by = 1): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + by);
  }

  #name(key: (typeof NAMED)[number], name: string): void {
    this.#of(key, name).times++;
  }

  /** Once for a candidate, whatever else it failed under the same name. */
  #once(key: (typeof NAMED)[number], name: string): void {
    const count = this.#of(key, name);
    if (count.candidate === this.#candidate) return;
    count.candidate = this.#candidate;
    count.times++;
  }

  #of(key: (typeof NAMED)[number], name: string): { times: number; candidate: number } {
    const counts = this.#named.get(key) ?? new Map<string, { times: number; candidate: number }>();
    if (counts.size === 0) this.#named.set(key, counts);
    const count = counts.get(name) ?? { times: 0, candidate: 0 };
    if (count.times === 0) counts.set(name, count);
    return count;
  }
}

/** The summary of shards without a line. */
export function emptySummary(): ShardSummary {
  return new ShardTally().summary();
}

export function addSummaries(a: ShardSummary, b: ShardSummary): ShardSummary {
  return assemble(
    (key) => countIn(a, key) + countIn(b, key),
    (key) => {
      const sum = new Map(Object.entries(a[key]));
      for (const [name, count] of Object.entries(b[key])) sum.set(name, (sum.get(name) ?? 0) + count);
      return sum;
    },
  );
}

/** The counts in a file beside a shard. @throws ProblemError (`corrupt`) when it holds something else */
export function parseSummary(name: string, text: string): ShardSummary {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Said below.
  }
  const summary = readSummary(value);
  if (summary.ok) return summary.value;
  throw damagedShard(name, summary.error);
}

/** What is said of a file of a shard that cannot be read. */
export function damagedShard(where: string, what: string): ProblemError {
  return new ProblemError({
    kind: "corrupt",
    where,
    message: `${what}.`,
    fix: "Build the shard again; it costs nothing.",
  });
}

/** Reads what was written with JSON.stringify. The error says which member is wrong. */
export function readSummary(value: unknown): Result<ShardSummary, string> {
  if (!isJsonObject(value)) return err("expected a JSON object");
  if (value["v"] !== 1) return err(`expected a shard summary of version 1, found ${JSON.stringify(value["v"])}`);
  const usage = value["usage"];
  if (!isJsonObject(usage)) return err('"usage" must be an object');
  for (const key of [...COUNTED, ...USED]) {
    const count = (isUsed(key) ? usage : value)[key];
    if (!isCount(count)) return err(`"${key}" must be a number`);
  }
  for (const key of NAMED) {
    const counts = value[key];
    if (!isJsonObject(counts) || !Object.values(counts).every(isCount)) return err(`"${key}" must be numbers by name`);
  }
  return ok(
    assemble(
      (key) => numberIn(isUsed(key) ? usage : value, key),
      (key) => new Map(Object.entries(namedIn(value, key))),
    ),
  );
}

/** One way to lay a summary out: keys in one order, names sorted, so that equal counts are equal bytes. */
function assemble(
  count: (key: (typeof COUNTED)[number] | (typeof USED)[number]) => number,
  named: (key: (typeof NAMED)[number]) => ReadonlyMap<string, number>,
): ShardSummary {
  const sorted = (key: (typeof NAMED)[number]): Counts =>
    Object.fromEntries([...named(key)].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  return {
    v: 1,
    responses: count("responses"),
    answered: count("answered"),
    errors: count("errors"),
    malformed_lines: count("malformed_lines"),
    simulated: count("simulated"),
    error_codes: sorted("error_codes"),
    response_problems: sorted("response_problems"),
    candidates: count("candidates"),
    malformed_entries: sorted("malformed_entries"),
    valid: count("valid"),
    failed_checks: sorted("failed_checks"),
    failed_reasons: sorted("failed_reasons"),
    failed_tokenizers: sorted("failed_tokenizers"),
    failed_variants: sorted("failed_variants"),
    usage: {
      prompt_tokens: count("prompt_tokens"),
      completion_tokens: count("completion_tokens"),
      cached_tokens: count("cached_tokens"),
    },
  };
}

function countIn(summary: ShardSummary, key: (typeof COUNTED)[number] | (typeof USED)[number]): number {
  return isUsed(key) ? summary.usage[key] : summary[key];
}

function isUsed(key: string): key is (typeof USED)[number] {
  return USED.some((used) => used === key);
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function numberIn(object: JsonObject, key: string): number {
  const value = object[key];
  return isCount(value) ? value : 0;
}

function namedIn(object: JsonObject, key: string): Counts {
  const value = object[key];
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, number] => isCount(entry[1])));
}
