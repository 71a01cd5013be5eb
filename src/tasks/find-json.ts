import { type JsonValue, stringEnd } from "../graph/json.ts";

/*
 * JSON inside a model's answer: alone, in a code fence, between sentences, or cut off in the middle. One pass over the text
 * finds where top-level values begin and end, so that a million characters or a deep nest cost a million steps and no
 * stack.
 */

export type FoundJson =
  /** Nothing that begins like JSON. */
  | { readonly kind: "none" }
  /** Whole values, in the order of the text. `after`: the flat objects that parse in a broken value behind the last of them. */
  | { readonly kind: "values"; readonly values: readonly JsonValue[]; readonly after: readonly JsonValue[] }
  /** The last value never ends. `whole` are the outermost complete objects inside it. */
  | { readonly kind: "cut"; readonly values: readonly JsonValue[]; readonly whole: readonly JsonValue[] }
  /** It begins like JSON and ends, but does not parse. `whole` are the flat objects inside it that do. */
  | { readonly kind: "broken"; readonly whole: readonly JsonValue[] };

/** Stray brackets in prose look like beginnings; more of them than this are not worth trying. */
const MAX_SEGMENTS = 10_000;

/** Finds the JSON in a text. Never throws. */
export function findJson(text: string): FoundJson {
  const alone = tryParse(text.replace(/^\uFEFF/, "").trim());
  const value = alone === undefined ? undefined : decoded(alone.value);
  if (typeof value === "object" && value !== null) return { kind: "values", values: [value], after: [] };
  const values: JsonValue[] = [];
  let broken: readonly JsonValue[] | undefined;
  let seen = 0;
  let at = nextOpening(text, 0);
  while (at !== -1 && seen < MAX_SEGMENTS) {
    seen++;
    const end = segmentEnd(text, at);
    if (end === undefined) {
      const whole = wholeObjects(text, at);
      // "[1" or "{name" in prose, never closed, is not an answer that was cut off.
      if (whole.length > 0 || looksLikeData(text, at)) return { kind: "cut", values, whole };
      break;
    }
    const parsed = tryParse(text.slice(at, end));
    if (parsed !== undefined) {
      values.push(parsed.value);
      broken = undefined;
    } else if (looksLikeData(text, at)) {
      const whole = flatObjects(text, at, end);
      if (broken === undefined || whole.length > 0) broken = whole;
    }
    at = nextOpening(text, end);
  }
  if (values.length > 0) return { kind: "values", values, after: broken ?? [] };
  return broken === undefined ? { kind: "none" } : { kind: "broken", whole: broken };
}

/** What a text encodes, where it is JSON that was encoded twice; any other value as it is. */
export function decoded(value: JsonValue): JsonValue {
  if (typeof value !== "string" || !/^\s*[{[]/.test(value)) return value;
  return tryParse(value)?.value ?? value;
}

function tryParse(text: string): { readonly value: JsonValue } | undefined {
  try {
    const value: JsonValue = JSON.parse(text);
    return { value };
  } catch {
    return undefined;
  }
}

function nextOpening(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === OPEN_BRACE || character === OPEN_BRACKET) return at;
  }
  return -1;
}

/** Where the value that opens at `start` ends, or undefined when the text ends first. */
function segmentEnd(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      at = stringEnd(text, at);
    } else if (character === OPEN_BRACE || character === OPEN_BRACKET) {
      depth++;
    } else if (character === CLOSE_BRACE || character === CLOSE_BRACKET) {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

/**
 * The outermost objects that are complete within a value that was cut off, in order. An object that is still open at the
 * end is left out, however much of it came: half an entry is no entry.
 */
function wholeObjects(text: string, start: number): readonly JsonValue[] {
  const open: number[] = [];
  const complete: { readonly from: number; readonly to: number }[] = [];
  for (let at = start; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      at = stringEnd(text, at);
    } else if (character === OPEN_BRACE || character === OPEN_BRACKET) {
      open.push(at);
    } else if (character === CLOSE_BRACE || character === CLOSE_BRACKET) {
      const from = open.pop();
      if (from === undefined || character === CLOSE_BRACKET) continue;
      while ((complete.at(-1)?.from ?? -1) > from) complete.pop();
      complete.push({ from, to: at + 1 });
    }
  }
  const values: JsonValue[] = [];
  for (const { from, to } of complete) {
    const parsed = tryParse(text.slice(from, to));
    if (parsed !== undefined) values.push(parsed.value);
  }
  return values;
}

/**
 * The objects without anything nested in them that parse by themselves. One bad entry must not cost the others; only flat
 * ones are tried, so that a deep nest is not parsed once a level.
 */
function flatObjects(text: string, start: number, end: number): readonly JsonValue[] {
  const values: JsonValue[] = [];
  let from: number | undefined;
  for (let at = start; at < end; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      at = stringEnd(text, at);
    } else if (character === OPEN_BRACE) {
      from = at;
    } else if (character === OPEN_BRACKET || character === CLOSE_BRACKET) {
      from = undefined;
    } else if (character === CLOSE_BRACE) {
      const parsed = from === undefined ? undefined : tryParse(text.slice(from, at + 1));
      if (parsed !== undefined) values.push(parsed.value);
      from = undefined;
    }
  }
  return values;
}

/** Whether an opening bracket is followed by what JSON would have there. */
function looksLikeData(text: string, at: number): boolean {
  return at !== -1 && /^(\{\s*(["'}]|$)|\[\s*(\{|\[|"|\]|$))/.test(text.slice(at, at + 200));
}

const QUOTE = 0x22;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
