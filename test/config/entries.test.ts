import { afterAll, expect, test } from "vitest";
import { complaints, loaded, project, removeProjects, TASK } from "./fixture.ts";

afterAll(removeProjects);

const HERE = "config/tasks/tiny.yaml";

/** A task of records that is right, with lines added. */
function records(...lines: readonly string[]): string {
  return project({
    "tasks/tiny.yaml": [
      "task_name: tiny",
      "kind: records",
      "description: Questions.",
      "model: gpt-4o",
      "sampling: { temperature: 1, max_tokens: 100 }",
      "batches: 1",
      "requests_per_batch: 2",
      "scenarios_per_request: 3",
      "target_scenarios: 4",
      "fields: [question, answer]",
      "generation_instructions: Short.",
      "checks: []",
      ...lines,
    ].join("\n"),
  });
}

function pairs(...lines: readonly string[]): string {
  return project({ "tasks/tiny.yaml": [...TASK.trimEnd().split("\n"), ...lines].join("\n") });
}

test("a task of records needs no tokenizers, templates or examples, and has a row of all its fields", () => {
  expect(loaded(records()).tasks[0]).toMatchObject({
    kind: "records",
    fields: ["question", "answer"],
    tokenizers: [],
    templates: {},
    examples: [],
    axes: [],
    rows: [
      [
        ["record_id", "{record_id}"],
        ["task", "{task}"],
        ["question", "{question}"],
        ["answer", "{answer}"],
      ],
    ],
  });
});

test("what is new says nothing in a task that does not use it", () => {
  const [task] = loaded(pairs()).tasks;
  expect(task).toMatchObject({
    kind: "pairs",
    fields: ["safe", "harmful"],
    rows: [],
    axes: [],
    dedupe: { by: "exact" },
    confidence: 0.9,
    max_cost: null,
  });
  expect(Object.keys(task?.dedupe ?? {})).toEqual(["by"]);
  expect(task).not.toHaveProperty("response_schema");
  expect(task).not.toHaveProperty("requests_from");
  expect(task).not.toHaveProperty("token_positions");
  expect(loaded(pairs("rows: { token_positions: false }")).tasks[0]).toEqual(task);
});

test("axes are lists in the order of the file; a schema keeps the order of its properties", () => {
  const schema =
    "response_schema: { type: object, properties: { records: { type: array, items: { type: object, properties: { question: { type: string }, answer: { type: string } }, required: [question, answer], additionalProperties: false } } }, required: [records], additionalProperties: false }";
  const [task] = loaded(records("axes: { topic: [b, ' a '], level: { file: ./data//levels.txt } }", schema)).tasks;
  expect(task?.axes).toEqual([
    { axis: "topic", values: ["b", "a"] },
    { axis: "level", file: "data/levels.txt" },
  ]);
  expect(task?.response_schema).toMatch(/"question".*"answer".*"question","answer"/);
});

test("requests from files need no prompt", () => {
  const prompt = /^(description|sampling|scenarios_per_request|generation_instructions|examples| {2}- )/;
  const lines = TASK.trimEnd()
    .split("\n")
    .filter((line) => !prompt.test(line));
  const root = project({ "tasks/tiny.yaml": [...lines, "requests_from: old/*.jsonl"].join("\n") });
  expect(loaded(root).tasks[0]).toMatchObject({ requests_from: ["old/*.jsonl"], sampling: null, description: "" });
});

const CLOSED = "additionalProperties: false";

