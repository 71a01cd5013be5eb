import type { Spoken } from "../api/answer-body.ts";
import { isJsonList, isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { unreachable } from "../graph/result.ts";
import { LONE_SURROGATE } from "../tokenizers/pair-rule.ts";
import type { Candidate } from "./candidate.ts";
import { decoded, findJson } from "./find-json.ts";

/** What is wrong with a whole response. One response has one; its whole entries are used all the same. */
export type ResponseProblem =
  /** No content at all. */
  | "empty"
  /** The model declined, in the refusal field or in so many words. */
  | "refusal"
  /** The provider's filter cut in. */
  | "content-filter"
  /** Sentences without JSON. */
  | "prose"
  /** The answer ends in the middle; what was complete of it counts. */
  | "truncated"
  /** JSON that does not parse; entries that do by themselves count. */
  | "not-json"
  /** JSON without a list of entries in it. */
  | "no-pairs";

/** What is wrong with one entry. */
export type EntryProblem =
  | "not-an-object"
  | "missing-key"
  | "not-a-string"
  | "empty-text"
  /** Half of a surrogate pair is no Unicode text: no file and no tokenizer can hold it. */
  | "ill-formed-text"
  | "not-as-schema"
  /** Two vectors of an answer claim to be of one text. */
  | "repeated-index";

export interface MalformedEntry {
  readonly index: number;
  readonly problem: EntryProblem;
}

export interface ParsedResponse {
  readonly candidates: readonly Candidate[];
  readonly malformed: readonly MalformedEntry[];
  readonly problem: ResponseProblem | null;
}

/** What an entry must be like to become a candidate. `fits` stands for the task's `response_schema`. */
export interface EntryShape {
  readonly fields: readonly string[];
  /** What is taken off a text; white space around it when absent. */
  readonly trim?: (text: string) => string;
  readonly fits?: (entry: JsonValue) => boolean;
}

/**
 * Reads the entries out of everything that an answer says: every choice of it counts, and its entries are numbered through.
 * An answer that says nothing is empty.
 */
export function parseAnswer(spoken: readonly Spoken[], shape: EntryShape): ParsedResponse {
  const candidates: Candidate[] = [];
  const malformed: MalformedEntry[] = [];
  let problem: ResponseProblem | null = spoken.length === 0 ? "empty" : null;
  for (const said of spoken) {
    const before = candidates.length + malformed.length;
    const parsed = parseResponse(said, shape);
    for (const candidate of parsed.candidates) candidates.push({ ...candidate, index: before + candidate.index });
    for (const entry of parsed.malformed) malformed.push({ ...entry, index: before + entry.index });
    problem ??= parsed.problem;
  }
  return { candidates, malformed, problem };
}

/**
 * Reads the entries out of a model's answer: `{"pairs": […]}`, `{"records": […]}`, `{"scenarios": […]}`, an object with one
 * list in it, a bare list, entries by name, single entries; all of these in one wrapper, encoded twice, in a code fence or
 * between sentences, and after reasoning, which is left out. Malformed entries are counted, never fatal; nothing a model may
 * write makes this throw.
 */
export function parseResponse(answer: Spoken, shape: EntryShape): ParsedResponse {
  const content = withoutReasoning(answer.content ?? "", answer.finishReason === "length");
  if (content.trim() === "") return { candidates: [], malformed: [], problem: silence(answer) };
  const found = findJson(content);
  switch (found.kind) {
    case "none":
      return { candidates: [], malformed: [], problem: wordsOnly(answer, content) };
    case "values": {
      const late = entriesOf(found.after, shape) ?? [];
      if (yields(late, shape)) return readEntries(late, shape, cutShort(answer) ?? "not-json");
      const entries = entriesOf(found.values, shape);
      if (entries === undefined) return { candidates: [], malformed: [], problem: cutShort(answer) ?? "no-pairs" };
      return readEntries(entries, shape, cutShort(answer) ?? (entries.length === 0 ? "no-pairs" : null));
    }
    case "cut": {
      const late = entriesOf(found.whole, shape) ?? [];
      const entries = yields(late, shape) ? late : (entriesOf([...found.values, ...found.whole], shape) ?? []);
      return readEntries(entries, shape, cutShort(answer) ?? "truncated");
    }
    case "broken":
      return readEntries(entriesOf(found.whole, shape) ?? [], shape, cutShort(answer) ?? "not-json");
    default:
      return unreachable(found);
  }
}

/** The finish reason's own word on an incomplete answer. */
function cutShort(answer: Spoken): ResponseProblem | null {
  if (answer.finishReason === "length") return "truncated";
  return answer.finishReason === "content_filter" ? "content-filter" : null;
}

function silence(answer: Spoken): ResponseProblem {
  if (answer.refusal !== null && answer.refusal !== "") return "refusal";
  return cutShort(answer) ?? "empty";
}

function wordsOnly(answer: Spoken, content: string): ResponseProblem {
  if (answer.refusal !== null && answer.refusal !== "") return "refusal";
  return cutShort(answer) ?? (DECLINES.test(content.trimStart().slice(0, 200)) ? "refusal" : "prose");
}

/** How models begin when they decline in prose. Only ever asked of texts without any JSON. */
const DECLINES =
  /^(i['’]?m (really |very |so )?sorry|i am sorry|sorry[,.]|i apologi[sz]e|i can(not|['’]?t| not)|i['’]m (unable|not able)|i am (unable|not able)|i won['’]t|i will not|i must decline|unfortunately,? i)\b/i;

