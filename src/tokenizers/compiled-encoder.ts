import { asciiPieces, isAscii } from "./ascii-pieces.ts";
import type { Compiled } from "./compiled.ts";
import { Merger } from "./merger.ts";
import { PieceTable } from "./piece-table.ts";

/** Ids in a buffer that is used again: the first `length` are meant, until the next text. */
export class IdBuffer {
  ids = new Int32Array(1024);
  length = 0;

  /** The ids that are meant, as a list of their own: made by hand in an eighth of the time that Array.from takes. */
  list(): readonly number[] {
    const list: number[] = [];
    for (let at = 0; at < this.length; at++) list.push(this.ids[at] as number);
    return list;
  }

  push(id: number): void {
    if (this.length === this.ids.length) this.#grow(1);
    this.ids[this.length++] = id;
  }

  append(source: Int32Array, from: number, count: number): void {
    if (this.length + count > this.ids.length) this.#grow(count);
    const { ids } = this;
    let at = this.length;
    for (let k = from; k < from + count; k++) ids[at++] = source[k] as number;
    this.length = at;
  }

  #grow(count: number): void {
    const more = new Int32Array(2 * (this.ids.length + count));
    more.set(this.ids);
    this.ids = more;
  }
}

const SPACE = 0x20;
const SPACED_PIECES = /\n|▁*[^▁\n]+|▁+/g;
/** Pieces beyond ASCII that are kept, and the longest. */
const KEPT = 50_000;
const KEPT_LENGTH = 64;

/** A regular expression of proven-splits.ts, in JavaScript's words: as the library reads it. */
function inJavaScript(pattern: string): RegExp {
  const contractions = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
  const written = pattern
    .replaceAll("(?i:'s|'t|'re|'ve|'m|'ll|'d)", contractions)
    .replaceAll("\\s", "\\p{White_Space}")
    .replaceAll("\\S", "\\P{White_Space}");
  return new RegExp(written, "gu");
}

/** What matches, and what lies between. */
function piecesOf(text: string, pattern: RegExp): readonly string[] {
  const pieces: string[] = [];
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    if (from < match.index) pieces.push(text.slice(from, match.index));
    pieces.push(match[0]);
    from = match.index + match[0].length;
  }
  if (from < text.length) pieces.push(text.slice(from));
  return pieces;
}

/**
 * Encodes by the tables of compiled.ts, with the same ids as the library. Pieces seen before are looked up, which is exact
 * because a piece's ids depend on nothing but the piece.
 */
export class CompiledEncoder {
  readonly tables: Compiled;
  readonly #merger: Merger;
  readonly #pieces = new PieceTable();
  readonly #others = new Map<string, Int32Array>();
  readonly #whole: ReadonlyMap<string, number>;
  /** The first symbol of each character below 128. */
  readonly #ascii: Int32Array;
  readonly #characters = new Map<number, number>();
  readonly #split: (text: string) => readonly string[];
  readonly #added: RegExp | undefined;
  readonly #addedIds: ReadonlyMap<string, number>;
  readonly #firsts: readonly string[];
  readonly #utf8 = new TextEncoder();

