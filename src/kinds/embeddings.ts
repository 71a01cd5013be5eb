import { parseRequestFile, requestId } from "../api/request-file.ts";
import type { EmbeddingConfig, TaskConfig } from "../config/project-config.ts";
import type { InputFile, RecipeContext } from "../engine/recipe.ts";
import { file, made, value } from "../graph/declare.ts";
import { isJsonList, isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import type { Candidate } from "../tasks/candidate.ts";
import type { MalformedEntry, ParsedResponse } from "../tasks/parse.ts";
import type { AskedRequest, RequestRange } from "../tasks/requests.ts";
import type { Kind, ShardReader } from "./kind.ts";
import { promptOf } from "./prompted.ts";

/** The lines of a file, each sent to be embedded, and the vectors that come back. */
export const embeddings: Kind = {
  name: "embeddings",
  words: { made: "texts embedded", entries: "texts", rows: "rows" },
  member: "record",
  namesAt: "fields",
  takesAll: "every text of the file is embedded once",
  inputs: {
    requests: (task) => {
      const { file: texts, ...how } = embeddingOf(task);
      const embedding = { model: task.model, endpoint: task.endpoint, ...how };
      const requests = task.batches * task.requests_per_batch;
      return { source: value({ kind: "inputs", embedding, requests }, `tasks/${task.task_name}`), inputs: file(texts) };
    },
    shard: (task, requests) => ({
      requests: made(requests),
      inputs: file(embeddingOf(task).file),
      dimensions: value(embeddingOf(task).dimensions, `tasks/${task.task_name}.dimensions`),
    }),
    dataset: (task) => ({ inputs: file(embeddingOf(task).file) }),
  },
  asked: (task) => ({ ...promptOf(task), embedding: embeddingOf(task) }),
  requests: textRequests,
  reader: textReader,
  file: {
    name: "embeddings",
    is: "a dataset of embeddings",
    has: (line) => "index" in line && "text" in line && "embedding" in line,
    entry: (line, _at, { word }) => `text ${word(line["index"])}`,
    count: ({ embedding }, _text, count) =>
      count(isJsonList(embedding) ? `of ${embedding.length} dimensions` : "without an embedding"),
    fields: (line, { text, vector }) => [
      ["text", text(line["text"])],
      ["embedding", vector(line["embedding"])],
    ],
  },
  textNames: (fields) => fields,
  faultOf: (line) =>
    embeddingIn(line) === undefined ? '"index" must be a number and "embedding" a list of numbers' : undefined,
  // Every text is wanted, however many there are.
  wanted: async (context) => readTexts(await context.file("inputs").text()).length,
  rows: () => (_id, line) => {
    const found = embeddingIn(line.more ?? {});
    if (found === undefined) throw new Error("a line of embeddings was read without one");
    return embeddingRow(found.index, line.texts[0] ?? "", found.vector);
  },
};

function embeddingOf({ embedding, task_name }: TaskConfig): EmbeddingConfig {
  if (embedding === undefined) throw new Error(`the task ${task_name} embeds nothing`);
  return embedding;
}

/** The requests that embed the texts of a file. No two texts are equal, so every request is the first of its body. */
async function* textRequests(
  context: RecipeContext,
  { task, first, count }: RequestRange,
): AsyncGenerator<AskedRequest, JsonObject> {
  const { embedding, requests: most } = context.value<{ embedding: EmbeddingTask; requests: number }>("source");
  const input = context.file("inputs");
  const texts = readTexts(await input.text());
  const needed = requestCount(texts.length, embedding);
  if (needed === 0 || needed > most) throw new ProblemError(wrongCount(input.name, task, texts.length, needed, most));
  const end = Math.min(first + count, needed);
  for (let n = first; n < end; n++) {
    const body = embeddingBody(embedding, texts, n);
    yield { id: requestId(embedding.endpoint, body, 0), url: embedding.endpoint, body };
  }
  return { requests: Math.max(0, end - first), texts: texts.length };
}

function wrongCount(where: string, task: string, texts: number, needed: number, most: number): Problem {
  if (texts === 0) {
    return {
      kind: "config",
      where,
      message: `the task ${task} needs one text a line; found none.`,
      fix: "Correct the file, or the task's `inputs`.",
    };
  }
  return {
    kind: "config",
    where,
    message: `the task ${task} has room for ${most} requests in its batches; found ${texts} texts, which are ${needed}.`,
    fix: "Raise batches, requests_per_batch or inputs_per_request, or shorten the file.",
  };
}

/** Joins every vector with the text it belongs to, and with that text's line. */
async function textReader(context: RecipeContext): Promise<ShardReader> {
  const dimensions = context.value<number | null>("dimensions");
  const asked = await askedTexts(context.file("requests"));
  const texts = readTexts(await context.file("inputs").text());
  const lineOf = new Map(texts.map(({ index, text }): [string, number] => [text, index]));
  const read: ShardReader["read"] = ({ answer, customId }) => {
    const parsed = parseEmbeddings(answer.data, asked.get(customId) ?? [], dimensions);
    const candidates = parsed.candidates.map(({ vector, ...candidate }) => {
      const index = lineOf.get(candidate.texts[0] ?? "");
      if (index === undefined) throw new Error(`${customId} embeds a text that is not among the inputs`);
      return { ...candidate, more: { index, embedding: vector } };
    });
    return { ...parsed, candidates };
  };
  return { read, variants: [], tokenizers: [] };
}

/** The texts each request sent, by custom_id. */
async function askedTexts(requests: InputFile): Promise<ReadonlyMap<string, readonly string[]>> {
  const lines = parseRequestFile(requests.name, await requests.text());
  if (!lines.ok) throw new ProblemError(lines.error);
  return new Map(lines.value.map(({ customId, body }) => [customId, textsOfBody(body)]));
}

/** The vector in a shard's line, and the line of the file of texts that it belongs to, counted from 0. */
function embeddingIn({ index, embedding }: JsonObject): { index: number; vector: readonly number[] } | undefined {
  if (typeof index !== "number" || !isJsonList(embedding)) return undefined;
  const vector = embedding.filter((number) => typeof number === "number");
  return vector.length === embedding.length ? { index, vector } : undefined;
}

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
  return isJsonList(input) ? input.filter((text) => typeof text === "string") : [];
}

