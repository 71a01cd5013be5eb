/*
 * cl100k's pattern on ASCII text, by hand:
 *   (?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N}{1,n} |  ?[^\s\p{L}\p{N}]+[\r\n]* | \s*[\r\n]+ | \s+(?!\S) | \s+
 */

const OTHER = 0;
const LETTER = 1;
const DIGIT = 2;
const BLANK = 3;
const BREAK = 4;

const CLASS = Uint8Array.from({ length: 128 }, (_, code) => {
  if ((code >= 65 && code <= 90) || (code >= 97 && code <= 122)) return LETTER;
  if (code >= 48 && code <= 57) return DIGIT;
  if (code === 10 || code === 13) return BREAK;
  return code === 32 || code === 9 || code === 11 || code === 12 ? BLANK : OTHER;
});

/** Where each piece ends; the first `count` are meant, until the next text. */
export interface Pieces {
  ends: Int32Array;
  count: number;
}

const pieces: Pieces = { ends: new Int32Array(1024), count: 0 };

const ASCII = /^[\0-\x7f]*$/;

export function isAscii(text: string): boolean {
  return ASCII.test(text);
}

/**
 * Splits what a text of ASCII only holds from `from` to `length`, as if nothing came after.
 * @param digits the most digits in one piece
 */
export function asciiPieces(text: string, from: number, length: number, digits: number): Readonly<Pieces> {
  if (pieces.ends.length < length - from) pieces.ends = new Int32Array(2 * (length - from));
  const { ends } = pieces;
  let count = 0;
  let at = from;
  while (at < length) {
    at = endOfPiece(text, at, length, digits);
    ends[count++] = at;
  }
  pieces.count = count;
  return pieces;
}

function classAt(text: string, at: number): number {
  return CLASS[text.charCodeAt(at)] as number;
}

function endOfPiece(text: string, from: number, length: number, digits: number): number {
  const first = text.charCodeAt(from);
  const kind = CLASS[first] as number;
  if (kind === LETTER) return pastLetters(text, from + 1, length);
  if (kind === DIGIT) {
    let to = from + 1;
    while (to < length && to - from < digits && classAt(text, to) === DIGIT) to++;
    return to;
  }
  if (first === 0x27) {
    const contraction = endOfContraction(text, from, length);
    if (contraction > 0) return contraction;
  }
  const next = from + 1 < length ? classAt(text, from + 1) : -1;
  if (kind !== BREAK && next === LETTER) return pastLetters(text, from + 2, length);
  if (kind === OTHER) return pastOthers(text, from + 1, length);
  if (first === 0x20 && next === OTHER) return pastOthers(text, from + 2, length);
  return endOfWhiteSpace(text, from, length);
}

function pastLetters(text: string, from: number, length: number): number {
  let at = from;
  while (at < length && classAt(text, at) === LETTER) at++;
  return at;
}

/** What is neither letter, digit nor white space, and the line breaks after it. */
function pastOthers(text: string, from: number, length: number): number {
  let at = from;
  while (at < length && classAt(text, at) === OTHER) at++;
  while (at < length && classAt(text, at) === BREAK) at++;
  return at;
}

/** Up to the last line break of the run; without one, all but the last blank unless the text ends there. */
function endOfWhiteSpace(text: string, from: number, length: number): number {
  let at = from;
  let afterBreak = 0;
  for (; at < length; at++) {
    const kind = classAt(text, at);
    if (kind === BREAK) afterBreak = at + 1;
    else if (kind !== BLANK) break;
  }
  if (afterBreak > 0) return afterBreak;
  return at < length && at - from > 1 ? at - 1 : at;
}

/** The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` in any case, or 0. */
function endOfContraction(text: string, from: number, length: number): number {
  if (from + 1 >= length) return 0;
  const first = text.charCodeAt(from + 1) | 0x20;
  if (first === 0x73 || first === 0x74 || first === 0x6d || first === 0x64) return from + 2;
  if (from + 2 >= length) return 0;
  const second = text.charCodeAt(from + 2) | 0x20;
  const two = ((first === 0x72 || first === 0x76) && second === 0x65) || (first === 0x6c && second === 0x6c);
  return two ? from + 3 : 0;
}