  constructor(compiled: Compiled) {
    this.tables = compiled;
    this.#merger = new Merger(compiled);
    this.#whole = new Map(compiled.whole);
    const { characters, bytes, added, shape } = compiled;
    for (let at = 0; at < characters.length; at += 2)
      this.#characters.set(characters[at] ?? 0, characters[at + 1] ?? 0);
    this.#ascii = Int32Array.from({ length: 128 }, (_, code) =>
      shape.kind === "spaced"
        ? (this.#characters.get(code === SPACE ? 0x2581 : code) ?? bytes[code] ?? 0)
        : (bytes[code] ?? 0),
    );
    this.#addedIds = new Map(added);
    this.#firsts = [...new Set(added.map(([content]) => content.charAt(0)))];
    const contents = added.map(([content]) => content.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    this.#added = added.length === 0 ? undefined : new RegExp(contents.join("|"), "g");
    const pattern = shape.kind === "spaced" ? SPACED_PIECES : inJavaScript(shape.pattern);
    this.#split = (text) => piecesOf(text, pattern);
  }

  /** Whether every text can be cut before a space that follows an ASCII letter, and encoded in parts. */
  get cuts(): boolean {
    const { shape } = this.tables;
    return shape.kind === "spaced" || shape.digits !== null;
  }

  /** False for a text that surely holds no token that is looked for in the text itself, nor the start of one. */
  mayHoldAdded(text: string): boolean {
    return this.#firsts.some((first) => text.includes(first));
  }

  /** The tokens in a text that are looked for in the text itself: where each begins and ends. */
  addedIn(text: string): readonly (readonly [from: number, to: number])[] {
    if (this.#added === undefined || !this.mayHoldAdded(text)) return [];
    return [...text.matchAll(this.#added)].map((match) => [match.index, match.index + match[0].length]);
  }

  /** Appends the ids of a whole text, which must be well-formed. */
  encode(text: string, into: IdBuffer): void {
    let from = 0;
    for (const [start, end] of this.addedIn(text)) {
      this.part(text.slice(from, start), true, into);
      into.push(this.#addedIds.get(text.slice(start, end)) ?? 0);
      from = end;
    }
    this.part(text.slice(from), true, into);
  }

  /**
   * Appends the ids of a part without added tokens.
   * @param begins whether it is at the beginning of the text or straight after an added token
   */
  part(text: string, begins: boolean, into: IdBuffer): void {
    if (text === "") return;
    const { shape } = this.tables;
    const ascii = isAscii(text);
    if (ascii && this.cuts) {
      const whole = begins && shape.kind === "spaced" ? ` ${text}` : text;
      this.asciiPart(whole, 0, whole.length, into);
    } else if (shape.kind === "spaced") {
      for (const piece of this.#split((begins ? "▁" : "") + text.replaceAll(" ", "▁"))) this.#other(piece, into);
    } else {
      for (const piece of this.#split(shape.nfc && !ascii ? text.normalize("NFC") : text)) this.#other(piece, into);
    }
  }

  /** The same of a part of a text of ASCII that does not begin it, for an encoder with `cuts`. */
  asciiPart(text: string, from: number, to: number, into: IdBuffer): void {
    const { shape } = this.tables;
    if (shape.kind === "spaced") this.#spacedAscii(text, from, to, into);
    else this.#byteAscii(text, from, to, shape.digits ?? 0, into);
  }

  #byteAscii(text: string, start: number, end: number, digits: number, into: IdBuffer): void {
    const { ends, count } = asciiPieces(text, start, end, digits);
    let from = start;
    for (let piece = 0; piece < count; piece++) {
      const to = ends[piece] as number;
      this.#piece(text, from, to, into);
      from = to;
    }
  }

  #spacedAscii(text: string, start: number, length: number, into: IdBuffer): void {
    let from = start;
    while (from < length) {
      let to = from;
      if (text.charCodeAt(to) === 10) to++;
      else {
        while (to < length && text.charCodeAt(to) === SPACE) to++;
        for (; to < length; to++) {
          const code = text.charCodeAt(to);
          if (code === SPACE || code === 10) break;
        }
      }
      this.#piece(text, from, to, into);
      from = to;
    }
  }

  /** A piece of ASCII. */
  #piece(text: string, from: number, to: number, into: IdBuffer): void {
    const pieces = this.#pieces;
    const entry = pieces.find(text, from, to);
    if (entry >= 0) {
      into.append(pieces.ids, pieces.start(entry), pieces.count(entry));
      return;
    }
    const merger = this.#merger;
    const whole = this.#whole.size === 0 ? undefined : this.#whole.get(text.slice(from, to));
    let count = 1;
    if (whole === undefined) {
      merger.reserve(to - from);
      for (let at = from; at < to; at++) merger.symbols[at - from] = this.#ascii[text.charCodeAt(at)] as number;
      count = merger.merge(to - from);
    } else {
      merger.symbols[0] = whole;
    }
    into.append(merger.symbols, 0, count);
    pieces.add(text, from, to, merger.symbols, count);
  }

  #other(piece: string, into: IdBuffer): void {
    const known = this.#others.get(piece);
    if (known !== undefined) {
      into.append(known, 0, known.length);
      return;
    }
    const merger = this.#merger;
    const whole = this.#whole.get(piece);
    let count = 1;
    if (whole !== undefined) merger.symbols[0] = whole;
    else if (this.tables.shape.kind === "spaced") count = this.#characterSymbols(piece);
    else count = merger.mergeBytes(this.#utf8.encode(piece));
    into.append(merger.symbols, 0, count);
    if (piece.length > KEPT_LENGTH) return;
    if (this.#others.size >= KEPT) this.#others.clear();
    this.#others.set(piece, merger.symbols.slice(0, count));
  }

  #characterSymbols(piece: string): number {
    const merger = this.#merger;
    const { bytes } = this.tables;
    merger.reserve(4 * piece.length);
    let count = 0;
    for (const character of piece) {
      const id = this.#characters.get(character.codePointAt(0) ?? 0);
      if (id !== undefined) merger.symbols[count++] = id;
      else for (const byte of this.#utf8.encode(character)) merger.symbols[count++] = bytes[byte] as number;
    }
    return merger.merge(count);
  }
}
