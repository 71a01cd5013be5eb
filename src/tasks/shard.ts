import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { PairVerdict } from "../tokenizers/pair-rule.ts";
import type { Candidate, EntryNames } from "./candidate.ts";
import type { CheckVerdict } from "./check-verdict.ts";

/*
 * `validated/T/shard{i}.jsonl`: one line a candidate, in the order of the output file's lines and their entries.
 *
 *   {"valid": true, "pair": {"safe": "…", "harmful": "…"}, "failed": [],
 *    "tokens": {"single_token": {"qwen": [19, 19, [7]], "llama": …}, …},
 *    "from": {"custom_id": "refusal-…", "request_id": "…", "line": 3, "index": 0}}
 *
 * (without the spaces). A record has "record" for "pair", with its fields; so has an embedded
 * text, and at the line's end the text's "index" in its file and its "embedding". A tokenizer's entry is how many ids each text has, and the positions at which they differ; null
 * where there are not equally many.
 */

/** Where a candidate came from: the line of the output file, counted from 1, and the entry in its response, from 0. */
export interface Origin {
  readonly custom_id: string;
  readonly request_id: string | null;
  readonly line: number;
  readonly index: number;
}

/** `[first, second, different]` by variant and tokenizer; empty when nothing was encoded. */
export type TokenTable = Readonly<Record<string, Readonly<Record<string, TokenEntry>>>>;
export type TokenEntry = readonly [first: number, second: number, different: readonly number[] | null];

/** A failed check as a shard keeps it. */
export interface FailedCheck {
  readonly check: string;
  readonly reason: string;
  readonly detail: JsonObject;
}

/** The vector of an embedded text, and the text's line in the file of texts, counted from 0. */
export interface Embedding {
  readonly index: number;
  readonly vector: readonly number[];
}

/** A line of a shard, read. */
export interface ShardLine {
  readonly valid: boolean;
  /** In the order of the fields. */
  readonly texts: readonly string[];
  readonly failed: readonly FailedCheck[];
  readonly tokens: TokenTable;
  readonly from: Origin;
  /** There for embeddings, and for nothing else. */
  readonly embedding?: Embedding;
}

/** A candidate after its checks. */
export interface CheckedCandidate {
  readonly candidate: Candidate;
  readonly verdicts: readonly CheckVerdict[];
  /** Absent when no check needed tokens. */
  readonly tokens: PairVerdict | undefined;
  readonly from: Omit<Origin, "index">;
  readonly embedding?: Embedding;
}

/** The names by which a shard's lines are spelled. */
export interface ShardNames extends EntryNames {
  readonly variants: readonly string[];
  readonly tokenizers: readonly string[];
}

/** A checked candidate as a line of a shard, without the line's end. Valid means that no check failed. */
export function writeShardLine(checked: CheckedCandidate, names: ShardNames): string {
  const { candidate, verdicts, tokens, from, embedding } = checked;
  const failed = verdicts.flatMap((verdict) =>
    verdict.ok ? [] : [{ check: verdict.check, reason: verdict.reason, detail: verdict.detail }],
  );
  return JSON.stringify({
    valid: failed.length === 0,
    [memberOf(names)]: Object.fromEntries(names.fields.map((field, at) => [field, candidate.texts[at] ?? ""])),
    failed,
    tokens: tokens === undefined ? {} : tokenTable(tokens, names),
    from: { custom_id: from.custom_id, request_id: from.request_id, line: from.line, index: candidate.index },
    ...(embedding === undefined ? {} : { index: embedding.index, embedding: embedding.vector }),
  });
}

/** Under which member a line holds its texts. */
function memberOf({ kind }: EntryNames): "pair" | "record" {
  return kind === "pairs" ? "pair" : "record";
}

function tokenTable(tokens: PairVerdict, names: ShardNames): TokenTable {
  if (tokens.kind === "refused") return {};
  const table: Record<string, Record<string, TokenEntry>> = {};
  names.variants.forEach((variant, v) => {
    const row: Record<string, TokenEntry> = {};
    names.tokenizers.forEach((tokenizer, t) => {
      const comparison = tokens.comparisons[v * names.tokenizers.length + t];
      if (comparison === undefined) throw new Error(`the verdict lacks ${variant} under ${tokenizer}`);
      row[tokenizer] = [comparison.first, comparison.second, comparison.different];
    });
    table[variant] = row;
  });
  return table;
}

