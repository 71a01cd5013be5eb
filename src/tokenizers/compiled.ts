import type { JsonObject, JsonValue } from "../graph/json.ts";
import { Merger, type MergeTables, slotOf } from "./merger.ts";
import { unprovenComponents } from "./proven.ts";
import { CL100K_DIGITS } from "./proven-table.ts";
import { BYTE_ALPHABET, fallbackToken, objectIn, TokenizerJson } from "./tokenizer-json.ts";

/*
 * A tokenizer.json as tables: what decides ids, in typed arrays that threads can share and that load in milliseconds. Two
 * shapes of BPE are compiled, which are those of nearly all open models; every other tokenizer is run by the library.
 */

/** How texts become pieces, and pieces the first symbols that merges start from. */
export type Shape =
  /** Split by a regular expression, then bytes (GPT-2's alphabet). */
  | {
      readonly kind: "byte-level";
      readonly nfc: boolean;
      readonly pattern: string;
      /** Most digits in a piece where the pattern is cl100k's, so that ASCII is split without the regular expression. */
      readonly digits: number | null;
    }
  /** Spaces as `▁`, with one in front of the text; characters, and bytes for those without an id (SentencePiece). */
  | { readonly kind: "spaced" };

export interface Compiled extends MergeTables {
  readonly shape: Shape;
  /** Tokens that are looked for in the text itself, longest first. */
  readonly added: readonly (readonly [content: string, id: number])[];
  /** For `spaced`: code point, id, code point, id, …, of every single character that has one. */
  readonly characters: Int32Array;
  /** Pieces that are one id though no merges lead to it (`ignore_merges`), as the text before it is split into bytes. */
  readonly whole: readonly (readonly [piece: string, id: number])[];
}

export type Compilation =
  | { readonly ok: true; readonly compiled: Compiled }
  | { readonly ok: false; readonly why: string };

/**
 * Compiles a tokenizer. Only what is proven (proven.ts) and of one of the two shapes is: for everything else the library's
 * own encoder is used, and the answer says why.
 * @param tokenizer the content of tokenizer.json
 * @param config the content of tokenizer_config.json
 */
export function compileTokenizer(tokenizer: JsonObject, config: JsonObject): Compilation {
  const [unproven] = unprovenComponents(tokenizer, config);
  if (unproven !== undefined) return unfit(`${unproven.path} is not proven`);
  const json = new TokenizerJson(tokenizer);
  const { model } = json;
  if (model["type"] !== "BPE") return unfit("its model is not BPE");
  const shape = shapeOf(json);
  if (typeof shape === "string") return unfit(shape);
  const ids = new Map<string, number>();
  for (const [token, id] of Object.entries(json.vocabulary)) {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > 0x3fffffff)
      return unfit("an id is no number");
    ids.set(token, id);
  }
  const bytes = bytesOf(shape, ids);
  if (bytes === undefined) return unfit("a byte has no id");
  const added = addedOf(json);
  if (typeof added === "string") return unfit(added);
  const tables = mergesOf(model["merges"], ids);
  if (typeof tables === "string") return unfit(tables);
  if (shape.kind === "spaced") {
    const odd = oddEntry(ids, tables.triples);
    if (odd !== undefined) return unfit(`its vocabulary has ${JSON.stringify(odd)}, which reaches over a word's end`);
  }
  const base = { shape, added, bytes, merges: tables.merges, merged: tables.merged };
  const characters = shape.kind === "spaced" ? charactersOf(ids) : new Int32Array(0);
  const plain: Compiled = { ...base, characters, whole: [] };
  if (model["ignore_merges"] !== true) return { ok: true, compiled: plain };
  if (shape.kind === "spaced") return unfit("it ignores merges and has no pieces");
  return { ok: true, compiled: { ...plain, whole: wholeOf(plain, ids) } };
}

function unfit(why: string): Compilation {
  return { ok: false, why };
}

function shapeOf(json: TokenizerJson): Shape | string {
  const normalizers = json.normalizers.map(({ part }) => objectIn(part));
  const splits = json.preTokenizers.map(({ part }) => objectIn(part));
  const kinds = normalizers.map((part) => part["type"]);
  if (splits.length === 0) {
    const [prepend, replace] = normalizers;
    const spaced =
      kinds.join() === "Prepend,Replace" &&
      prepend?.["prepend"] === "▁" &&
      replace?.["content"] === "▁" &&
      objectIn(replace["pattern"])["String"] === " ";
    return spaced && json.model["byte_fallback"] === true
      ? { kind: "spaced" }
      : "its texts are prepared in another way";
  }
  if (kinds.length > 0 && kinds.join() !== "NFC") return "its texts are normalised in another way";
  const [split, bytes] = splits;
  const pattern = objectIn(split?.["pattern"])["Regex"];
  const known =
    splits.length === 2 &&
    split?.["type"] === "Split" &&
    split["behavior"] === "Isolated" &&
    split["invert"] === false &&
    bytes?.["type"] === "ByteLevel" &&
    bytes["use_regex"] === false &&
    bytes["add_prefix_space"] === false;
  if (!known || typeof pattern !== "string") return "its texts are split in another way";
  return { kind: "byte-level", nfc: kinds.length > 0, pattern, digits: CL100K_DIGITS.get(pattern) ?? null };
}

