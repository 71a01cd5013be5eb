import { cells, characters, fitting } from "./cells.ts";
import { sharedEnds } from "./shared-ends.ts";
import { oneLine } from "./visible.ts";

/** A text on one line of at most `width` cells; the cut is shown. Line breaks are written as `\n`. */
export function shorten(text: string, width: number, ellipsis = "…"): string {
  // Whatever a character is made of, the ends of a long text are more than has room.
  const most = 8 * (width + 1);
  const ends = text.length > 4 * most ? `${text.slice(0, most)}${ellipsis}${text.slice(-most)}` : text;
  const line = oneLine(ends);
  if (ends === text && cells(line) <= width) return line;
  const all = characters(line);
  const kept = Math.max(1, width - ellipsis.length);
  const head = fitting(all, Math.ceil(kept * 0.7));
  const tail = fitting(all.slice(head.length).reverse(), kept - Math.ceil(kept * 0.7));
  return `${head.join("")}${ellipsis}${[...tail].reverse().join("")}`;
}

/**
 * Two long values that differ in a small place (a prompt with one word changed), each cut so that the place is seen:
 * what they share at the start and the end gives way to the ellipsis first.
 */
export function shortenChange(from: string, to: string, width: number, ellipsis = "…"): readonly [string, string] {
  const [lineA, lineB] = [oneLine(from), oneLine(to)];
  if (cells(lineA) <= width && cells(lineB) <= width) return [lineA, lineB];
  const a = characters(lineA);
  const b = characters(lineB);
  const wide = cells(lineA) > a.length || cells(lineB) > b.length;
  const room = wide ? Math.floor(width / 2) : width;
  const [start, end] = sharedEnds(a, b);
  const context = Math.max(4, Math.floor((room - Math.max(a.length, b.length) + start + end) / 2));
  return [around(a, start, end, context, width, ellipsis), around(b, start, end, context, width, ellipsis)];
}

/**
 * Names that differ in one number, written as one: `shard0..9.jsonl`, `shard{0,2..4}.jsonl`. Others are listed, at most
 * `limit` of them.
 */
export function nameRange(names: readonly string[], limit = 3): string {
  if (names.length === 1) return names[0] ?? "";
  const common = oneNumberApart(names);
  if (common !== undefined) {
    const runs = runsOf(common.numbers);
    const single = runs.length === 1 ? runs[0] : undefined;
    if (single !== undefined && !single.includes(",")) return `${common.before}${single}${common.after}`;
    const shown = runs.length > 6 ? [...runs.slice(0, 5), "…", runs.at(-1) ?? ""] : runs;
    return `${common.before}{${shown.join(",")}}${common.after}`;
  }
  const rest = names.length - limit;
  return rest > 0 ? `${names.slice(0, limit).join(", ")} and ${rest} more` : names.join(", ");
}

function around(
  text: readonly string[],
  start: number,
  end: number,
  context: number,
  width: number,
  ellipsis: string,
): string {
  const first = start <= context + ellipsis.length ? 0 : start - context;
  const last = end <= context + ellipsis.length ? text.length : text.length - end + context;
  const middle = shorten(text.slice(first, last).join(""), width, ellipsis);
  return `${first > 0 ? ellipsis : ""}${middle}${last < text.length ? ellipsis : ""}`;
}

interface OneNumberApart {
  readonly before: string;
  readonly numbers: readonly number[];
  readonly after: string;
}

function oneNumberApart(names: readonly string[]): OneNumberApart | undefined {
  const split = names.map((name) => name.split(/(\d+)/));
  const [first] = split;
  if (first === undefined || split.some((parts) => parts.length !== first.length)) return undefined;
  let varying: number | undefined;
  for (const [i, part] of first.entries()) {
    if (split.every((parts) => parts[i] === part)) continue;
    if (varying !== undefined || i % 2 === 0) return undefined;
    varying = i;
  }
  if (varying === undefined) return undefined;
  const at = varying;
  // A leading zero would be lost in a range: `shard01` is not `shard1`.
  if (split.some((parts) => /^0\d/.test(parts[at] ?? ""))) return undefined;
  const numbers = split.map((parts) => Number(parts[at])).sort((a, b) => a - b);
  return { before: first.slice(0, at).join(""), numbers, after: first.slice(at + 1).join("") };
}

function runsOf(numbers: readonly number[]): string[] {
  const runs: string[] = [];
  let start: number | undefined;
  for (const [i, number] of numbers.entries()) {
    start ??= number;
    if (numbers[i + 1] === number + 1) continue;
    runs.push(start === number ? `${number}` : number === start + 1 ? `${start},${number}` : `${start}..${number}`);
    start = undefined;
  }
  return runs;
}
