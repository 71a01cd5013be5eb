import fc from "fast-check";
import { expect, test } from "vitest";
import { readProject } from "../../src/config/read-project.ts";
import { canonicalJson, type JsonValue } from "../../src/graph/json.ts";
import { err, ok } from "../../src/graph/result.ts";
import { MODELS, TASK, TOKENIZERS } from "./fixture.ts";
import { writeYaml } from "./yaml-writer.ts";

const bytes = new TextEncoder();

function read(task: string | Uint8Array) {
  const files = Object.entries({ "models.yaml": MODELS, "tokenizers.yaml": TOKENIZERS, "tasks/tiny.yaml": task });
  const { whole, problems } = readProject({
    files: files.map(([name, text]) => ({
      name,
      shown: `config/${name}`,
      content: typeof text === "string" ? bytes.encode(text) : text,
    })),
    sets: [],
    shownDir: "config",
    complete: true,
  });
  return whole === undefined ? err(problems) : ok(whole);
}

/** Texts of every kind, so long as they say something: line breaks, quotes, colons, trailing spaces, what YAML reads as numbers. */
const someText = fc
  .oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }),
    fc.constantFrom(
      "yes",
      "null",
      "1.0",
      "0x1f",
      "# no",
      "a: b",
      "- x",
      "x\n\n y\n",
      " both ends ",
      "'",
      '"',
      "\\n",
      "&a *b !c",
      "é\u2028",
      "\t",
      "@",
      "%",
    ),
  )
  .filter((text) => /\S/.test(text));

/** Any text, an empty one too. */
const anyText = fc.oneof(fc.constant(""), someText, fc.constantFrom("\n", "Answer: ", "\nAnswer: "));

const writtenTask = fc.record(
  {
    task_name: fc.constant("tiny"),
    description: someText,
    role: someText,
    model: someText,
    sampling: fc.record(
      {
        temperature: fc.integer({ min: 0, max: 20 }).map((tenths) => tenths / 10),
        max_tokens: fc.integer({ min: 1, max: 4000 }),
        seed: fc.maxSafeInteger(),
        response_format: fc.constantFrom("json_object", "text"),
      },
      { requiredKeys: ["temperature", "max_tokens"] },
    ),
    batches: fc.integer({ min: 1, max: 50 }),
    max_batches: fc.integer({ min: 50, max: 60 }),
    requests_per_batch: fc.integer({ min: 1, max: 50 }),
    scenarios_per_request: fc.integer({ min: 1, max: 50 }),
    target_scenarios: fc.integer({ min: 1, max: 5000 }),
    pair: fc.constant({ first: "a", second: "b" }),
    templates: fc.dictionary(
      fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,8}$/),
      fc.record({ prefix: anyText, suffix: anyText }),
      {
        minKeys: 1,
        maxKeys: 4,
        noNullPrototype: true,
      },
    ),
    examples: fc.array(fc.record({ a: someText, b: someText }), { minLength: 1, maxLength: 3 }),
    generation_instructions: fc.oneof(someText, fc.array(someText, { minLength: 1, maxLength: 3 })),
    tokenizers: fc.constantFrom(["qwen"], ["llama", "qwen"]),
    checks: fc.array(
      fc.oneof(
        fc.constantFrom("equal-token-count", "one-token-difference", "distinct-texts"),
        fc.record({
          check: fc.constant("module"),
          path: fc.constant("targets/own.ts"),
          max: fc.integer(),
          list: fc.array(fc.boolean(), { maxLength: 2 }),
          text: anyText,
        }),
      ),
      { maxLength: 3 },
    ),
    budget: fc.oneof(fc.constant(null), fc.double({ min: 0, max: 1e6, noNaN: true })),
    output: fc.constantFrom("x.jsonl", "a/b.jsonl"),
    on_short: fc.constantFrom("report", "fail"),
  },
  {
    requiredKeys: [
      "task_name",
      "description",
      "model",
      "sampling",
      "batches",
      "requests_per_batch",
      "scenarios_per_request",
      "target_scenarios",
      "pair",
      "templates",
      "examples",
      "generation_instructions",
      "tokenizers",
      "checks",
    ],
    noNullPrototype: true,
  },
);

const style = fc.record({
  strings: fc.constantFrom("plain" as const, "double" as const, "single" as const, "literal" as const),
  flow: fc.boolean(),
  indent: fc.integer({ min: 2, max: 7 }),
  comments: fc.boolean(),
  mark: fc.boolean(),
  lineBreaks: fc.constantFrom("\n" as const, "\r\n" as const),
  json: fc.boolean(),
  /** What keys are sorted by: a different order for each. */
  order: fc.integer({ min: 0, max: 1_000_000 }),
});

/** Keys in another order, everywhere but among the templates, whose order has a meaning. */
function reorder(value: JsonValue, seed: number, at: string): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => reorder(item, seed, at));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value as Readonly<Record<string, JsonValue>>);
  if (at !== "templates") entries.sort(([a], [b]) => weight(a, seed) - weight(b, seed));
  return Object.fromEntries(entries.map(([key, member]) => [key, reorder(member, seed, key)]));
}

