/**
 * A text without what should not tell two scenarios apart: compatibility forms (NFKC), case, punctuation, and how much white
 * space there is. Case is folded by upper-casing, which also joins ß with ss and ς with σ. A text of nothing but punctuation
 * is only compared as it stands, so that "?!" and "..." do not become one.
 */
export function normaliseText(text: string): string {
  if (PLAIN.test(text)) return text.toUpperCase();
  if (ASCII.test(text)) return withoutMarks(text.toUpperCase(), ASCII_MARKS);
  const folded = text.normalize("NFKC").toUpperCase().normalize("NFKC");
  return withoutMarks(folded, MARKS);
}

function withoutMarks(folded: string, marks: RegExp): string {
  const words = folded.replace(marks, "").replace(GAPS, " ").trim();
  return words === "" ? folded : words;
}

/** ASCII words and symbols with a single space between: there is nothing to take out, and nearly all texts are so. */
const PLAIN = /^[$+0-9<=>A-Z^`a-z|~]+(?: [$+0-9<=>A-Z^`a-z|~]+)*$/;
const ASCII = /^[\0-\x7f]*$/;
/** White space of any length and kind but the single space, which is left as it is: that is nearly all there is. */
const GAPS = /[^\S ]\s*| \s+/gu;
const MARKS = /\p{P}+/gu;
/** What \p{P} has of ASCII: nearly all texts are, and need no tables of Unicode. */
const ASCII_MARKS = /[!-#%-*,-/:;?@[-\]_{}]+/g;
