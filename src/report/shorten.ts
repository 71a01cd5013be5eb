/** A text on one line of at most `width` characters; the cut is shown. Line breaks are written as `\n`. */
export function shorten(text: string, width: number, ellipsis = "…"): string {
  const line = oneLine(text);
  const characters = [...line];
  if (characters.length <= width) return line;
  const kept = Math.max(1, width - ellipsis.length);
  const head = Math.ceil(kept * 0.7);
  return `${characters.slice(0, head).join("")}${ellipsis}${characters.slice(characters.length - (kept - head)).join("")}`;
}

/**
 * Two long values that differ in a small place (a prompt with one word changed), each cut so that the place is seen:
 * what they share at the start and the end gives way to the ellipsis first.
 */
export function shortenChange(from: string, to: string, width: number, ellipsis = "…"): readonly [string, string] {
  const a = [...oneLine(from)];
  const b = [...oneLine(to)];
  if (a.length <= width && b.length <= width) return [a.join(""), b.join("")];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const context = Math.max(4, Math.floor((width - Math.max(a.length, b.length) + start + end) / 2));
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

function oneLine(text: string): string {
  return text.replaceAll("\r", "\\r").replaceAll("\n", "\\n").replaceAll("\t", "\\t");
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