const WRONG: readonly (readonly [what: string, root: () => string, expected: string])[] = [
  [
    "fields in a task of pairs",
    () => pairs("fields: [a]"),
    `${HERE}:16:1: \`fields\` must be given with \`kind: records\` only; found it in a task of pairs. Remove it, or add \`kind: records\`.`,
  ],
  [
    "tokenizers in a task of records",
    () => records("tokenizers: [qwen]"),
    `${HERE}:13:1: \`tokenizers\` must be given with \`kind: pairs\` only; found it in a task of records. Remove it.`,
  ],
  [
    "positions of tokens without the check that there is one",
    () => pairs("rows: { token_positions: true }"),
    `${HERE}:16:9: \`rows.token_positions\` must go with the check \`one-token-difference\`, by which there is one such position; found none. Add the check, or remove \`token_positions\`.`,
  ],
  [
    "rows of records in a task of pairs",
    () => pairs("rows: [{ text: a }]"),
    `${HERE}:16:7: \`rows\` must be a map; found a list of 1. Write for example \`rows: { token_positions: true }\`.`,
  ],
  [
    "positions of tokens in a task of records",
    () => records("rows: { token_positions: true }"),
    `${HERE}:13:7: \`rows\` must be a list of one or more entries; found a map with the key token_positions. Write for example \`rows: [{ id: "{record_id}", text: "{question}" }]\`.`,
  ],
  [
    "a field twice",
    () => project({ "tasks/tiny.yaml": "kind: records\nfields: [a, a]" }),
    `${HERE}:2:13: \`fields\` must name each field once; found a again. Remove one of the two.`,
  ],
  [
    "a field that every record has",
    () => project({ "tasks/tiny.yaml": "kind: records\nfields: [task]" }),
    `${HERE}:2:10: \`fields[0]\` must be a name other than record_id and task, which every record has; found task. Rename it.`,
  ],
  [
    "a placeholder that is no field",
    () => records("rows: [{ text: 'Q: {qestion} {{x}}' }]"),
    `${HERE}:13:16: \`rows[0].text\` must name in braces only record_id, task, question, answer; found {qestion}. Did you mean {question}?`,
  ],
  [
    "an example with other keys than the fields",
    () => records("examples: [{ question: a }]"),
    `${HERE}:13:12: \`examples[0]\` must have exactly the keys of \`fields\`, question and answer; found a map with the key question. Add answer.`,
  ],
  [
    "an axis value twice",
    () => pairs("axes: { topic: [a, b, ' a'] }"),
    `${HERE}:16:23: \`axes.topic\` must have each value once; found "a" again. Remove one of the two: equal values make equal requests.`,
  ],
  [
    "an axis value of two lines",
    () => pairs('axes: { topic: ["a\\n- b"] }'),
    `${HERE}:16:17: \`axes.topic[0]\` must be a text on one line; found a line break in it. Put longer instructions into generation_instructions.`,
  ],
  [
    "an axis file outside the project",
    () => pairs("axes: { topic: { file: ../topics.txt } }"),
    `${HERE}:16:24: \`axes.topic.file\` must be a path inside the project; found "../topics.txt": the path leaves the project (it holds ..). Write for example \`file: data/topics.txt\`.`,
  ],
  [
    "a threshold without near",
    () => pairs("dedupe: { threshold: 0.8 }"),
    `${HERE}:16:11: \`dedupe.threshold\` must be given with \`by: near\` only; found it with \`by: exact\`. Remove it, or write \`by: near\`.`,
  ],
  [
    "a search without near",
    () => pairs("dedupe: { by: normalised, search: banded }"),
    `${HERE}:16:27: \`dedupe.search\` must be given with \`by: near\` only; found it with \`by: normalised\`. Remove it, or write \`by: near\`.`,
  ],
  [
    "a dedupe field that is none",
    () => pairs("dedupe: { fields: [sfe] }"),
    `${HERE}:16:20: \`dedupe.fields[0]\` must be one of safe, harmful; found sfe. Did you mean \`safe\`?`,
  ],
  [
    "an open object in a strict schema",
    () => records("response_schema: { type: object, properties: { a: { type: string } }, required: [a] }"),
    `${HERE}:13:18: \`response_schema\` must have \`additionalProperties: false\`, as strict structured outputs want it; found otherwise. Add \`additionalProperties: false\`.`,
  ],
  [
    "an optional property in a strict schema",
    () => records(`response_schema: { type: object, properties: { a: { type: string } }, ${CLOSED} }`),
    `${HERE}:13:18: \`response_schema\` must list every property under \`required\`, as strict structured outputs want it; found a left out. Write \`required: [a]\`.`,
  ],
  [
    "a schema whose entries lack a field",
    () =>
      records(
        `response_schema: { type: object, properties: { question: { type: string } }, required: [question], ${CLOSED} }`,
      ),
    `${HERE}:13:18: \`response_schema\` must describe one list of entries, each with the texts question, answer; found no answer. Put the entries' schema into the \`items\` of one list, every field with \`type: string\`.`,
  ],
  [
    "a schema that is none",
    () => records(`response_schema: { type: object, properties: { a: { type: strng } }, required: [a], ${CLOSED} }`),
    `${HERE}:13:18: \`response_schema\` must be a JSON Schema that answers can be held to; found that it cannot: Unsupported type: strng. Correct it, or leave out what it uses.`,
  ],
  [
    "a prompt beside requests from files",
    () => records("requests_from: a.jsonl"),
    `${HERE}:3:1: \`description\` must be left out with \`requests_from\`, whose files say what is asked; found both. Remove \`description\`, or \`requests_from\`.`,
  ],
  [
    "a limit in dollars without a price",
    () => project({ "tasks/tiny.yaml": `${TASK}max_cost: 3`.replace("gpt-4o", "gpt-9") }),
    `${HERE}:16:11: \`max_cost\` must go with a model whose price is known; found no gpt-9 in models.yaml. Add the model's prices there, or remove max_cost.`,
  ],
];

test.each(WRONG)("%s", (_, root, expected) => {
  expect(complaints(root())).toContain(expected);
});

