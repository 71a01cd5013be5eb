import { fingerprintOf } from "../graph/digest.ts";
import { sharedEnds } from "../report/shared-ends.ts";
import { visible } from "../report/visible.ts";
import { failureName } from "../tasks/check-verdict.ts";
import type { Encoder } from "../tokenizers/encoder.ts";
import { tokenTexts } from "../tokenizers/token-texts.ts";
import { textOf, type Variant } from "../tokenizers/variant.ts";
import type { Fate, ReportTask, SeenLine } from "./task-data.ts";

/*
 * The sample of a report: candidates drawn by the fingerprint of where they came from, which is chance enough, and the same on
 * every machine. What is not taken is drawn by its reason, so that rare failures are among it.
 */

/** One candidate as the page's script shows it. Texts are as a person may see them: nothing in them hides or turns round. */
export interface SampleRow {
  readonly fate: Fate;
  readonly id: number | null;
  /** Field, text, and how many characters of it are left out. */
  readonly texts: readonly (readonly [field: string, text: string, more: number])[];
  readonly why: readonly string[];
  readonly from: string;
  readonly tokens: readonly TokenRows[];
}

/** A tokenizer's tokens of a pair: the texts of each, and which of them differ. */
export interface TokenRows {
  readonly tokenizer: string;
  readonly counts: readonly [first: number, second: number];
  readonly rows: readonly (readonly (readonly [text: string, id: number, differs: 0 | 1])[])[];
}

const TAKEN = 150;
const BY_REASON = 40;
const LEFT_OUT = 150;
/** Characters of a text, and tokens on either side of the first that differs. */
const SHOWN_CHARACTERS = 600;
const SHOWN_TOKENS = 24;

/** Keeps the lines of the smallest fingerprints, a bounded number of each reason. */
export class Sample {
  readonly #kept = new Map<string, { readonly key: string; readonly seen: SeenLine }[]>();

  readonly see = (seen: SeenLine): void => {
    const { fate, line, shard } = seen;
    const reason = fate === "invalid" ? whyOf(seen).join("\n") : fate;
    const most = fate === "taken" ? TAKEN : BY_REASON;
    const kept = this.#kept.get(reason) ?? [];
    this.#kept.set(reason, kept);
    const key = fingerprintOf(`${shard} ${line.from.custom_id} ${line.from.index}`);
    if (kept.length === most && key >= (kept.at(-1)?.key ?? "")) return;
    kept.push({ key, seen });
    kept.sort((a, b) => (a.key < b.key ? -1 : 1));
    if (kept.length > most) kept.pop();
  };

  /** The dataset's by their number, then the others, no reason before each has had its turn. */
  lines(): readonly SeenLine[] {
    const taken = (this.#kept.get("taken") ?? []).map(({ seen }) => seen);
    const groups = [...this.#kept].sort(([a], [b]) => (a < b ? -1 : 1)).filter(([reason]) => reason !== "taken");
    const others: SeenLine[] = [];
    for (let turn = 0; turn < BY_REASON && others.length < LEFT_OUT; turn++) {
      for (const [, kept] of groups) {
        const next = kept[turn];
        if (next !== undefined && others.length < LEFT_OUT) others.push(next.seen);
      }
    }
    return [...taken.sort((a, b) => (a.scenarioId ?? 0) - (b.scenarioId ?? 0)), ...others];
  }
}

/** The rows of a sample, as many as `bytes` of JSON hold. Kept and left out ones take turns, so that both are there. */
export function sampleRows(
  lines: readonly SeenLine[],
  task: ReportTask,
  encoders: readonly Encoder[],
  bytes: number,
): readonly SampleRow[] {
  const variant = shortest(task.variants);
  const texts = encoders.map((encoder) => ({ encoder, textOfToken: tokenTexts(encoder) }));
  const split = Math.max(
    0,
    lines.findIndex(({ fate }) => fate !== "taken"),
  );
  const [taken, others] =
    split === 0 && lines[0]?.fate === "taken" ? [lines, []] : [lines.slice(0, split), lines.slice(split)];
  const rows: { readonly at: number; readonly row: SampleRow }[] = [];
  let left = bytes;
  for (let turn = 0; turn < Math.max(taken.length, others.length); turn++) {
    for (const [seen, at] of [[taken[turn], turn] as const, [others[turn], taken.length + turn] as const]) {
      if (seen === undefined) continue;
      const pair = variant !== undefined && seen.line.texts.length === 2;
      const tokens = pair ? texts.flatMap((one) => tokensOf(seen, variant, one)) : [];
      const row = rowOf(seen, task, tokens);
      left -= Buffer.byteLength(JSON.stringify(row));
      if (left < 0) return inOrder(rows);
      rows.push({ at, row });
    }
  }
  return inOrder(rows);
}

function inOrder(rows: readonly { readonly at: number; readonly row: SampleRow }[]): readonly SampleRow[] {
  return [...rows].sort((a, b) => a.at - b.at).map(({ row }) => row);
}

function shortest(variants: readonly Variant[]): Variant | undefined {
  const size = ({ prefix, suffix }: Variant) => prefix.length + suffix.length;
  return [...variants].sort((a, b) => size(a) - size(b))[0];
}

function rowOf(seen: SeenLine, { names }: ReportTask, tokens: readonly TokenRows[]): SampleRow {
  const { line, fate, shard, scenarioId } = seen;
  return {
    fate,
    id: scenarioId,
    texts: names.fields.map((field, at) => {
      const characters = [...(line.texts[at] ?? "")];
      const shown = visible(characters.slice(0, SHOWN_CHARACTERS).join(""));
      return [field, shown, Math.max(0, characters.length - SHOWN_CHARACTERS)];
    }),
    why: fate === "invalid" ? whyOf(seen).map(visible) : [],
    from: visible(`${shard}, ${line.from.custom_id}, entry ${line.from.index}`),
    tokens,
  };
}

function whyOf({ line }: SeenLine): readonly string[] {
  return [...new Set(line.failed.map((failed) => failureName(failed)))];
}

function tokensOf(
  { line }: SeenLine,
  variant: Variant,
  { encoder, textOfToken }: { encoder: Encoder; textOfToken: ((id: number) => string) | undefined },
): readonly TokenRows[] {
  const [first, second] = line.texts.map((text) =>
    !/\p{Cs}/u.test(text) ? encoder.encode(textOf(variant, text)) : [],
  );
  if (first === undefined || second === undefined) return [];
  const differs = differing(first, second);
  const start = Math.max(0, first.findIndex((_, at) => differs(0, at)) - SHOWN_TOKENS);
  const rows = [first, second].map((ids, member) =>
    ids.slice(start, start + 2 * SHOWN_TOKENS).map((id, at): TokenRows["rows"][number][number] => {
      const text = textOfToken?.(id);
      return [text === undefined ? `#${id}` : visible(text), id, differs(member, start + at) ? 1 : 0];
    }),
  );
  return [{ tokenizer: encoder.name, counts: [first.length, second.length], rows }];
}

/** Of equally many, those of another id; else all between what both begin and what both end with. */
function differing(first: readonly number[], second: readonly number[]): (member: number, at: number) => boolean {
  if (first.length === second.length) return (_, at) => first[at] !== second[at];
  const [start, end] = sharedEnds(first, second);
  return (member, at) => at >= start && at < (member === 0 ? first : second).length - end;
}
