import { isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Candidate } from "./candidate.ts";
import type { MalformedEntry, ParsedResponse } from "./parse.ts";

/*
 * Tasks of `kind: embeddings`: the lines of a file, each sent to be embedded, and the vectors that come back.
 */

/** A text to embed. */
export interface InputText {
  /** Its line in the file, counted from 0, so that rows can be joined with the file. */
  readonly index: number;
  readonly text: string;
}

/** All that the body of a request hangs on beside its texts. */
export type EmbeddingTask = {
  readonly model: string;
  readonly endpoint: "/v1/embeddings";
  readonly dimensions: number | null;
  readonly inputs_per_request: number;
};

/** An embedded text before its checks. */
export interface EmbeddedCandidate extends Candidate {
  readonly vector: readonly number[];
}

/** What was read out of the answer to one request. */
interface ParsedEmbeddings extends ParsedResponse {
  readonly candidates: readonly EmbeddedCandidate[];
}

/**
 * The texts of a file, one a line, without white space around them. Empty lines are passed over, and of equal lines the
 * first is taken: a text has one embedding, and asking for it twice is paying twice.
 */
export function readTexts(content: string): readonly InputText[] {
  const first = new Map<string, number>();
  for (const [index, line] of content
    .replace(/^\uFEFF/, "")
    .split("\n")
    .entries()) {
    const text = line.trim();
    if (text !== "" && !first.has(text)) first.set(text, index);
  }
  return [...first].map(([text, index]) => ({ index, text }));
}

/** How many requests so many texts are. */
export function requestCount(texts: number, { inputs_per_request }: EmbeddingTask): number {
  return Math.ceil(texts / inputs_per_request);
}

/** The body of the task's n-th request; the texts must reach that far. `encoding_format` is what the API takes by default. */
export function embeddingBody(task: EmbeddingTask, texts: readonly InputText[], n: number): JsonObject {
  const size = task.inputs_per_request;
  const asked = texts.slice(n * size, (n + 1) * size).map(({ text }) => text);
  const [only] = asked;
  if (only === undefined) throw new Error(`request ${n} has no texts`);
  return {
    model: task.model,
    input: size === 1 ? only : asked,
    encoding_format: "float",
    ...(task.dimensions === null ? {} : { dimensions: task.dimensions }),
  };
}

/** The texts that a request's body sends, in order. */
export function textsOfBody(body: JsonObject): readonly string[] {
  const input = body["input"];
  if (typeof input === "string") return [input];
  return isList(input) ? input.filter((text) => typeof text === "string") : [];
}

/**
 * Reads the vectors out of the items of an answer. The API numbers them by their text, in any order. A text without a vector, or with
 * one that is not `dimensions` numbers, is counted as malformed; nothing in an answer makes this throw.
 */
export function parseEmbeddings(
  data: readonly JsonValue[],
  texts: readonly string[],
  dimensions: number | null,
): ParsedEmbeddings {
  if (data.length === 0) return { candidates: [], malformed: [], problem: "empty" };
  const vectors = new Map<JsonValue | undefined, JsonValue>();
  for (const item of data) if (isJsonObject(item)) vectors.set(item["index"], item["embedding"] ?? null);
  const candidates: EmbeddedCandidate[] = [];
  const malformed: MalformedEntry[] = [];
  for (const [index, text] of texts.entries()) {
    const found = vectors.get(index);
    const vector = isList(found) ? found.filter((number) => typeof number === "number") : [];
    const whole = isList(found) && vector.length === found.length && vector.length > 0;
    if (found === undefined) malformed.push({ index, problem: "missing-key" });
    else if (!whole || (dimensions !== null && vector.length !== dimensions)) {
      malformed.push({ index, problem: "not-as-schema" });
    } else candidates.push({ texts: [text], index, extraKeys: [], vector });
  }
  return { candidates, malformed, problem: null };
}

/** A row of the dataset with its line's end, spelled as Python's json.dumps spells lists and objects. */
export function embeddingRow(index: number, text: string, vector: readonly number[]): string {
  return `{"index": ${index}, "text": ${JSON.stringify(text)}, "embedding": [${vector.join(", ")}]}\n`;
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