/**
 * The list of entries among the values found, or undefined when there is none. A model that thinks aloud drafts first: of
 * several lists the last that yields a candidate counts, and only where none does, the first.
 */
function entriesOf(values: readonly JsonValue[], shape: EntryShape): readonly JsonValue[] | undefined {
  const lists = values.flatMap((value) => {
    const list = listIn(value, shape);
    return list === undefined ? [] : [list];
  });
  const last = lists.findLast((list) => yields(list, shape));
  if (last !== undefined) return last;
  // Single entries, one after the other (a line each, as some models write them).
  const singles = values.filter((value) => isJsonObject(value) && namesMember(value, shape));
  return singles.length > 0 ? singles : (lists.find((list) => list.length > 0) ?? lists[0]);
}

function yields(list: readonly JsonValue[], shape: EntryShape): boolean {
  return list.some((entry, at) => typeof readEntry(entry, at, shape) !== "string");
}

/** A wrapper has a few words beside what it holds; more members than this are not worth looking into one by one. */
const MOST_IN_WRAPPER = 20;

/** A list of entries: the value's own, or that of the one wrapper around it (`{"response": {"records": […]}}`). */
function listIn(value: JsonValue, shape: EntryShape): readonly JsonValue[] | undefined {
  const own = ownList(value, shape);
  if (own !== undefined || !isJsonObject(value) || namesMember(value, shape)) return own;
  const members = Object.values(value);
  if (members.length > MOST_IN_WRAPPER) return undefined;
  const wrapped = members.flatMap((member) => {
    const inner = decoded(member);
    const list = isJsonObject(inner) ? ownList(inner, shape) : undefined;
    return list?.some(isJsonObject) === true ? [list] : [];
  });
  return wrapped.length === 1 ? wrapped[0] : undefined;
}

/** The value itself, its "pairs", "records" or "scenarios", the only list it has, or its members by name. */
function ownList(value: JsonValue, shape: EntryShape): readonly JsonValue[] | undefined {
  if (isJsonList(value))
    return value.length === 0 || value.some((item) => typeof item === "object") ? value : undefined;
  if (!isJsonObject(value) || namesMember(value, shape)) return undefined;
  for (const name of ["pairs", "records", "scenarios"]) {
    const named = Object.hasOwn(value, name) ? decoded(value[name] ?? null) : undefined;
    if (named === undefined) continue;
    if (isJsonList(named)) return named;
    const entries = isJsonObject(named) ? entriesByName(named, shape) : undefined;
    if (entries !== undefined) return entries;
  }
  const lists = Object.values(value).filter((member) => isJsonList(member));
  return lists.length === 1 ? lists[0] : entriesByName(value, shape);
}

