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
  const [heads, fields] = [[true, false].map((valid) => `{"valid":${valid},${member}:{`), membersOf(names.fields)];
  const table = membersOf(variants).map(({ key, at }) => ({
    key: `${key}{`,
    at: at * tokenizers.length,
    row: membersOf(tokenizers),
  }));
  // An answer's candidates come one after another.
  let origin = "";
  let of: CheckedCandidate["from"] | undefined;
  return ({ candidate, verdicts, tokens, from }, into) => {
    if (from !== of) {
      of = from;
      origin = `},"from":{"custom_id":${JSON.stringify(from.custom_id)},"request_id":${JSON.stringify(from.request_id)},"line":${from.line},"index":`;
    }
    into.text(heads[verdicts.every(({ ok }) => ok) ? 0 : 1] ?? "");
    for (const { key, at } of fields) {
      into.text(key);
      into.value(candidate.texts[at] ?? "");
    }
    into.text('},"failed":[');
    writeFailures(verdicts, into);
    into.text('],"tokens":{');
    if (tokens?.kind === "compared") {
      for (const { key, at, row } of table) {
        into.text(key);
        for (const cell of row) writeComparison(cell.key, tokens.comparisons[at + cell.at], into);
        into.text("}");
      }
    }
    into.text(origin);
    into.value(candidate.index);
    into.text("}");
    for (const [key, value] of Object.entries(candidate.more ?? {})) {
      into.text(`,${JSON.stringify(key)}:`);
      into.text(JSON.stringify(value));
    }
    into.text("}\n");
  };
}

function writeFailures(verdicts: readonly CheckVerdict[], into: JsonBytes): void {
  let separator = "";
  // Checks that share a failure come one after another.
  let last: object | undefined;
  let [start, end] = [0, 0];
  for (const verdict of verdicts) {
    if (verdict.ok) continue;
    into.text(`${separator}{"check":`);
    into.value(verdict.check);
    into.text(',"reason":');
    into.value(verdict.reason);
    into.text(',"detail":');
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
    into.text("}");
    separator = ",";
  }
}

function writeFaults(at: readonly (TokenFault & { readonly positions?: number })[], into: JsonBytes): void {
  let before = '{"at":[{"variant":';
  for (const { variant, tokenizer, first, second, positions } of at) {
    into.text(before);
    into.value(variant);
    into.text(',"tokenizer":');
    into.value(tokenizer);
    into.text(',"first":');
    into.value(first);
    into.text(',"second":');
    into.value(second);
    if (positions !== undefined) {
      into.text(',"positions":');
      into.value(positions);
    }
    before = '},{"variant":';
  }
  into.text(at.length === 0 ? '{"at":[]}' : "}]}");
}

function writeComparison(key: string, comparison: Comparison | undefined, into: JsonBytes): void {
  if (comparison === undefined) throw new Error("the verdict lacks a variant or a tokenizer");
  const { first, second, different } = comparison;
  into.text(key);
  into.text("[");
  into.value(first);
  into.text(",");
  into.value(second);
  into.text(",");
  into.value(different);
  into.text("]");
}

/** An object's keys in its own order (numbers first, doubles once), as they are written before a value, and which each is. */
function membersOf(keys: readonly string[]): readonly { readonly key: string; readonly at: number }[] {
  const places = Object.fromEntries(keys.map((key, at) => [key, at]));
  return Object.entries(places).map(([key, at], nth) => ({
    key: `${nth === 0 ? "" : ","}${JSON.stringify(key)}:`,
    at,
  }));
}
