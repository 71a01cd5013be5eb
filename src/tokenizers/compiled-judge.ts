import { isAscii } from "./ascii-pieces.ts";
import { type CompiledEncoder, IdBuffer } from "./compiled-encoder.ts";
import type { Comparer, Comparison, Pair } from "./pair-rule.ts";
import { textOf, type Variant } from "./variant.ts";

/*
 * Compares the two texts of a pair without encoding what they share more than once. A text may be cut before a space that
 * follows an ASCII letter: no piece of either shape reaches over that place, and NFC does not either, so the ids of the
 * parts, one after another, are those of the whole.
 */

/** Where both texts of a pair can be cut: the same for every tokenizer and variant. */
interface Cuts {
  /** The first and the last cut in what both begin with; -1 where there is none. */
  readonly first: number;
  readonly before: number;
  /** The first cut in what both end with, from the end of the texts; -1 where there is none. */
  readonly after: number;
  /** The last cut of the texts, from their end. */
  readonly last: number;
  /** What is before the first cut, and from the last on: both texts have the same. */
  readonly head: string;
  readonly tail: string;
  /** Whether both texts are ASCII only. */
  readonly ascii: boolean;
}

const SPACE = 0x20;

function isCut(text: string, at: number): boolean {
  if (text.charCodeAt(at) !== SPACE) return false;
  const letter = text.charCodeAt(at - 1) | 0x20;
  return letter >= 0x61 && letter <= 0x7a;
}

let last: { readonly pair: Pair; readonly cuts: Cuts } | undefined;

/** A pair comes to each tokenizer in turn. */
function cutsOfPair(pair: Pair): Cuts {
  if (last?.pair !== pair) last = { pair, cuts: cutsOf(pair) };
  return last.cuts;
}

function cutsOf({ first: a, second: b }: Pair): Cuts {
  const shorter = Math.min(a.length, b.length);
  let same = 0;
  while (same < shorter && a.charCodeAt(same) === b.charCodeAt(same)) same++;
  let before = same - 1;
  while (before > 0 && !isCut(a, before)) before--;
  if (before < 1) before = -1;
  let first = before === -1 ? -1 : 1;
  while (first !== -1 && !isCut(a, first)) first++;
  // What both end with does not overlap what they begin with.
  let tail = 0;
  while (tail < shorter - same && a.charCodeAt(a.length - 1 - tail) === b.charCodeAt(b.length - 1 - tail)) tail++;
  let after = tail - 1;
  while (after > 0 && !isCut(a, a.length - after)) after--;
  if (after < 1) after = -1;
  let last = after === -1 ? -1 : 1;
  while (last !== -1 && !isCut(a, a.length - last)) last++;
  return {
    first,
    before,
    after,
    last,
    head: a.slice(0, Math.max(first, 0)),
    tail: a.slice(a.length - Math.max(last, 0)),
    ascii: isAscii(a) && isAscii(b),
  };
}

function moved(positions: Comparison["different"], by: number): Comparison["different"] {
  if (positions === null) return null;
  // Nearly always one, for which a list is made sooner than it is mapped.
  return positions.length === 1 ? [(positions[0] as number) + by] : positions.map((position) => position + by);
}

/** A variant as one tokenizer sees it. */
interface Frame {
  /** Ids of what is before the last place in the prefix where a text can be cut. */
  readonly leading: number;
  /** The rest of the prefix, and whether it begins a text. */
  readonly prefix: string;
  readonly begins: boolean;
  /** The full stop and the suffix, up to its first added token. */
  readonly suffix: string;
  /** Ids from there on. */
  readonly trailing: number;
  /** Whether a text between the two can be part of an added token that begins in the prefix. */
  readonly open: boolean;
  /** How many ids the prefix has with the head of a text, and its tail with the suffix: texts have few of either. */
  readonly heads: Map<string, number>;
  readonly tails: Map<string, number>;
}

/** Heads and tails that a frame remembers; then it begins anew. */
const KEPT = 4096;

function remember(counts: Map<string, number>, text: string, count: number): number {
  if (counts.size >= KEPT) counts.clear();
  counts.set(text, count);
  return count;
}

/** One tokenizer's comparisons of a pair under each variant. */
export class CompiledComparer implements Comparer {
  readonly #encoder: CompiledEncoder;
  readonly #variants: readonly Variant[];
  readonly #frames: readonly Frame[];
  readonly #first = new IdBuffer();
  readonly #second = new IdBuffer();

  constructor(encoder: CompiledEncoder, variants: readonly Variant[]) {
    this.#encoder = encoder;
    this.#variants = variants;
    this.#frames = variants.map((variant) => this.#frameOf(variant));
  }