test("a seed has no place in the Responses API", () => {
  const root = project({
    "tasks/tiny.yaml": `${TASK}endpoint: /v1/responses`.replace("max_tokens: 100", "max_tokens: 100, seed: 1"),
  });
  expect(complaints(root)[0]).toContain("`sampling.seed` must be left out with `endpoint: /v1/responses`");
});

/** A task of embeddings that is right, with lines added. */
function embeddings(...lines: readonly string[]): string {
  return project({
    "tasks/tiny.yaml": [
      "task_name: tiny",
      "kind: embeddings",
      "model: text-embedding-3-small",
      "inputs: { file: data/sentences.txt }",
      "batches: 2",
      "requests_per_batch: 50",
      "checks: [{ check: length, field: text, max: 400 }]",
      ...lines,
    ].join("\n"),
  });
}

test("a task of embeddings needs a file of texts, and neither prompt nor target", () => {
  const [task] = loaded(embeddings("inputs_per_request: 10", "dimensions: 256")).tasks;
  expect(task).toMatchObject({
    kind: "embeddings",
    endpoint: "/v1/embeddings",
    embedding: { file: "data/sentences.txt", inputs_per_request: 10, dimensions: 256 },
    fields: ["text"],
    sampling: null,
    rows: [],
    tokenizers: [],
    target_scenarios: 1000,
  });
  const [plain] = loaded(embeddings()).tasks;
  expect(plain?.embedding).toEqual({ file: "data/sentences.txt", inputs_per_request: 1, dimensions: null });
  expect(plain?.target_scenarios).toBe(100);
  expect(loaded(pairs()).tasks[0]).not.toHaveProperty("embedding");
});

test.each([
  [embeddings("target_scenarios: 5"), "`target_scenarios` must be left out with `kind: embeddings`"],
  [embeddings("rows: { token_positions: true }"), "`rows` must be left out with `kind: embeddings`"],
  [embeddings("role: You."), "`role` must be left out with `kind: embeddings`"],
  [embeddings("tokenizers: [qwen]"), "`tokenizers` must be given with `kind: pairs` only"],
  [embeddings("fields: [a]"), "`fields` must be given with `kind: records` only"],
  [embeddings("endpoint: /v1/responses"), "`endpoint` must be /v1/embeddings with `kind: embeddings`"],
  [embeddings("dedupe: { fields: [sentence] }"), "`dedupe.fields[0]` must be one of text; found sentence"],
  [pairs("endpoint: /v1/embeddings"), "`endpoint: /v1/embeddings` must be given with `kind: embeddings` only"],
  [pairs("dimensions: 3"), "`dimensions` must be given with `kind: embeddings` only"],
])("what embeddings have no use for, or others, is refused (%#)", (root, message) => {
  const [only, ...more] = complaints(root);
  expect([only?.includes(message), more]).toEqual([true, []]);
});

test("a file of texts must be named, and lie in the project", () => {
  const missing = project({
    "tasks/tiny.yaml": "task_name: tiny\nkind: embeddings\nmodel: m\nbatches: 1\nrequests_per_batch: 1\nchecks: []\n",
  });
  expect(complaints(missing)).toEqual([expect.stringContaining("must have the key `inputs` (a map); found none")]);
  expect(complaints(embeddings(), ["tiny.inputs.file=../elsewhere.txt"])).toEqual([
    expect.stringContaining("`inputs.file` must be a path inside the project"),
  ]);
});

test("a name in a prompt that stands for nothing is told, with the nearest that does", () => {
  expect(complaints(pairs('prompt: "Write {count} and {cuont}."'))).toEqual([
    `${HERE}:16:9: \`prompt\` must name in braces only description, count, first, second, fields, instructions, examples, axes, answer; found {cuont}. Did you mean {count}?`,
  ]);
});

test("a key of another kind is one mistake, whatever stands there", () => {
  expect(complaints(records("tokenizers: 5"))).toEqual([
    `${HERE}:13:1: \`tokenizers\` must be given with \`kind: pairs\` only; found it in a task of records. Remove it.`,
  ]);
});

test("a fraction for a whole number hides no mistake of another key", () => {
  const root = project({ "tasks/tiny.yaml": TASK.replace("batches: 2", "batches: 2.5").replace("[qwen]", "[qwn]") });
  expect(complaints(root)).toEqual([
    expect.stringContaining("`batches` must be a whole number"),
    expect.stringContaining("found qwn. Did you mean `qwen`?"),
  ]);
});

test("a models.yaml that cannot be read is all that is wrong: no price is missed", () => {
  const root = project({ "models.yaml": "models: [", "tasks/tiny.yaml": `${TASK}max_cost: 3` });
  expect(complaints(root)).toEqual([expect.stringMatching(/^config\/models\.yaml:/)]);
});
