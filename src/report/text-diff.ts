import { isJsonObject, type JsonValue } from "../graph/json.ts";
import { sharedEnds } from "./shared-ends.ts";
import { shorten, shortenChange } from "./shorten.ts";
import type { Style } from "./style.ts";

/** Lines that stand around a change, so that it is seen where it is. */
const AROUND = 1;
/** Lines of one value's difference; more of it is counted. */
const SHOWN_LINES = 40;
/** Pairs of lines that are compared; beyond them a text is told as taken out and put in whole. */
const MOST_PAIRS = 4_000_000;

interface Page {
  readonly width: number;
  readonly style: Style;
}

type Edit = readonly [kind: " " | "-" | "+", line: string];

/**
 * What is different in a value, member by member, each as a difference of texts: lines that begin with `-` are the old
 * ones, with `+` the new ones.
 * @param what the value's name
 * @param from both values as JSON
 * @returns undefined where one of them is no JSON, as the start of a hash is not
 */
export function valueDiff(what: string, from: string, to: string, page: Page): readonly string[] | undefined {
  const [before, after] = [parsed(from), parsed(to)];
  if (before === undefined || after === undefined) return undefined;
  return membersApart(what, before, after).flatMap(({ name, texts: [old, now] }) => {
    if (!old.includes("\n") && !now.includes("\n") && name.length + old.length + now.length + 6 <= page.width)
      return [`${name}: ${shorten(old, page.width)} ${page.style.marks.arrow} ${shorten(now, page.width)}`];
    return [`${name}:`, ...textDiff(old, now, { ...page, width: page.width - 2 }).map((line) => `  ${line}`)];
  });
}

/** The difference of two texts, line by line, with little of what they share. */
export function textDiff(from: string, to: string, { width, style }: Page): readonly string[] {
  const edits = editsOf(from.split("\n"), to.split("\n"));
  const near = (at: number) => edits.slice(Math.max(0, at - AROUND), at + AROUND + 1).some(([kind]) => kind !== " ");
  const lines: string[] = [];
  for (const [at, [kind, line]] of edits.entries()) {
    if (!near(at)) {
      if (at > 0 && near(at - 1) && edits.slice(at).some(([later]) => later !== " ")) lines.push(style.marks.ellipsis);
      continue;
    }
    // A line that takes the place of another is cut so that the place of the change is seen.
    const other = kind === "-" ? edits[at + 1] : kind === "+" ? edits[at - 1] : undefined;
    const room = Math.max(20, width - 2);
    const text =
      other === undefined || other[0] === " " || other[0] === kind
        ? shorten(line, room, style.marks.ellipsis)
        : cutWith(line, other[1], room, style.marks.ellipsis);
    lines.push(kind === " " ? style.dim(`  ${text}`) : style[kind === "-" ? "red" : "green"](`${kind} ${text}`));
  }
  const rest = lines.length - SHOWN_LINES;
  return rest > 0 ? [...lines.slice(0, SHOWN_LINES), `and ${rest} more lines`] : lines;
}

function cutWith(line: string, other: string, room: number, ellipsis: string): string {
  return shortenChange(line, other, room, ellipsis)[0];
}

/** The shortest way from one list of lines to the other: what is taken out comes before what is put in. */
function editsOf(before: readonly string[], after: readonly string[]): readonly Edit[] {
  const [start, end] = sharedEnds(before, after);
  const same = (lines: readonly string[]) => lines.map((line): Edit => [" ", line]);
  const middle = middleEdits(before.slice(start, before.length - end), after.slice(start, after.length - end));
  return [...same(before.slice(0, start)), ...middle, ...same(before.slice(before.length - end))];
}

function middleEdits(before: readonly string[], after: readonly string[]): readonly Edit[] {
  const [height, width] = [before.length, after.length];
  const taken = before.map((line): Edit => ["-", line]);
  const put = after.map((line): Edit => ["+", line]);
  if (height * width === 0 || height * width > MOST_PAIRS) return [...taken, ...put];
  /** How many lines the rests from (i, j) on have in common. */
  const common = new Uint32Array((height + 1) * (width + 1));
  const at = (i: number, j: number) => common[i * (width + 1) + j] ?? 0;
  for (let i = height - 1; i >= 0; i--)
    for (let j = width - 1; j >= 0; j--)
      common[i * (width + 1) + j] =
        before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const edits: Edit[] = [];
  let [i, j] = [0, 0];
  while (i < height && j < width) {
    if (before[i] === after[j]) {
      edits.push([" ", before[i] ?? ""]);
      i++;
      j++;
    } else if (at(i + 1, j) >= at(i, j + 1)) edits.push(["-", before[i++] ?? ""]);
    else edits.push(["+", after[j++] ?? ""]);
  }
  return [...edits, ...taken.slice(i), ...put.slice(j)];
}

interface Apart {
  readonly name: string;
  readonly texts: readonly [string, string];
}

/** The members, at any depth, in which two values differ. A member that one of them lacks is an empty text there. */
function membersApart(name: string, before: JsonValue | undefined, after: JsonValue | undefined): readonly Apart[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const members = memberNames(before, after);
  if (members !== undefined)
    return members.flatMap(({ written, of }) => membersApart(`${name}${written}`, of(before), of(after)));
  return [{ name, texts: [textOf(before), textOf(after)] }];
}

/** Objects differ by their members, lists of as many objects by their items; anything else as a whole. */
function memberNames(before: JsonValue | undefined, after: JsonValue | undefined) {
  if (isJsonObject(before) && isJsonObject(after)) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].map((key) => ({
      written: `.${key}`,
      of: (value: JsonValue | undefined) => (isJsonObject(value) ? value[key] : undefined),
    }));
  }
  const lists = [before, after].map((value) => (Array.isArray(value) ? value : []));
  const [first = [], second = []] = lists;
  const objects = first.length > 0 && first.length === second.length && lists.flat().every(isJsonObject);
  if (!objects) return undefined;
  return first.map((_, i) => ({
    written: `[${i}]`,
    of: (value: JsonValue | undefined): JsonValue | undefined => (Array.isArray(value) ? value[i] : undefined),
  }));
}

/** A text as it is; a list an item a line; anything else as JSON. */
function textOf(value: JsonValue | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  return Array.isArray(value) ? value.map((item: JsonValue) => textOf(item)).join("\n") : JSON.stringify(value);
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
