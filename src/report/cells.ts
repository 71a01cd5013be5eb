import { eastAsianWidth } from "get-east-asian-width";
import { OWN_ESCAPE, visible } from "./visible.ts";

const ASCII = /^[ -~]*$/;
/** A character that takes no cell: marks on the one before it, joiners, selectors. */
const NO_CELL = /^[\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}]+$/u;

let segmenter: Intl.Segmenter | undefined;

/** How many cells of a terminal a text takes once it is printed. Our own styles take none, and a wide character two. */
export function cells(text: string): number {
  if (ASCII.test(text)) return text.length;
  const bare = text.replaceAll(OWN_STYLE, "");
  let sum = 0;
  for (const character of characters(visible(bare))) sum += cellsOf(character);
  return sum;
}

const OWN_STYLE = new RegExp(`${OWN_ESCAPE}\\[\\d+m`, "g");

/** A text with blanks after it, up to so many cells. */
export function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - cells(text)));
}

/** What a person calls the characters of a text, each of which is shown whole or not at all. */
export function characters(text: string): readonly string[] {
  if (ASCII.test(text)) return [...text];
  segmenter ??= new Intl.Segmenter("en");
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** The first characters that have room in so many cells. */
export function fitting(text: readonly string[], room: number): readonly string[] {
  let taken = 0;
  const end = text.findIndex((character) => {
    taken += cellsOf(character);
    return taken > room;
  });
  return end === -1 ? text : text.slice(0, end);
}

/** Cells of one character. Terminals differ on the rarest; emoji of several parts are taken as one. */
function cellsOf(character: string): number {
  const base = character.codePointAt(0) ?? 0;
  if (base < 0x80 && character.length === 1) return 1;
  if (NO_CELL.test(character)) return 0;
  return character.includes("\ufe0f") ? 2 : eastAsianWidth(base);
}
