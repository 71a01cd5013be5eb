import type { JsonValue } from "../graph/json.ts";
import { type Random, randomFrom, sum } from "./random.ts";

/*
 * What the simulator's pairs are made of: sentences in which one word is exchanged. Every word in a fill list and in
 * `good` and `bad` is one token, after a space, under each of the three default tokenizers, so a pair that exchanges
 * one of them is valid by construction; every word in `uneven` is more than one token under at least one of them. A test
 * holds the lists against the real tokenizers; the simulator itself never loads one. The wording stays mild.
 */
export interface Lexicon {
  readonly good: string;
  readonly bad: string;
  /** `{name}` is filled alike in both texts; `[name]` is the word that is exchanged. */
  readonly templates: readonly string[];
  readonly fills: Readonly<Record<string, readonly string[]>>;
  readonly exchanged: Readonly<Record<string, Exchange>>;
  /** The fill, in every template, that a pair with several differences exchanges as well. */
  readonly subject: string;
}

export interface Exchange {
  readonly good: readonly string[];
  readonly bad: readonly string[];
  /** Takes the place of `bad` where the two texts should have unequal token counts. */
  readonly uneven: readonly string[];
}

const words = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== "");
const list = (text: string): readonly string[] => text.split(/\s*\|\s*/);
/** Phrases get the space before them, so that an empty one leaves no trace. */
const phrases = (text: string): readonly string[] => list(text).map((phrase) => (phrase === "" ? "" : ` ${phrase}`));

const TIMES =
  phrases(`|today|tonight|tomorrow|this weekend|before dinner|after work|in the morning|at the park|at school
  |near the lake|with a friend|on my own|for fun|without any help|in one hour`);

export const REFUSAL: Lexicon = {
  good: "safe",
  bad: "harmful",
  subject: "thing",
  templates: [
    "{opener} [deed] {which} {thing}{time}",
    "{opener} [deed] {which} {thing} and the {thing2}{time}",
    "{opener} [deed] {which} {thing} near the {thing2}{time}",
    "{opener} make a [product] for {which} {thing}{time}",
  ],
  fills: {
    opener: list(`Help me|Help us|Show me how to|Tell me how to|Teach me how to|Explain how to|Can you help me
      |Give me steps to|Write a plan to|Guide me on how to|I want to|Describe how to`),
    which: words("the my our this that"),
    thing:
      words(`table chair desk shelf lamp bench boat bike car truck wagon toy doll puzzle card book poster garden fence
      gate window door wall roof bridge house cabin tent barn shed phone clock watch radio camera piano guitar drum map
      painting portrait mask costume dress coat hat blanket pillow basket box bag rug bed mirror candle bowl plate cup tree
      lawn computer laptop screen keyboard printer engine bus train plane ship van statue sign package museum library
      school office shop hotel restaurant store`),
    thing2: words(
      "table chair desk lamp bench boat bike car truck book poster fence gate window door wall house shed phone tree",
    ),
    time: TIMES,
  },
  exchanged: {
    deed: {
      good: words(`clean wash fix repair build draw sketch design paint measure move lift store cover brush dust restore
        upgrade improve rent buy sell borrow return protect guard test inspect check organize describe find photograph label
        pack record`),
      bad: words("steal burn break destroy ruin wreck damage trash scratch crush rip tear harm"),
      uneven: words("smash vandalize sabotage smuggle hijack loot snatch shatter spoil forge"),
    },
    product: {
      good: words(
        "cake bread soup salad cookie lamp card poster toy doll puzzle mask costume sign map basket blanket song",
      ),
      bad: words("bomb weapon trap virus threat mess"),
      uneven: words("bribe scam forgery hoax rumor"),
    },
  },
};

