import { isJsonList, isJsonObject, type JsonObject, type JsonValue, jsonObjectIn } from "../graph/json.ts";
import type { ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Entry, EntryNames, FailedCheck, Origin, ShardLine, TokenEntry, TokenTable } from "../tasks/candidate.ts";
import { damagedShard } from "../tasks/shard-summary.ts";
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
  pieces(): AsyncIterable<Uint8Array>;
}

/**
 * The valid entries of a shard. Of the other lines, most of a shard, no more is read than is told of them, and of the valid
 * ones not what each tokenizer said, unless that is wanted.
 * @throws ProblemError (`corrupt`, naming file and line) at a line that is none
 */
export async function* validEntries(file: ShardFile, names: EntryNames, counts: ShardCounts): AsyncGenerator<Entry> {
  const reader = new EntryReader(file.name, names, counts);
  for await (const piece of file.pieces()) yield* reader.of(piece);
}

/** The valid entries of these shards, one after another; nothing is told of the others. */
export async function* validEntriesOfAll(files: readonly ShardFile[], names: EntryNames): AsyncGenerator<Entry> {
  for (const file of files) yield* validEntries(file, names, { invalid: () => {} });
}

/** Reads a shard's lines as bytes, piece by piece: only what is asked for is made a text of. */
export class EntryReader {
  readonly #name: string;
  readonly #names: EntryNames;
  readonly #counts: ShardCounts;
  /** A line ends with where its entry came from, unless its kind has members of its own there. */
  readonly #endsWithOrigin: boolean;
  readonly #head: Buffer;
  #number = 0;
  /** The answer that the last origin named, its bytes as far as the index, and the index. */
  #answer: { readonly bytes: Buffer; readonly from: Omit<Origin, "index"> } | undefined;
  #index = 0;

  constructor(name: string, names: EntryNames, counts: ShardCounts) {
    const { member, faultOf } = kindOf(names);
    this.#name = name;
    this.#names = names;
    this.#counts = counts;
    this.#endsWithOrigin = faultOf === undefined;
    this.#head = Buffer.from(`${VALID}${JSON.stringify(member)}:`);
  }

  /** The valid entries of the next bytes: whole lines. */
  *of(bytes: Uint8Array): Generator<Entry> {
    const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let start = 0; start < lines.length; ) {
      const newline = lines.indexOf(NEWLINE, start);
      const end = newline === -1 ? lines.length : newline;
      this.#number++;
      const entry = this.#entry(lines, start, end);
      if (entry !== undefined) yield entry;
      start = end + 1;
    }
  }

  #entry(lines: Buffer, start: number, end: number): Entry | undefined {
    const { askedBy, invalid } = this.#counts;
    if (begins(lines, start, INVALID)) {
      const told = askedBy === undefined || this.#readOrigin(lines, start, end) !== -1;
      if (told) {
        invalid(askedBy === undefined ? null : (this.#answer?.from.request_id ?? null));
        return undefined;
      }
    }
    return this.#valid(lines, start, end) ?? this.#read(lines.toString("utf8", start, end));
  }

  /** An entry that is spelled as `shardLineWriter` does; undefined where the line is to be read whole. */
  #valid(lines: Buffer, start: number, end: number): Entry | undefined {
    if (this.#counts.tokens === true || !begins(lines, start, this.#head)) return undefined;
    const at = this.#readOrigin(lines, start, end);
    const cut = at === -1 ? -1 : lines.indexOf(UNFAILED, start);
    if (this.#answer === undefined || cut === -1 || cut > at) return undefined;
    const entry = jsonObjectIn(lines.toString("utf8", start + this.#head.length, cut));
    const texts = entry && textsOf(entry, this.#names);
    if (texts === undefined) return undefined;
    const from = { ...this.#answer.from, index: this.#index };
    this.#counts.valid?.(from.request_id, lines[cut + UNFAILED.length] !== CLOSING);
    return { valid: true, texts, from };
  }

  /** Where a line tells its origin, -1 where it does not as `shardLineWriter` spells it. Leaves the answer and the index. */
  #readOrigin(lines: Buffer, start: number, end: number): number {
    if (!this.#endsWithOrigin) return -1;
    // An answer's entries come one after another: they differ in their index alone.
    const known = this.#answer;
    if (known !== undefined) {
      for (let digits = 1; digits <= MOST_DIGITS; digits++) {
        const at = end - ENDS.length - digits - known.bytes.length;
        if (at < start || !begins(lines, at, known.bytes)) continue;
        const index = indexIn(lines, at + known.bytes.length, end);
        if (index === undefined) break;
        this.#index = index;
        return at;
      }
    }
    const at = lines.lastIndexOf(FROM, end - FROM.length);
    if (at < start) return -1;
    const text = lines.toString("utf8", at, end);
    const [, custom_id, request_id, line, index] = ORIGIN.exec(text) ?? [];
    if (custom_id === undefined || request_id === undefined) return -1;
    const from = { custom_id, request_id, line: Number(line) };
    this.#answer = { bytes: Buffer.from(text.slice(0, text.lastIndexOf(":") + 1)), from };
    this.#index = Number(index);
    return at;
  }

  #read(line: string): Entry | undefined {
    const read = readShardLine(line, this.#names);
    if (!read.ok) throw notAShardLine(`${this.#name}:${this.#number}`, read.error);
    const { valid, from, tokens } = read.value;
    if (valid) this.#counts.valid?.(from.request_id, Object.keys(tokens).length > 0);
    else this.#counts.invalid(from.request_id);
    return valid ? read.value : undefined;
  }
}

// How `shardLineWriter` spells them. A quotation mark within a text has a backslash before it, so that none of these is one.
const INVALID = Buffer.from('{"valid":false,');
const VALID = '{"valid":true,';
const UNFAILED = Buffer.from(',"failed":[],"tokens":{');
const FROM = Buffer.from(',"from":{');
const [NEWLINE, CLOSING, ZERO] = [0x0a, 0x7d, 0x30];

/** How a line ends; an origin that JSON.parse and `readOrigin` take. */
const ORIGIN =
  /^,"from":\{"custom_id":"([^"\\\p{Cc}]*)","request_id":"([^"\\\p{Cc}]*)","line":(0|[1-9]\d*),"index":(0|[1-9]\d*)\}\}$/u;

/** The number that stands here, with an origin's end behind it, as `ORIGIN` has it; undefined where something else does. */
function indexIn(lines: Buffer, start: number, end: number): number | undefined {
  const digits = end - ENDS.length - start;
  if (digits < 1 || digits > MOST_DIGITS || (digits > 1 && lines[start] === ZERO)) return undefined;
  let index = 0;
  for (let at = start; at < start + digits; at++) {
    const digit = (lines[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    index = index * 10 + digit;
  }
  return begins(lines, start + digits, ENDS) ? index : undefined;
}

const ENDS = Buffer.from("}}");
const MOST_DIGITS = 9;

/** Whether a line that begins here begins with these bytes. */
function begins(lines: Buffer, start: number, bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at++) if (lines[start + at] !== bytes[at]) return false;
  return true;
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
