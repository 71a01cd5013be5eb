import { cells, padded } from "./cells.ts";
import { oneLine } from "./visible.ts";

/* Numbers as people read them. No locale: the same text on every machine. */

/** `1,500`. */
export function count(value: number): string {
  const [whole, fraction] = String(value).split(".");
  const grouped = (whole ?? "").replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** `1 request`, `500 requests`. */
export function countOf(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** The one way in which an amount of money is written, here as in what is reckoned. */
export { dollars as money } from "../batch/money.ts";

/** Tokens, or unknown. */
export function tokens(value: number | null): string {
  return value === null ? "unknown" : count(Math.round(value));
}

/** How long something took: `12 ms`, `1.2 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 3600) return join(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return join(Math.floor(minutes / 60), "h", minutes % 60, "min");
  return age(milliseconds);
}

/** How long ago, in the one unit that matters: `40 s`, `12 min`, `3 h`, `2 d`. A clock that went back counts as now. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** A share between 0 and 1: `32.2 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Columns padded to their widest cell, two spaces apart; `right` lists the columns of numbers. No trailing blanks. */
export function columns(table: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const rows = table.map((row) => row.map(oneLine));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cells(cell));
  }
  return rows.map((row) =>
    row
      .map((cell, i) => {
        const width = widths[i] ?? 0;
        return right.includes(i) ? " ".repeat(width - cells(cell)) + cell : padded(cell, width);
      })
      .join("  ")
      .trimEnd(),
  );
}

/** `solar 3,000, llama 2,000`: counts by name, the most first. */
export function countsByName(counts: Iterable<readonly [string, number]>): string {
  const named = [...counts].sort(([, a], [, b]) => b - a);
  return named.length === 0 ? "none" : named.map(([name, times]) => `${name} ${count(times)}`).join(", ");
}

/** Items by what they have in common, in order of first appearance. */
export function grouped<T>(items: Iterable<T>, keyOf: (item: T) => string): ReadonlyMap<string, [T, ...T[]]> {
  const groups = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Words broken at blanks so that each line fits; a word longer than a line stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  let taken = 0;
  for (const word of text.split(" ")) {
    const size = cells(word);
    if (line !== "" && taken + 1 + size <= width) {
      line += ` ${word}`;
      taken += 1 + size;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    taken = size;
  }
  return line === "" ? lines : [...lines, line];
}

/**
 * Text with its long lines broken at blanks, as a terminal would not: what follows stands below, set in by two more than
 * the line. Lines of JSON, which are for programs, stay whole.
 */
export function fitted(text: string, columns: number): string {
  return text
    .split("\n")
    .flatMap((line) => {
      if (line.startsWith("{") || cells(line) <= columns) return line;
      const indent = line.length - line.trimStart().length;
      return wrap(line.trimStart(), Math.max(20, columns - indent - 2)).map(
        (part, i) => " ".repeat(i === 0 ? indent : indent + 2) + part,
      );
    })
    .join("\n");
}

function join(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

/** `1.5 MB`; powers of ten, as disks are sold and `ls` is not. */
export function bytesText(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = size;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ""}`;
}