/** Reads one line of a shard. The error says what was expected and found. */
export function readShardLine(line: string, names: EntryNames): Result<ShardLine, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return err(`expected a JSON object, found ${JSON.stringify(line.slice(0, 60))}`);
  }
  if (!isJsonObject(parsed)) return err("expected a JSON object, found another value");
  const valid = parsed["valid"];
  const member = memberOf(names);
  const entry = parsed[member];
  const from = readOrigin(parsed["from"]);
  const failed = readFailed(parsed["failed"]);
  const tokens = readTokens(parsed["tokens"]);
  if (typeof valid !== "boolean") return err('"valid" must be true or false');
  if (!isJsonObject(entry)) return err(`"${member}" must be an object`);
  const texts = names.fields.map((field) => entry[field]).filter((text) => typeof text === "string");
  if (texts.length !== names.fields.length) {
    const wanted = names.fields.map((field) => `"${field}"`).join(" and ");
    return err(`"${member}" must hold the texts ${wanted}, found ${Object.keys(entry).join(", ")}`);
  }
  if (failed === undefined) return err('"failed" must be a list of {check, reason, detail}');
  if (tokens === undefined) return err('"tokens" must hold [first, second, different] by variant and tokenizer');
  if (from === undefined) return err('"from" must be {custom_id, request_id, line, index}');
  if (names.kind !== "embeddings") return ok({ valid, texts, failed, tokens, from });
  const embedding = readEmbedding(parsed);
  if (embedding === undefined) return err('"index" must be a number and "embedding" a list of numbers');
  return ok({ valid, texts, failed, tokens, from, embedding });
}

/**
 * The lines of a shard, one at a time.
 * @throws ProblemError (`corrupt`, naming file and line) at a line that is none
 */
export async function* readShard(
  lines: AsyncIterable<string> | Iterable<string>,
  name: string,
  names: EntryNames,
): AsyncGenerator<ShardLine> {
  let number = 0;
  for await (const line of lines) {
    number++;
    const read = readShardLine(line, names);
    if (!read.ok) {
      throw new ProblemError({
        kind: "corrupt",
        where: `${name}:${number}`,
        message: `not a line of a shard: ${read.error}.`,
        fix: "Build the shard again; it costs nothing.",
      });
    }
    yield read.value;
  }
}

function readEmbedding({ index, embedding }: JsonObject): Embedding | undefined {
  if (typeof index !== "number" || !isList(embedding)) return undefined;
  const vector = embedding.filter((number) => typeof number === "number");
  return vector.length === embedding.length ? { index, vector } : undefined;
}

function readOrigin(value: JsonValue | undefined): Origin | undefined {
  if (!isJsonObject(value)) return undefined;
  const { custom_id, request_id, line, index } = value;
  if (typeof custom_id !== "string" || typeof line !== "number" || typeof index !== "number") return undefined;
  if (request_id !== null && typeof request_id !== "string") return undefined;
  return { custom_id, request_id, line, index };
}

function readFailed(value: JsonValue | undefined): readonly FailedCheck[] | undefined {
  if (!isList(value)) return undefined;
  const failed: FailedCheck[] = [];
  for (const item of value) {
    if (!isJsonObject(item)) return undefined;
    const { check, reason, detail } = item;
    if (typeof check !== "string" || typeof reason !== "string" || !isJsonObject(detail)) return undefined;
    failed.push({ check, reason, detail });
  }
  return failed;
}

function readTokens(value: JsonValue | undefined): TokenTable | undefined {
  if (!isJsonObject(value)) return undefined;
  const table: Record<string, Record<string, TokenEntry>> = {};
  for (const [variant, row] of Object.entries(value)) {
    if (!isJsonObject(row)) return undefined;
    const entries: Record<string, TokenEntry> = {};
    for (const [tokenizer, cell] of Object.entries(row)) {
      const entry = readEntry(cell);
      if (entry === undefined) return undefined;
      entries[tokenizer] = entry;
    }
    table[variant] = entries;
  }
  return table;
}

function readEntry(cell: JsonValue): TokenEntry | undefined {
  if (!isList(cell) || cell.length !== 3) return undefined;
  const [first, second, different] = cell;
  if (typeof first !== "number" || typeof second !== "number") return undefined;
  if (different === null) return [first, second, null];
  if (different === undefined || !isList(different)) return undefined;
  const positions = different.filter((position) => typeof position === "number");
  return positions.length === different.length ? [first, second, positions] : undefined;
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
