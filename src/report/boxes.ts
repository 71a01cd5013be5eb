import { cells } from "./cells.ts";
import { count, countOf } from "./format.ts";
import { sharedEnds } from "./shared-ends.ts";
import { shorten } from "./shorten.ts";
import type { Style } from "./style.ts";
import type { TokensLine, TracedComparison } from "./trace-schema.ts";

/** Tokens of one text, in order. */
export type Tokens = TracedComparison["first"];

interface Page {
  readonly width: number;
  readonly style: Style;
}

/** What `tokenize` found: a text, or two one below the other, under each tokenizer. */
export function tokensText(lines: readonly TokensLine[], page: Page): string {
  const { style } = page;
  const told = lines.map(({ variant, tokenizer, first, second, different }) => {
    const name = style.bold(variant === null ? tokenizer : `${variant}  ${tokenizer}`);
    const sizes = second === null ? countOf(first.length, "token") : sizesOf(first, second, different);
    const at = different?.length === 1 ? ` at ${count(different[0] ?? 0)}` : "";
    return `${[`${name}  ${sizes}${at}`, ...boxLines(first, second, page, 2)].join("\n")}\n`;
  });
  return told.join("\n");
}

/** `19 tokens, 1 differs`, or `19 and 20 tokens`. */
export function sizesOf(first: Tokens, second: Tokens, different: TracedComparison["different"]): string {
  return different === null
    ? `${count(first.length)} and ${countOf(second.length, "token")}`
    : `${countOf(first.length, "token")}, ${count(different.length)} ${different.length === 1 ? "differs" : "differ"}`;
}

/** The tokens as boxes on one line. */
export function boxes(tokens: Tokens): string {
  return tokens.length === 0 ? "nothing" : tokens.map((token) => box(token)).join("");
}

function box({ id, text }: Tokens[number], room = Number.POSITIVE_INFINITY, ellipsis = "…"): string {
  return `[${shorten(text ?? String(id), room - 2, ellipsis)}]`;
}

/** What stands between the beginning and the end that two lists of tokens share. */
export function apart(first: Tokens, second: Tokens): readonly [Tokens, Tokens] {
  const [start, end] = sharedEnds(idsOf(first), idsOf(second));
  return [first.slice(start, first.length - end), second.slice(start, second.length - end)];
}

function idsOf(tokens: Tokens): readonly number[] {
  return tokens.map(({ id }) => id);
}

/** Boxes that stand one below the other; of one text, or where the other has no more, the second is absent. */
interface Column {
  readonly first: string;
  readonly second: string;
  readonly width: number;
  readonly differs: boolean;
}

/**
 * The tokens of a text as boxes, set in and broken between boxes; of two texts those that correspond below one another, and
 * `^` below those that differ, for readers without colours.
 */
export function boxLines(first: Tokens, second: Tokens | null, { width, style }: Page, indent: number): string[] {
  const room = Math.max(20, width - indent);
  const lines: string[] = [];
  const blanks = " ".repeat(indent);
  const put = (line: string) => void lines.push(`${blanks}${line}`.trimEnd());
  for (const row of rowsOf(columnsOf(first, second, room, style.marks.ellipsis), room)) {
    const text = (member: "first" | "second") =>
      row.map((column) => {
        const { [member]: shown, width: size, differs } = column;
        return `${differs && shown !== "" ? style.reverse(shown) : shown}${" ".repeat(size - cells(shown))}`;
      });
    if (second !== null && lines.length > 0) lines.push("");
    put(text("first").join(""));
    if (second === null) continue;
    put(text("second").join(""));
    if (row.some(({ differs }) => differs))
      put(row.map(({ differs, width: size }) => (differs ? "^" : " ").repeat(size)).join(""));
  }
  return lines;
}

function columnsOf(first: Tokens, second: Tokens | null, room: number, ellipsis: string): readonly Column[] {
  const column = (one: Tokens[number] | undefined, other: Tokens[number] | undefined, differs: boolean): Column => {
    const [upper = "", lower = ""] = [one, other].map((token) =>
      token === undefined ? "" : box(token, room, ellipsis),
    );
    return { first: upper, second: lower, width: Math.max(cells(upper), cells(lower)), differs };
  };
  if (second === null) return first.map((token) => column(token, undefined, false));
  const [, end] = sharedEnds(idsOf(first), idsOf(second));
  const middle = Math.max(first.length, second.length) - end;
  // Before what both end with, a token stands below the one of its own position.
  const own = (tokens: Tokens, at: number) =>
    at < middle ? (at < tokens.length - end ? tokens[at] : undefined) : tokens[tokens.length - end + at - middle];
  return Array.from({ length: middle + end }, (_, at) => {
    const [one, other] = [own(first, at), own(second, at)];
    return column(one, other, one?.id !== other?.id);
  });
}

function rowsOf(columns: readonly Column[], room: number): readonly (readonly Column[])[] {
  const rows: Column[][] = [];
  let left = 0;
  for (const column of columns) {
    if (column.width > left) {
      rows.push([]);
      left = room;
    }
    rows.at(-1)?.push(column);
    left -= column.width;
  }
  return rows;
}
