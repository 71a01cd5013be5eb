import type { JsonObject } from "../graph/json.ts";
import { cells, padded } from "./cells.ts";
import { formatNamed } from "./file-formats.ts";
import { columns, count, countOf, wrap } from "./format.ts";
import type { InspectionLine } from "./result-schema.ts";
import { shorten } from "./shorten.ts";
import type { Style } from "./style.ts";

/** An entry as a person thinks of it: a scenario's rows together, or one line. */
export interface InspectedEntry {
  readonly name: string;
  readonly lines: readonly JsonObject[];
}

interface Page {
  readonly width: number;
  readonly style: Style;
  /** Texts are shown to their end. */
  readonly full: boolean;
}

/** What `inspect` found, and the first entries. */
export function inspectionText(
  { file, format, lines, entries, malformed, counts }: Omit<InspectionLine, "first">,
  first: readonly InspectedEntry[],
  page: Page,
): string {
  const { is, unit } = formatNamed(format).format;
  const { bold, red } = page.style;
  const about = [is, countOf(lines, "line")];
  if (unit !== undefined) about.push(countOf(entries, unit));
  if (malformed > 0) about.push(red(`${count(malformed)} malformed`));
  const rows = columns(
    Object.entries(counts).map(([name, times]) => [name, count(times)]),
    [1],
  );
  const shown = first.map((entry) => `\n${bold(entry.name)}\n${entryText(entry, format, page)}`);
  return `${bold(file)}: ${about.join(", ")}\n${rows.map((row) => `  ${row}\n`).join("")}${shown.join("")}`;
}

/** A prompt is shown whole as a rule; a page of JSON is not. */
const SHOWN_LINES = 20;

/** Beside a longer name no text stands, so that all of a row's are in one place. */
const LONG_LABEL = 20;

/** A field on a line of its own; a text that does not fit below its name, with its own line breaks. */
export function entryText(
  entry: InspectedEntry,
  format: InspectionLine["format"],
  { width, style, full }: Page,
): string {
  const { format: of, as } = formatNamed(format);
  const rows = entry.lines.flatMap((line) => of.fields(line, as));
  const label = Math.max(0, ...rows.map(([name]) => cells(name))) + 4;
  const room = Math.max(20, width - 4);
  return rows
    .map(([name, value]) => {
      if (label <= LONG_LABEL && !value.includes("\n") && label + cells(value) <= width)
        return `  ${padded(name, label - 2)}${value}\n`;
      const lines = value.split("\n").flatMap((line) => (line === "" ? [""] : wrap(line, room)));
      const kept = full ? lines : lines.slice(0, SHOWN_LINES);
      const texts = kept.map((line) => `    ${shorten(line, room, style.marks.ellipsis)}\n`);
      return `  ${name}\n${texts.join("")}${kept.length < lines.length ? `    ${style.marks.ellipsis}\n` : ""}`;
    })
    .join("");
}