  compare(pair: Pair): readonly Comparison[] {
    const encoder = this.#encoder;
    if (!encoder.cuts || encoder.mayHoldAdded(pair.first) || encoder.mayHoldAdded(pair.second)) {
      return this.#variants.map((variant) => this.#whole(variant, pair));
    }
    const { first: a, second: b } = pair;
    const { first, before, after, last, head: start, tail: end, ascii } = cutsOfPair(pair);
    const ahead = before === -1 ? 0 : this.#within(a, first, before, ascii, this.#first).length;
    const behind = after === -1 ? 0 : this.#within(a, a.length - after, a.length - last, ascii, this.#first).length;
    let middle: Comparison | undefined;
    if (before !== -1 && after !== -1) {
      this.#within(a, before, a.length - after, ascii, this.#first);
      this.#within(b, before, b.length - after, ascii, this.#second);
      middle = this.#comparison();
    }
    return this.#variants.map((variant, index) => {
      const frame = this.#frames[index] as Frame;
      if (frame.open) return this.#whole(variant, pair);
      const { prefix, begins, suffix, heads, tails } = frame;
      const head =
        before === -1 ? 0 : (heads.get(start) ?? remember(heads, start, this.#count(prefix + start, begins)));
      const tail = after === -1 ? 0 : (tails.get(end) ?? remember(tails, end, this.#count(end + suffix, false)));
      let difference = middle;
      if (difference === undefined) {
        const from = before === -1 ? 0 : before;
        const left = after === -1 ? 0 : after;
        const around = (text: string) =>
          (before === -1 ? prefix : "") + text.slice(from, text.length - left) + (after === -1 ? suffix : "");
        difference = this.#differing(around(a), around(b), before === -1 && begins);
      }
      const from = frame.leading + head + ahead;
      const others = from + behind + tail + frame.trailing;
      return {
        first: others + difference.first,
        second: others + difference.second,
        different: moved(difference.different, from),
      };
    });
  }

  /** The ids of what lies between two cuts of a text, in a buffer. */
  #within(text: string, from: number, to: number, ascii: boolean, into: IdBuffer): IdBuffer {
    into.length = 0;
    if (ascii) this.#encoder.asciiPart(text, from, to, into);
    else this.#encoder.part(text.slice(from, to), false, into);
    return into;
  }

  #count(text: string, begins: boolean): number {
    this.#first.length = 0;
    this.#encoder.part(text, begins, this.#first);
    return this.#first.length;
  }

  #differing(a: string, b: string, begins: boolean): Comparison {
    this.#first.length = 0;
    this.#second.length = 0;
    this.#encoder.part(a, begins, this.#first);
    this.#encoder.part(b, begins, this.#second);
    return this.#comparison();
  }

  #whole(variant: Variant, pair: Pair): Comparison {
    this.#first.length = 0;
    this.#second.length = 0;
    this.#encoder.encode(textOf(variant, pair.first), this.#first);
    this.#encoder.encode(textOf(variant, pair.second), this.#second);
    return this.#comparison();
  }

  #comparison(): Comparison {
    const { ids: a, length: first } = this.#first;
    const { ids: b, length: second } = this.#second;
    if (first !== second) return { first, second, different: null };
    let at = 0;
    while (at < first && a[at] === b[at]) at++;
    // A list that grows takes room for many at once: nearly always it is one.
    const different = at < first ? [at] : [];
    for (at++; at < first; at++) if (a[at] !== b[at]) different.push(at);
    return { first, second, different };
  }

  #frameOf({ prefix, suffix }: Variant): Frame {
    const encoder = this.#encoder;
    const added = encoder.addedIn(prefix);
    const [, end = 0] = added.at(-1) ?? [];
    let cut = prefix.length - 1;
    while (cut > end && !isCut(prefix, cut)) cut--;
    const from = cut > end ? cut : end;
    const [next] = encoder.addedIn(suffix)[0] ?? [suffix.length];
    this.#first.length = 0;
    encoder.encode(prefix.slice(0, from), this.#first);
    const leading = this.#first.length;
    this.#first.length = 0;
    encoder.encode(suffix.slice(next), this.#first);
    const rest = prefix.slice(from);
    return {
      leading,
      prefix: rest,
      begins: from === end,
      suffix: `.${suffix.slice(0, next)}`,
      trailing: this.#first.length,
      open: encoder.mayHoldAdded(`${rest}.`),
      heads: new Map(),
      tails: new Map(),
    };
  }
}
