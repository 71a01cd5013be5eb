import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type EmbeddingTask,
  embeddingBody,
  embeddingRow,
  parseEmbeddings,
  readTexts,
  requestCount,
  textsOfBody,
} from "../../src/kinds/embeddings.ts";
import { readShardLine } from "../../src/kinds/shard.ts";
import { lineWriter } from "./shard-lines.ts";

const NAMES = { kind: "embeddings" as const, fields: ["text"] };
const lineOf = lineWriter({ ...NAMES, variants: [], tokenizers: [] });

function task(inputs_per_request: number): EmbeddingTask {
  return { model: "small", endpoint: "/v1/embeddings", dimensions: null, inputs_per_request };
}

test("texts keep the number of their line; empty and repeated lines are passed over", () => {
  expect(readTexts("\uFEFFa\r\n\r\n  b \na\nc")).toEqual([
    { index: 0, text: "a" },
    { index: 2, text: "b" },
    { index: 4, text: "c" },
  ]);
  expect(readTexts("\n \n")).toEqual([]);
});

test("requests hold every text once, in order, however many go into one", () => {
  const lines = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 7 }), (words, size) => {
      const texts = readTexts(words.join("\n"));
      const bodies = Array.from({ length: requestCount(texts.length, task(size)) }, (_, n) =>
        embeddingBody(task(size), texts, n),
      );
      expect(bodies.flatMap(textsOfBody)).toEqual(words);
      expect(bodies.every((body) => body["encoding_format"] === "float" && !("dimensions" in body))).toBe(true);
    }),
  );
});

test("vectors go by their index; what is missing or no vector is counted", () => {
  const data = [
    { index: 2, embedding: [1, 2] },
    { index: 0, embedding: [3, 4] },
    { index: 3, embedding: [5, "x"] },
    { index: 4, embedding: [5] },
    { index: 9, embedding: [0, 0] },
    null,
  ];
  const parsed = parseEmbeddings(data, ["a", "b", "c", "d", "e"], 2);
  expect(parsed.candidates.map(({ texts, index, vector }) => [texts[0], index, vector])).toEqual([
    ["a", 0, [3, 4]],
    ["c", 2, [1, 2]],
  ]);
  expect(parsed.malformed).toEqual([
    { index: 1, problem: "missing-key" },
    { index: 3, problem: "not-as-schema" },
    { index: 4, problem: "not-as-schema" },
  ]);
});

test.each<[string, readonly (number | null | undefined)[], string]>([
  ["every index is 0", [0, 0, 0], "by position"],
  ["no index at all", [undefined, undefined, undefined], "by position"],
  ["null for every index", [null, null, null], "by position"],
  ["counted from 1, in order", [1, 2, 3], "by position"],
  ["in order", [0, 1, 2], "by position"],
  ["backwards", [2, 1, 0], "by index"],
  ["a repeated index", [0, 1, 1], "0 ok, 1 repeated-index, 2 missing-key"],
  ["a repeated index and none", [0, 0, undefined], "0 repeated-index, 1 missing-key, 2 missing-key"],
  ["fewer than asked, without an index", [undefined, undefined], "0 missing-key, 1 missing-key, 2 missing-key"],
  ["fewer than asked, every index 0", [0, 0], "0 repeated-index, 1 missing-key, 2 missing-key"],
  ["more than asked, every index 0", [0, 0, 0, 0], "0 repeated-index, 1 missing-key, 2 missing-key"],
])("no text gets another's vector: %s", (_what, indexes, expected) => {
  const data = indexes.map((index, at) => ({ ...(index === undefined ? {} : { index }), embedding: [at] }));
  const { candidates, malformed } = parseEmbeddings(data, ["a", "b", "c"], 1);
  const vectors = candidates.map(({ index, vector }) => [index, vector[0]]);
  const by = (vector: (text: number) => number) => JSON.stringify([0, 1, 2].map((text) => [text, vector(text)]));
  const found =
    JSON.stringify(vectors) === by((text) => text)
      ? "by position"
      : JSON.stringify(vectors) === by((text) => 2 - text)
        ? "by index"
        : [...candidates.map(({ index }) => ({ index, problem: "ok" })), ...malformed]
            .sort((one, other) => one.index - other.index)
            .map(({ index, problem }) => `${index} ${problem}`)
            .join(", ");
  expect(found).toBe(expected);
});

test("a number beyond a double is no part of a vector", () => {
  const data = JSON.parse('[{"index": 0, "embedding": [1, 1e999]}]');
  expect(parseEmbeddings(data, ["a"], 2).malformed).toEqual([{ index: 0, problem: "not-as-schema" }]);
});

test("nothing in an answer makes reading it throw", () => {
  expect(parseEmbeddings([], ["a"], null)).toEqual({ candidates: [], malformed: [], problem: "empty" });
  fc.assert(
    fc.property(fc.jsonValue(), (item) => {
      const { candidates, malformed, problem } = parseEmbeddings(JSON.parse(JSON.stringify([item])), ["a"], null);
      expect([candidates.length + malformed.length, problem]).toEqual([1, null]);
    }),
  );
});

test("a shard line of an embedding reads back, and becomes a row that Python could have written", () => {
  const embedding = { index: 7, embedding: [0.5, -0.25] };
  const line = lineOf({
    candidate: { texts: ['A "b".'], index: 0, extraKeys: [], more: embedding },
    verdicts: [],
    tokens: undefined,
    from: { custom_id: "v-x", request_id: null, line: 1 },
  });
  expect(readShardLine(line, NAMES)).toMatchObject({ ok: true, value: { texts: ['A "b".'], more: embedding } });
  expect(readShardLine(line.replace("[0.5", '["0.5"'), NAMES)).toMatchObject({ ok: false });
  expect(embeddingRow(7, 'A "b".', embedding.embedding)).toBe(
    '{"index": 7, "text": "A \\"b\\".", "embedding": [0.5, -0.25]}\n',
  );
});
