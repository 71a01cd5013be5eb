import type { JsonValue } from "../graph/json.ts";
import type { Exchange, Lexicon } from "./lexicon.ts";
import { type Random, randomFrom } from "./random.ts";

/** A pair of texts, good before bad. */
export type TextPair = readonly [good: string, bad: string];

/** The ways in which a model's pairs turn out, and how often of 100 when a third of them is valid. */
export type PairKind = "valid" | "several" | "uneven" | "duplicate" | "malformed";

const FLAWS: readonly { readonly kind: Exclude<PairKind, "valid">; readonly weight: number }[] = [
  { kind: "several", weight: 33 },
  { kind: "uneven", weight: 22 },
  { kind: "duplicate", weight: 5 },
  { kind: "malformed", weight: 2 },
];

/** Draws a kind: valid with the given probability, else one of the flaws in their usual proportions. */
export function drawKind(random: Random, validShare: number): PairKind {
  if (random.chance(validShare)) return "valid";
  let ticket = random.next() * FLAWS.reduce((sum, flaw) => sum + flaw.weight, 0);
  for (const flaw of FLAWS) {
    ticket -= flaw.weight;
    if (ticket < 0) return flaw.kind;
  }
  return "several";
}

/** A pair that differs in one token, in several, or in the number of tokens. */
export function makePair(lexicon: Lexicon, random: Random, kind: "valid" | "several" | "uneven"): TextPair {
  const segments = segmentsOf(random.pick(lexicon.templates));
  const fills = new Map<string, string>();
  for (const { fill } of segments) if (fill !== undefined) fills.set(fill, random.pick(list(lexicon.fills, fill)));
  const exchange = exchangeNamed(lexicon, segments);
  const good = render(segments, fills, random.pick(exchange.good));
  const wrong = random.pick(kind === "uneven" ? exchange.uneven : exchange.bad);
  if (kind === "several") {
    const other = list(lexicon.fills, lexicon.subject).filter((word) => word !== fills.get(lexicon.subject));
    fills.set(lexicon.subject, random.pick(other));
  }
  return [good, render(segments, fills, wrong)];
}

/** A piece of a template: some text, then a fill, the exchanged word, or the end. */
interface Segment {
  readonly text: string;
  readonly fill?: string;
  readonly slot?: string;
}

const taken = new Map<string, readonly Segment[]>();

/** Takes a template apart once: a large batch renders millions. */
function segmentsOf(template: string): readonly Segment[] {
  const known = taken.get(template);
  if (known !== undefined) return known;
  const segments = [...template.matchAll(/([^{[]*)(?:\{(\w+)\}|\[(\w+)\]|$)/g)].map(([, text, fill, slot]) => ({
    text: text ?? "",
    ...(fill === undefined ? {} : { fill }),
    ...(slot === undefined ? {} : { slot }),
  }));
  taken.set(template, segments);
  return segments;
}

function render(segments: readonly Segment[], fills: ReadonlyMap<string, string>, word: string): string {
  let text = "";
  for (const segment of segments) {
    text += segment.text;
    if (segment.slot !== undefined) text += word;
    else if (segment.fill !== undefined) text += fills.get(segment.fill) ?? "";
  }
  return text;
}

/** The pairs that a model comes back to again and again. */
export function favouritePair(lexicon: Lexicon, seed: number, random: Random): TextPair {
  return makePair(lexicon, randomFrom("favourite", seed, lexicon.good, random.below(24)), "valid");
}

/** An entry as models spoil them: a key missing, a number for a text, nothing at all. */
export function malformedEntry(pair: TextPair, keys: TextPair, random: Random): JsonValue {
  const [good, bad] = keys;
  const spoiled: readonly JsonValue[] = [
    { [good]: pair[0] },
    { [bad]: pair[1] },
    { [good]: pair[0], [bad]: random.below(100) },
    { [good]: pair[0], [bad]: null },
    { [good]: "", [bad]: "" },
    pair[0],
    { [good]: [pair[0]], [bad]: [pair[1]] },
  ];
  return random.pick(spoiled);
}

function list(fills: Readonly<Record<string, readonly string[]>>, name: string): readonly string[] {
  const words = fills[name];
  if (words === undefined) throw new Error(`a template names a list that does not exist: ${name}`);
  return words;
}

function exchangeNamed(lexicon: Lexicon, segments: readonly Segment[]): Exchange {
  const name = segments.find((segment) => segment.slot !== undefined)?.slot;
  const exchange = name === undefined ? undefined : lexicon.exchanged[name];
  if (exchange === undefined) throw new Error("a template exchanges no word, or one from a list that does not exist");
  return exchange;
}