function bytesOf(shape: Shape, ids: ReadonlyMap<string, number>): Int32Array | undefined {
  const bytes = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const id = ids.get(shape.kind === "spaced" ? fallbackToken(byte) : (BYTE_ALPHABET[byte] ?? ""));
    if (id === undefined) return undefined;
    bytes[byte] = id;
  }
  return bytes;
}

function addedOf(json: TokenizerJson): Compiled["added"] | string {
  const added: [string, number][] = [];
  for (const token of json.added) {
    const { content, id, normalized } = objectIn(token);
    if (typeof content !== "string" || typeof id !== "number") return "an added token has no content";
    if (normalized === true && json.normalizes) {
      return `its added token ${JSON.stringify(content)} takes in what is around it`;
    }
    added.push([content, id]);
  }
  return added.sort(([a], [b]) => b.length - a.length || (a < b ? -1 : 1));
}

function charactersOf(ids: ReadonlyMap<string, number>): Int32Array {
  const pairs: number[] = [];
  for (const [token, id] of ids) {
    const point = token.codePointAt(0);
    if (point !== undefined && token === String.fromCodePoint(point)) pairs.push(point, id);
  }
  return Int32Array.from(pairs);
}

interface Merges {
  readonly merges: Int32Array;
  readonly merged: Int32Array;
  /** Left, right and result of each, by rank. */
  readonly triples: Int32Array;
}

function mergesOf(list: JsonValue | undefined, ids: ReadonlyMap<string, number>): Merges | string {
  if (!Array.isArray(list)) return "it has no merges";
  let size = 1024;
  while (size < 1.5 * list.length) size *= 2;
  const merges = new Int32Array(3 * size).fill(-1);
  const merged = new Int32Array(list.length);
  const triples = new Int32Array(3 * list.length);
  let rank = 0;
  for (const merge of list) {
    const [left, right] = typeof merge === "string" ? merge.split(" ", 2) : Array.isArray(merge) ? merge : [];
    if (typeof left !== "string" || typeof right !== "string") return `its merge ${rank} is not two texts`;
    const made = ids.get(left + right);
    const [a, b] = [ids.get(left), ids.get(right)];
    if (made === undefined || a === undefined || b === undefined) return `its merge ${rank} is not in the vocabulary`;
    let slot = slotOf(a, b, size - 1);
    for (; merges[3 * slot] !== -1; slot = (slot + 1) & (size - 1)) {
      // Which of two ranks counts is told by no specification.
      if (merges[3 * slot] === a && merges[3 * slot + 1] === b) return `its merge ${rank} is there twice`;
    }
    merges[3 * slot] = triples[3 * rank] = a;
    merges[3 * slot + 1] = triples[3 * rank + 1] = b;
    merges[3 * slot + 2] = rank;
    merged[rank] = triples[3 * rank + 2] = made;
    rank++;
  }
  return { merges, merged, triples };
}

/**
 * An entry that would make pieces of `▁*[^▁\n]+` depend on each other: a `▁` after another character, a line break with
 * something else, or a byte that merges.
 */
function oddEntry(ids: ReadonlyMap<string, number>, triples: Int32Array): string | undefined {
  const merging = new Set(triples);
  for (const [token, id] of ids) {
    if (/[^▁]▁/u.test(token) || (token.includes("\n") && token !== "\n")) return token;
    if (/^<0x[0-9A-F]{2}>$/.test(token) && merging.has(id)) return token;
  }
  return undefined;
}

/** The entries that merging the letters of the entry does not lead to. */
function wholeOf(compiled: Compiled, ids: ReadonlyMap<string, number>): Compiled["whole"] {
  const byteOf = new Map(BYTE_ALPHABET.map((letter, byte) => [letter, byte]));
  const merger = new Merger(compiled);
  const whole: [string, number][] = [];
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (const [token, id] of ids) {
    const bytes = [...token].map((letter) => byteOf.get(letter));
    if (!bytes.every((byte) => byte !== undefined)) continue;
    const count = merger.mergeBytes(Uint8Array.from(bytes));
    if (count === 1 && merger.symbols[0] === id) continue;
    try {
      whole.push([decoder.decode(Uint8Array.from(bytes)), id]);
    } catch {
      // Half a character: no piece of a well-formed text is that.
    }
  }
  return whole;
}
