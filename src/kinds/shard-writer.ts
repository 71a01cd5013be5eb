import type { JsonBytes } from "../graph/json-bytes.ts";
import type { CheckedCandidate, ShardNames } from "../tasks/candidate.ts";
import type { CheckVerdict, TokenFault } from "../tasks/check-verdict.ts";
import type { Comparison } from "../tokenizers/pair-rule.ts";
import { kindOf } from "./registry.ts";

/**
 * Writes checked candidates as lines of a shard, with the line's end. Valid means that no check failed. Put together from
 * pieces, in the order in which JSON.stringify would: a shard has a hundred thousand lines.
 */
export function shardLineWriter(names: ShardNames): (checked: CheckedCandidate, into: JsonBytes) => void {
  const { variants, tokenizers } = names;
  const member = JSON.stringify(kindOf(names).member);
  const [valid, invalid] = [bytesOf(`{"valid":true,${member}:{`), bytesOf(`{"valid":false,${member}:{`)];
  const fields = membersOf(names.fields, "");
  const table = membersOf(variants, "{").map(({ key, at }) => ({
    key,
    at: at * tokenizers.length,
    row: membersOf(tokenizers, "["),
  }));
  // An answer's candidates come one after another.
  let origin = bytesOf("");
  let of: CheckedCandidate["from"] | undefined;
  return ({ candidate, verdicts, tokens, from }, into) => {
    if (from !== of) {
      of = from;
      const named = `},"from":{"custom_id":${JSON.stringify(from.custom_id)},"request_id":${JSON.stringify(from.request_id)}`;
      origin = bytesOf(`${named},"line":${from.line},"index":`);
    }
    into.bytes(verdicts.every(({ ok }) => ok) ? valid : invalid);
    for (const { key, at } of fields) {
      into.bytes(key);
      into.value(candidate.texts[at] ?? "");
    }
    into.bytes(FAILED);
    writeFailures(verdicts, into);
    into.bytes(TOKENS);
    if (tokens?.kind === "compared") {
      for (const { key, at, row } of table) {
        into.bytes(key);
        for (const cell of row) writeComparison(cell.key, tokens.comparisons[at + cell.at], into);
        into.bytes(CLOSE);
      }
    }
    into.bytes(origin);
    into.value(candidate.index);
    into.bytes(CLOSE);
    for (const [key, value] of Object.entries(candidate.more ?? {})) {
      into.text(`,${JSON.stringify(key)}:`);
      into.text(JSON.stringify(value));
    }
    into.bytes(END);
  };
}

// What is written a million times is spelled once.
const bytesOf = (text: string): Buffer => Buffer.from(text);
const [FAILED, TOKENS, CLOSE, END] = [bytesOf('},"failed":['), bytesOf('],"tokens":{'), bytesOf("}"), bytesOf("}\n")];
const [CHECK, NEXT_CHECK] = [bytesOf('{"check":'), bytesOf(',{"check":')];
const [REASON, DETAIL] = [bytesOf(',"reason":'), bytesOf(',"detail":')];
const [FAULT, NEXT_FAULT, TOKENIZER] = [
  bytesOf('{"at":[{"variant":'),
  bytesOf('},{"variant":'),
  bytesOf(',"tokenizer":'),
];
const [FIRST, SECOND, POSITIONS] = [bytesOf(',"first":'), bytesOf(',"second":'), bytesOf(',"positions":')];
const [FAULTS_END, NO_FAULTS] = [bytesOf("}]}"), bytesOf('{"at":[]}')];
const [COMMA, LIST_END] = [bytesOf(","), bytesOf("]")];

function writeFailures(verdicts: readonly CheckVerdict[], into: JsonBytes): void {
  let before = CHECK;
  // Checks that share a failure come one after another.
  let last: object | undefined;
  let [start, end] = [0, 0];
  for (const verdict of verdicts) {
    if (verdict.ok) continue;
    into.bytes(before);
    into.value(verdict.check);
    into.bytes(REASON);
    into.value(verdict.reason);
    into.bytes(DETAIL);
    if (verdict.detail === last) into.again(start, end);
    else {
      start = into.length;
      if (verdict.reason === "unequal-token-counts" || verdict.reason === "not-one-difference")
        writeFaults(verdict.detail.at, into);
      // What a module says of itself is written as JSON.stringify has it, whatever it is.
      else into.text(JSON.stringify(verdict.detail));
      end = into.length;
      last = verdict.detail;
    }
    into.bytes(CLOSE);
    before = NEXT_CHECK;
  }
}

function writeFaults(at: readonly (TokenFault & { readonly positions?: number })[], into: JsonBytes): void {
  let before = FAULT;
  for (const { variant, tokenizer, first, second, positions } of at) {
    into.bytes(before);
    into.value(variant);
    into.bytes(TOKENIZER);
    into.value(tokenizer);
    into.bytes(FIRST);
    into.value(first);
    into.bytes(SECOND);
    into.value(second);
    if (positions !== undefined) {
      into.bytes(POSITIONS);
      into.value(positions);
    }
    before = NEXT_FAULT;
  }
  into.bytes(at.length === 0 ? NO_FAULTS : FAULTS_END);
}

function writeComparison(key: Buffer, comparison: Comparison | undefined, into: JsonBytes): void {
  if (comparison === undefined) throw new Error("the verdict lacks a variant or a tokenizer");
  const { first, second, different } = comparison;
  into.bytes(key);
  into.value(first);
  into.bytes(COMMA);
  into.value(second);
  into.bytes(COMMA);
  into.value(different);
  into.bytes(LIST_END);
}

/**
 * An object's keys in its own order (numbers first, doubles once), as they are written before a value that begins with `opening`,
 * and which each is.
 */
function membersOf(keys: readonly string[], opening: string): readonly { readonly key: Buffer; readonly at: number }[] {
  const places = Object.fromEntries(keys.map((key, at) => [key, at]));
  return Object.entries(places).map(([key, at], nth) => ({
    key: bytesOf(`${nth === 0 ? "" : ","}${JSON.stringify(key)}:${opening}`),
    at,
  }));
}