/**
 * Reads the vectors out of the items of an answer. The API numbers them by their text, in any order. A text without a vector,
 * with two, or with one that is not `dimensions` numbers is counted as malformed; nothing in an answer makes this throw.
 */
export function parseEmbeddings(
  data: readonly JsonValue[],
  texts: readonly string[],
  dimensions: number | null,
): ParsedEmbeddings {
  if (data.length === 0) return { candidates: [], malformed: [], problem: "empty" };
  const items = data.filter(isJsonObject);
  const byPosition = items.length === texts.length && items.length === data.length && !isNumbered(items);
  const vectors = new Map<JsonValue | undefined, JsonObject[]>();
  for (const [at, item] of items.entries()) {
    const index = byPosition ? at : item["index"];
    vectors.set(index, [...(vectors.get(index) ?? []), item].slice(0, 2));
  }
  const candidates: EmbeddedCandidate[] = [];
  const malformed: MalformedEntry[] = [];
  for (const [index, text] of texts.entries()) {
    const [item, second] = vectors.get(index) ?? [];
    const found = item?.["embedding"];
    const vector = isJsonList(found) ? found.filter(isFiniteNumber) : [];
    const whole = isJsonList(found) && vector.length === found.length && vector.length > 0;
    if (item === undefined) malformed.push({ index, problem: "missing-key" });
    else if (second !== undefined) malformed.push({ index, problem: "repeated-index" });
    else if (!whole || (dimensions !== null && vector.length !== dimensions)) {
      malformed.push({ index, problem: "not-as-schema" });
    } else candidates.push({ texts: [text], index, extraKeys: [], vector });
  }
  return { candidates, malformed, problem: null };
}

/**
 * False when the numbers say nothing: some servers leave `index` out, write 0 for every item, or count from 1. Their items
 * then come in the order of the texts; that counting from 1 in that order means the same leaves no doubt.
 */
function isNumbered(items: readonly JsonObject[]): boolean {
  const silent = (value: JsonValue | undefined) => value === undefined || value === null;
  const saysNothing =
    items.every(({ index }) => silent(index)) ||
    items.every(({ index }) => index === 0) ||
    items.every(({ index }, at) => index === at + 1);
  return !saysNothing;
}

/** A row of the dataset with its line's end, spelled as Python's json.dumps spells lists and objects. */
export function embeddingRow(index: number, text: string, vector: readonly number[]): string {
  return `{"index": ${index}, "text": ${JSON.stringify(text)}, "embedding": [${vector.join(", ")}]}\n`;
}

/** What the text of a row can hold: 1e999 is a number to JSON, and none to whoever reads the row. */
function isFiniteNumber(value: JsonValue): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