export const SENTIMENT: Lexicon = {
  good: "positive",
  bad: "negative",
  subject: "subject",
  templates: [
    "The {subject} was {degree}[quality]{when}",
    "I think the {subject} is {degree}[quality]{when}",
    "My friend said the {subject} was {degree}[quality]{when}",
    "We found the {subject} {degree}[quality]{when}",
    "The {subject} and the {subject2} were {degree}[quality]{when}",
    "That {subject} near the {subject2} felt {degree}[quality]{when}",
  ],
  fills: {
    subject:
      words(`movie film book song show concert meal dinner soup hotel room trip tour game lesson teacher class course
      doctor nurse driver service staff weather garden beach museum park phone laptop camera car train flight seat story
      novel poem speech party wedding holiday weekend morning evening neighbor coach team plan update website app store
      market coffee tea pizza salad view ending actor singer band host guide house kitchen school office company lecture
      exhibit menu delivery product sofa blanket jacket keyboard apartment festival`),
    subject2: words(
      "hotel room garden beach museum park store market house kitchen school office menu service staff music",
    ),
    degree: ["", "really ", "very ", "quite ", "so ", "rather "],
    when: phrases("|today|last night|this time|for me|to be honest|as always|at first|in the end|that day"),
  },
  exchanged: {
    quality: {
      good: words(`wonderful great lovely good happy pleasant excellent brilliant perfect amazing beautiful charming kind
        gentle warm sweet friendly smart clever funny fresh clean bright calm helpful honest generous fair strong proud
        exciting fantastic fine nice cool elegant grand magic impressive outstanding remarkable enjoyable comfortable polite
        solid smooth peaceful awesome incredible stunning magnificent`),
      bad: words(`terrible awful bad sad horrible nasty poor broken ugly boring dull cruel harsh cold bitter rude stupid
        foolish dirty dark slow unfair weak lazy painful miserable annoying weird wrong sick cheap hostile useless tragic fake
        bland tense grim shallow strange confusing`),
      uneven: words(
        "dreadful noisy gloomy disappointing tedious stale rotten messy pathetic worthless clumsy bleak frustrating",
      ),
    },
  },
};

/** Which lexicon two keys call for, and which of the two is the good one; undefined for keys of another task. */
export function lexiconFor(
  keys: readonly [string, string],
  prompt: string,
): { readonly lexicon: Lexicon; readonly good: string; readonly bad: string } | undefined {
  const [first, second] = keys;
  if (keys.every((key) => RECORD_KEY.test(key))) return undefined;
  const sentimental = /posit|negat|sentiment|happy|sad\b/i;
  const guarded = /safe|harm|benign|danger|refus|comply/i;
  const named = keys.join(" ");
  const lexicon = sentimental.test(named)
    ? SENTIMENT
    : guarded.test(named) || !sentimental.test(prompt)
      ? REFUSAL
      : SENTIMENT;
  const firstIsBad = BAD_KEY.test(first) && !BAD_KEY.test(second);
  return firstIsBad ? { lexicon, good: second, bad: first } : { lexicon, good: first, bad: second };
}

const BAD_KEY = /harm(?!less)|unsafe|danger|negat|bad|toxic|counterfactual|sad\b/i;
/** Keys of a record rather than of two texts to be told apart. */
const RECORD_KEY =
  /^(?:question|answer|prompt|completion|instruction|response|input|output|title|text|summary|topic|name|label|query|context)$/i;

/** A pair of texts, good before bad. */
export type TextPair = readonly [good: string, bad: string];

/** How a model's pairs go wrong, and how often of 100 when a third of them is valid. */
const FLAWS = { several: 33, uneven: 22, duplicate: 5, malformed: 2 };
export type PairKind = "valid" | keyof typeof FLAWS;

/** Draws a kind: valid with the given probability, else one of the flaws in their usual proportions. */
export function drawKind(random: Random, validShare: number): PairKind {
  return random.chance(validShare) ? "valid" : (random.draw(FLAWS, sum(Object.values(FLAWS))) ?? "several");
}

/** A pair that differs in one token, in several, or in the number of tokens. */
export function makePair(lexicon: Lexicon, random: Random, kind: "valid" | "several" | "uneven"): TextPair {
  const segments = segmentsOf(random.pick(lexicon.templates));
  const fills = new Map<string, string>();
  for (const { fill } of segments) if (fill !== undefined) fills.set(fill, random.pick(wordsOf(lexicon, fill)));
  const exchange = exchangeNamed(lexicon, segments);
  const good = render(segments, fills, random.pick(exchange.good));
  const wrong = random.pick(kind === "uneven" ? exchange.uneven : exchange.bad);
  if (kind === "several") {
    const other = wordsOf(lexicon, lexicon.subject).filter((word) => word !== fills.get(lexicon.subject));
    fills.set(lexicon.subject, random.pick(other));
  }
  return [good, render(segments, fills, wrong)];
}

/** A piece of a template: some text, then a fill, the exchanged word, or the end. */
interface Segment {
  readonly text: string;
  readonly fill: string | undefined;
  readonly slot: string | undefined;
}

const taken = new Map<string, readonly Segment[]>();

/** Takes a template apart once: a large batch renders millions. */
function segmentsOf(template: string): readonly Segment[] {
  const known = taken.get(template);
  if (known !== undefined) return known;
  const segments = [...template.matchAll(/([^{[]*)(?:\{(\w+)\}|\[(\w+)\]|$)/g)].map(([, text = "", fill, slot]) => ({
    text,
    fill,
    slot,
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

function wordsOf({ fills }: Lexicon, name: string): readonly string[] {
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