function weight(key: string, seed: number): number {
  let hash = seed + 1;
  for (const character of key) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash;
}

test("formatting, comments and the order of keys never change what is loaded", () => {
  fc.assert(
    fc.property(writtenTask, style, style, (value, one, other) => {
      const task: JsonValue = JSON.parse(JSON.stringify(value));
      const a = read(writeYaml(reorder(task, one.order, ""), one));
      const b = read(writeYaml(reorder(task, other.order, ""), other));
      expect(a.ok ? [] : a.error).toEqual([]);
      expect(b).toEqual(a);
      if (!a.ok || !b.ok) return;
      // Byte for byte too, so that nobody can see an order that the hash does not.
      expect(JSON.stringify(b.value)).toBe(JSON.stringify(a.value));
      const loaded = a.value.tasks[0];
      expect(loaded?.description).toBe(value.description);
      expect(loaded?.template_order).toEqual(Object.keys(value.templates));
      expect(canonicalJson({ ...loaded?.templates })).toBe(canonicalJson(value.templates));
      expect(loaded?.examples).toEqual(value.examples);
    }),
    { numRuns: 200 },
  );
});

test("the order of templates is the order of the rows, and is in the value", () => {
  const order = (text: string) => {
    const result = read(TASK.replace('  plain: { prefix: "", suffix: "" }\n', text));
    return result.ok
      ? [result.value.tasks[0]?.template_order, Object.keys(result.value.tasks[0]?.templates ?? {})]
      : [];
  };
  expect(order('  b: { prefix: "", suffix: "" }\n  a: { suffix: "", prefix: "" }\n')).toEqual([
    ["b", "a"],
    ["a", "b"],
  ]);
  expect(order('  a: { prefix: "", suffix: "" }\n  b: { suffix: "", prefix: "" }\n')).toEqual([
    ["a", "b"],
    ["a", "b"],
  ]);
});

test("anchors stand for what they name", () => {
  const result = read(
    TASK.replace("description: Pairs.", "description: &text Pairs.")
      .replace('plain: { prefix: "", suffix: "" }', 'a: &bare { prefix: &p "x", suffix: *p }\n  b: *bare')
      .replace("Differ in one word.", "*text"),
  );
  expect(result).toMatchObject({
    ok: true,
    value: {
      tasks: [
        {
          generation_instructions: ["Pairs."],
          templates: { a: { prefix: "x", suffix: "x" }, b: { prefix: "x", suffix: "x" } },
        },
      ],
    },
  });
});

test("an anchor given twice means the one above, and what was made from the first stays", () => {
  const result = read(
    TASK.replace(
      'plain: { prefix: "", suffix: "" }',
      'a: &t { prefix: &p "1", suffix: *p }\n  b: { prefix: &p "2", suffix: *p }\n  c: *t\n  d: { prefix: *p, suffix: "" }',
    ),
  );
  expect(result.ok ? result.value.tasks[0]?.templates : result.error).toEqual({
    a: { prefix: "1", suffix: "1" },
    b: { prefix: "2", suffix: "2" },
    c: { prefix: "1", suffix: "1" },
    d: { prefix: "2", suffix: "" },
  });
});

test("whatever a file holds, the answer is a configuration or problems with places in it", () => {
  const base = bytes.encode(TASK);
  const damage = fc.array(
    fc.record({
      at: fc.nat(base.length - 1),
      remove: fc.nat(12),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 3 }),
        fc
          .constantFrom(
            "\n",
            "\t",
            ": ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            "&a ",
            "*a",
            "!x ",
            "|\n",
            ">",
            '"',
            "'",
            "#",
            "---\n",
            "? ",
            "<<: *a",
            "%",
            ",",
            "\r",
            "null",
            "-1",
            "1e999",
          )
          .map((text) => bytes.encode(text)),
      ),
    }),
    { minLength: 1, maxLength: 4 },
  );
  const lines = (text: Uint8Array) =>
    Buffer.from(text)
      .toString("latin1")
      .split(/\r\n|\n|\r/).length;
  fc.assert(
    fc.property(damage, (cuts) => {
      let text: Uint8Array = base;
      for (const { at, remove, insert } of cuts) {
        text = Buffer.concat([text.subarray(0, at), insert, text.subarray(at + remove)]);
      }
      const result = read(text);
      if (result.ok) return;
      expect(result.error.length).toBeGreaterThan(0);
      for (const problem of result.error) {
        const place = /^config\/tasks\/tiny\.yaml:(\d+):(\d+)$/.exec(problem.where);
        expect(problem.where).toBe(place?.[0]);
        expect(Number(place?.[1])).toBeLessThanOrEqual(lines(text));
        expect(problem.message).toMatch(/^\S.*\.$/s);
        expect(problem.message).not.toContain("undefined");
        expect(problem.fix).toMatch(/\S/);
      }
    }),
    { numRuns: 500 },
  );
});
