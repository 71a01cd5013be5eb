import { isJsonList, isJsonObject, type JsonObject, type JsonValue, jsonObjectIn } from "../graph/json.ts";
import type { ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type {
  CheckedCandidate,
  Entry,
  EntryNames,
  FailedCheck,
  Origin,
  ShardLine,
  ShardNames,
  TokenEntry,
  TokenTable,
} from "../tasks/candidate.ts";
import type { CheckVerdict } from "../tasks/check-verdict.ts";
import { damagedShard } from "../tasks/shard-summary.ts";
import type { Comparison } from "../tokenizers/pair-rule.ts";
import { kindOf } from "./registry.ts";

/*
 * `validated/T/shard{i}.jsonl`: one line a candidate, in the order of the output file's lines and their entries.
 *
 *   {"valid": true, "pair": {"safe": "…", "harmful": "…"}, "failed": [],
 *    "tokens": {"single_token": {"qwen": [19, 19, [7]], "llama": …}, …},
 *    "from": {"custom_id": "refusal-…", "request_id": "…", "line": 3, "index": 0}}
 *
 * (without the spaces). A record has "record" for "pair", with its fields; so has an embedded text, and at the line's end the
 * text's "index" in its file and its "embedding". A tokenizer's entry is how many ids each text has, and the positions at
 * which they differ; null where there are not equally many.
 */

/**
 * Writes checked candidates as lines of a shard, without the line's end. Valid means that no check failed. Put together from
 * pieces, in the order in which JSON.stringify would: a shard has a hundred thousand lines.
 */
export function shardLineWriter(names: ShardNames): (checked: CheckedCandidate) => string {
  const { variants, tokenizers } = names;
  const member = JSON.stringify(kindOf(names).member);
  const fields = membersOf(names.fields);
  const table = membersOf(variants).map(({ key, at }) => ({
    key,
    at: at * tokenizers.length,
    row: membersOf(tokenizers),
  }));
  const entryOf = (comparison: Comparison | undefined) => {
    if (comparison === undefined) throw new Error("the verdict lacks a variant or a tokenizer");
    const { first, second, different } = comparison;
    return `[${first},${second},${different === null ? "null" : `[${different.join(",")}]`}]`;
  };
  // Checks that share a failure come one after another.
  let detail = "";
  let detailOf: object | undefined;
  const failureOf = (verdict: CheckVerdict & { readonly ok: false }) => {
    if (detailOf !== verdict.detail) detail = JSON.stringify(verdict.detail);
    detailOf = verdict.detail;
    return `{"check":${JSON.stringify(verdict.check)},"reason":${JSON.stringify(verdict.reason)},"detail":${detail}}`;
  };
  // An answer's candidates come one after another.
  let origin = "";
  let of: CheckedCandidate["from"] | undefined;
  return ({ candidate, verdicts, tokens, from }) => {
    if (from !== of) {
      of = from;
      origin = `{"custom_id":${JSON.stringify(from.custom_id)},"request_id":${JSON.stringify(from.request_id)},"line":${from.line}`;
    }
    let failed = "";
    for (const verdict of verdicts) if (!verdict.ok) failed += `${failed === "" ? "" : ","}${failureOf(verdict)}`;
    let line = `{"valid":${failed === ""},${member}:{`;
    for (const { key, at } of fields) line += `${key}${JSON.stringify(candidate.texts[at] ?? "")}`;
    line += `},"failed":[${failed}],"tokens":{`;
    if (tokens?.kind === "compared") {
      for (const { key, at, row } of table) {
        line += `${key}{`;
        for (const cell of row) line += `${cell.key}${entryOf(tokens.comparisons[at + cell.at])}`;
        line += "}";
      }
    }
    line += `},"from":${origin},"index":${candidate.index}}`;
    for (const [key, value] of Object.entries(candidate.more ?? {}))
      line += `,${JSON.stringify(key)}:${JSON.stringify(value)}`;
    return `${line}}`;
  };
}

/** An object's keys in its own order (numbers first, doubles once), as they are written before a value, and which each is. */
function membersOf(keys: readonly string[]): readonly { readonly key: string; readonly at: number }[] {
  const places = Object.fromEntries(keys.map((key, at) => [key, at]));
  return Object.entries(places).map(([key, at], nth) => ({
    key: `${nth === 0 ? "" : ","}${JSON.stringify(key)}:`,
    at,
  }));
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
  const { member, faultOf } = kindOf(names);
  const entry = parsed[member];
  const from = readOrigin(parsed["from"]);
  const failed = readFailed(parsed["failed"]);
  const tokens = readTokens(parsed["tokens"]);
  if (typeof valid !== "boolean") return err('"valid" must be true or false');
  if (!isJsonObject(entry)) return err(`"${member}" must be an object`);
  const texts = textsOf(entry, names);
  if (texts === undefined) {
    const wanted = names.fields.map((field) => `"${field}"`).join(" and ");
    return err(`"${member}" must hold the texts ${wanted}, found ${Object.keys(entry).join(", ")}`);
  }
  if (failed === undefined) return err('"failed" must be a list of {check, reason, detail}');
  if (tokens === undefined) return err('"tokens" must hold [first, second, different] by variant and tokenizer');
  if (from === undefined) return err('"from" must be {custom_id, request_id, line, index}');
  const fault = faultOf?.(parsed);
  if (fault !== undefined) return err(fault);
  const read = { valid, texts, failed, tokens, from };
  return ok(faultOf === undefined ? read : { ...read, more: parsed });
}

/**
 * The lines of a shard, one at a time.
 * @throws ProblemError (`corrupt`, naming file and line) at a line that is none
 */
export async function* readShard(
  lines: AsyncIterable<string>,
  name: string,
  names: EntryNames,
): AsyncGenerator<ShardLine> {
  let number = 0;
  for await (const line of lines) {
    number++;
    const read = readShardLine(line, names);
    if (!read.ok) throw notAShardLine(`${name}:${number}`, read.error);
    yield read.value;
  }
}

function notAShardLine(where: string, error: string): ProblemError {
  return damagedShard(where, `not a line of a shard: ${error}`);
}

/** What is told of the lines of a shard while its entries are read. */
export interface ShardCounts {
  /** A line that is not valid. Its request is told when `askedBy` is set. */
  invalid(requestId: string | null): void;
  /** A valid line; `judged` when tokenizers had a say in it. */
  valid?(requestId: string | null, judged: boolean): void;
  readonly askedBy?: true;
  /** Valid entries are wanted with what each tokenizer said of them. */
  readonly tokens?: boolean;
}

interface ShardFile {
  readonly name: string;
  portions(): AsyncIterable<readonly string[]>;
}

/**
 * The valid entries of a shard. Of the other lines, most of a shard, no more is read than is told of them, and of the valid
 * ones not what each tokenizer said, unless that is wanted.
 * @throws ProblemError (`corrupt`, naming file and line) at a line that is none
 */
export async function* validEntries(file: ShardFile, names: EntryNames, counts: ShardCounts): AsyncGenerator<Entry> {
  let number = 0;
  for await (const portion of file.portions()) {
    for (const line of portion) {
      const entry = validEntry(line, `${file.name}:${++number}`, names, counts);
      if (entry !== undefined) yield entry;
    }
  }
}

/** The valid entries of these shards, one after another; nothing is told of the others. */
export async function* validEntriesOfAll(files: readonly ShardFile[], names: EntryNames): AsyncGenerator<Entry> {
  for (const file of files) yield* validEntries(file, names, { invalid: () => {} });
}

/** The entry of one line, if it is valid. */
export function validEntry(line: string, where: string, names: EntryNames, counts: ShardCounts): Entry | undefined {
  const { member, faultOf } = kindOf(names);
  // Only lines without members of their own end with where they came from.
  const at = faultOf === undefined ? line.lastIndexOf(FROM) : -1;
  if (line.startsWith(INVALID) && (counts.askedBy === undefined || at !== -1)) {
    const from = counts.askedBy === undefined ? undefined : originAt(line, at);
    if (counts.askedBy === undefined || from !== undefined) {
      counts.invalid(from?.request_id ?? null);
      return undefined;
    }
  }
  const cut = counts.tokens === true || at === -1 || !line.startsWith(VALID) ? -1 : line.indexOf(UNFAILED);
  if (cut !== -1 && cut < at) {
    const entry = jsonObjectIn(`${line.slice(0, cut)}}`)?.[member];
    const texts = isJsonObject(entry) ? textsOf(entry, names) : undefined;
    const origin = line.slice(at + FROM.length - 1, -1);
    if (texts !== undefined && ORIGIN.test(origin)) {
      const found = new ValidEntry(texts, origin);
      counts.valid?.(found.from.request_id, !line.startsWith("}", cut + UNFAILED.length));
      return found;
    }
  }
  const read = readShardLine(line, names);
  if (!read.ok) throw notAShardLine(where, read.error);
  const { valid, from, tokens } = read.value;
  if (valid) counts.valid?.(from.request_id, Object.keys(tokens).length > 0);
  else counts.invalid(from.request_id);
  return valid ? read.value : undefined;
}

// How `writeShardLine` spells them. A quotation mark within a text has a backslash before it, so that none of these is one.
const INVALID = '{"valid":false,';
const VALID = '{"valid":true,';
const UNFAILED = ',"failed":[],"tokens":{';
const FROM = ',"from":{';

/** What an origin looks like that JSON.parse and `readOrigin` take. */
const ORIGIN =
  /^\{"custom_id":"[^"\\\p{Cc}]*","request_id":"[^"\\\p{Cc}]*","line":(?:0|[1-9]\d*),"index":(?:0|[1-9]\d*)\}$/u;

/** A valid entry; where it came from is read when somebody asks: who chooses entries does not. */
class ValidEntry implements Entry {
  readonly valid = true;
  readonly texts: readonly string[];
  readonly #origin: string;

  constructor(texts: readonly string[], origin: string) {
    this.texts = texts;
    this.#origin = origin;
  }

  get from(): Origin {
    const from = readOrigin(jsonObjectIn(this.#origin));
    if (from === undefined) throw new Error(`not an origin: ${this.#origin}`);
    return from;
  }
}

/** Whether the line that begins here says that its entry is not valid. */
export function saysInvalid(bytes: Buffer, start: number): boolean {
  return bytes.toString("latin1", start, start + INVALID.length) === INVALID;
}

function originAt(line: string, at: number): Origin | undefined {
  return readOrigin(jsonObjectIn(line.slice(at + FROM.length - 1, -1)));
}

function textsOf(entry: JsonObject, { fields }: EntryNames): readonly string[] | undefined {
  const texts = fields.map((field) => entry[field]).filter((text) => typeof text === "string");
  return texts.length === fields.length ? texts : undefined;
}

function readOrigin(value: JsonValue | undefined): Origin | undefined {
  if (!isJsonObject(value)) return undefined;
  const { custom_id, request_id, line, index } = value;
  if (typeof custom_id !== "string" || typeof line !== "number" || typeof index !== "number") return undefined;
  if (request_id !== null && typeof request_id !== "string") return undefined;
  return { custom_id, request_id, line, index };
}

function readFailed(value: JsonValue | undefined): readonly FailedCheck[] | undefined {
  if (!isJsonList(value)) return undefined;
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
  if (!isJsonList(cell) || cell.length !== 3) return undefined;
  const [first, second, different] = cell;
  if (typeof first !== "number" || typeof second !== "number") return undefined;
  if (different === null) return [first, second, null];
  if (different === undefined || !isJsonList(different)) return undefined;
  const positions = different.filter((position) => typeof position === "number");
  return positions.length === different.length ? [first, second, positions] : undefined;
}