/** Entries under names or numbers of their own (`{"1": {…}, "2": {…}}`), or a single entry in place of a list. */
function entriesByName(value: JsonObject, shape: EntryShape): readonly JsonValue[] | undefined {
  if (namesMember(value, shape)) return [value];
  const members = Object.values(value);
  return members.length > 0 && members.every((member) => isJsonObject(member) && namesMember(member, shape))
    ? members
    : undefined;
}

function namesMember(value: JsonObject, { fields }: EntryShape): boolean {
  return fields.some((field) => Object.hasOwn(value, field));
}

function readEntries(
  entries: readonly JsonValue[],
  shape: EntryShape,
  problem: ResponseProblem | null,
): ParsedResponse {
  const candidates: Candidate[] = [];
  const malformed: MalformedEntry[] = [];
  entries.forEach((entry, index) => {
    const read = readEntry(entry, index, shape);
    if (typeof read === "string") malformed.push({ index, problem: read });
    else candidates.push(read);
  });
  return { candidates, malformed, problem };
}

function readEntry(entry: JsonValue, index: number, shape: EntryShape): Candidate | EntryProblem {
  if (!isJsonObject(entry)) return "not-an-object";
  const texts: string[] = [];
  for (const field of shape.fields) {
    // Own members only: "constructor" is a possible name of a field.
    if (!Object.hasOwn(entry, field)) return "missing-key";
  }
  for (const field of shape.fields) {
    const text = entry[field];
    if (typeof text !== "string") return "not-a-string";
    texts.push(shape.trim === undefined ? text.trim() : shape.trim(text));
  }
  if (texts.includes("")) return "empty-text";
  if (texts.some((text) => LONE_SURROGATE.test(text))) return "ill-formed-text";
  if (shape.fits !== undefined && !shape.fits(entry)) return "not-as-schema";
  const extraKeys = Object.keys(entry).filter((key) => !shape.fields.includes(key));
  return { texts, index, extraKeys };
}

/*
 * A model's reasoning before its answer, as servers leave it in the content that do not tell the two apart: between
 * `<think>` and `</think>`, or `[THINK]` and `[/THINK]`. A template that writes the opening tag itself leaves the closing
 * one alone. Reasoning is never data, however much it looks like it.
 */

const OPENING = /^\s*(?:<(think|thinking|thought|reasoning)>|\[(THINK)\])/i;

/** A closing tag that ends a line or stands before an answer. Within a JSON text it could only be followed by its own words. */
const CLOSING = /(?:<\/(?:think|thinking|thought|reasoning)>|\[\/THINK\])[ \t]*(?=[\r\n{[`]|$)/gi;

/**
 * The content without the reasoning before it. Of reasoning that never ends nothing is known to be the answer if the content
 * was cut off; otherwise the answer is somewhere in what follows the tag.
 */
function withoutReasoning(content: string, cutOff: boolean): string {
  let rest = content;
  for (;;) {
    const opening = OPENING.exec(rest);
    const name = opening?.[1] ?? opening?.[2];
    if (opening === null || name === undefined) break;
    const closing = closingOf(name).exec(rest);
    if (closing === null) return cutOff ? "" : rest.slice(opening[0].length);
    rest = rest.slice(closing.index + closing[0].length);
  }
  let end = 0;
  for (const closing of rest.matchAll(CLOSING)) end = closing.index + closing[0].length;
  return end === 0 || isJson(rest) ? rest : rest.slice(end);
}

function closingOf(name: string): RegExp {
  return name === "THINK" ? /\[\/THINK\]|<\/think>/i : new RegExp(`</${name}>`, "i");
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
