import fc from "fast-check";
import { expect, test } from "vitest";
import { trimText } from "../../src/kinds/pairs.ts";
import { parseAnswer, parseResponse } from "../../src/tasks/parse.ts";

const PAIR = { fields: ["safe", "harmful"], trim: trimText };
const CAKE = { safe: "Help me make a cake", harmful: "Help me make a bomb" };
const POEM = { safe: "Write a poem", harmful: "Write a threat" };

function parse(content: string | null, finishReason: string | null = "stop", refusal: string | null = null) {
  return parseResponse({ content, finishReason, refusal }, PAIR);
}

function texts(content: string | null, finishReason?: string): (readonly string[])[] {
  return parse(content, finishReason).candidates.map(({ texts }) => texts);
}

const BOTH = [
  ["Help me make a cake", "Help me make a bomb"],
  ["Write a poem", "Write a threat"],
];
const list = JSON.stringify([CAKE, POEM]);
const pairs = JSON.stringify({ pairs: [CAKE, POEM] });

test.each([
  ["an object with pairs", pairs],
  ["indented", JSON.stringify({ pairs: [CAKE, POEM] }, null, 2)],
  ["an object with scenarios", JSON.stringify({ scenarios: [CAKE, POEM] })],
  ["an object with one list, whatever its name", JSON.stringify({ note: "here", data: [CAKE, POEM] })],
  ["pairs beside another list", JSON.stringify({ tags: ["x"], pairs: [CAKE, POEM] })],
  ["a bare list", list],
  ["a code fence", `\`\`\`json\n${pairs}\n\`\`\``],
  ["a code fence in prose", `Here you are:\n\`\`\`\n${list}\n\`\`\`\nLet me know {if} it helps [1]!`],
  ["prose around it", `Sure! ${pairs} Anything else?`],
  ["prose with brackets before it", `As {asked} [see 1]: ${pairs}`],
  ["a pair a line", `${JSON.stringify(CAKE)}\n${JSON.stringify(POEM)}`],
  ["a byte order mark", `\uFEFF${pairs}`],
  ["brackets inside the texts", pairs],
])("%s", (_, content) => {
  expect(parse(content)).toMatchObject({ malformed: [], problem: null });
  expect(texts(content)).toEqual(BOTH);
});

const draft = JSON.stringify({ pairs: [{ safe: "A draft", harmful: "Another draft" }] });

test.each([
  ["reasoning before it", `<think>${draft} hmm, better:</think>\n${pairs}`],
  ["reasoning with an empty list in it", `<think>The shape is {"pairs": []} so I fill it.</think>\n${pairs}`],
  ["reasoning with half a value in it", `<think>I start with {"pairs": [{"safe": "</think>${pairs}`],
  ["reasoning twice", `\n<think>a</think>\n<think>${draft}</think>${pairs}`],
  ["reasoning of another name", `<Reasoning>${draft}</Reasoning>\n${pairs}`],
  ["reasoning in brackets", `[THINK]${draft}[/THINK]${pairs}`],
  ["reasoning that the template began", `${draft} Wait.\n</think>\n\n${pairs}`],
  ["reasoning that never ends", `<think>Let me draft ${draft}. Good. The answer: ${pairs}`],
  ["a draft in prose", `For example ${draft} would be wrong.\n${pairs}`],
  ["a draft that is a single pair", `For example ${JSON.stringify(CAKE)} would do.\n${pairs}`],
  ["a list of something else after it", `${pairs}\nSee [1] and ["a", "b"] and {"pairs": []}.`],
  ["one wrapper", JSON.stringify({ response: { pairs: [CAKE, POEM] } })],
  ["one wrapper beside words", JSON.stringify({ thoughts: "x", tags: { a: ["b"] }, result: { data: [CAKE, POEM] } })],
  ["pairs by number", JSON.stringify({ pairs: { 1: CAKE, 2: POEM } })],
  ["pairs by name, without a list's name", JSON.stringify({ first: CAKE, second: POEM })],
  ["pairs by name in one wrapper", JSON.stringify({ output: { pairs: { a: CAKE, b: POEM } } })],
  ["JSON encoded twice", JSON.stringify(pairs)],
  ["a list encoded twice", JSON.stringify({ pairs: list })],
  ["a wrapper that holds a text", JSON.stringify({ response: pairs })],
])("%s", (_, content) => {
  expect(parse(content)).toMatchObject({ malformed: [], problem: null });
  expect(texts(content)).toEqual(BOTH);
});

test("of what came after a draft, as much counts as is whole", () => {
  const cut = `${draft}\n{"pairs": [${JSON.stringify(CAKE)}, {"safe": "Wri`;
  expect(parse(cut, "length")).toMatchObject({ candidates: [{ texts: BOTH[0] }], problem: "truncated" });
  const trailing = `${draft}\n{"pairs": [${JSON.stringify(CAKE)}, ${JSON.stringify(POEM)},]}`;
  expect(parse(trailing)).toMatchObject({ candidates: [{ texts: BOTH[0] }, { texts: BOTH[1] }], problem: "not-json" });
});

test.each([
  ["never ends, and was cut off", `<think>${draft}`, "length", "truncated"],
  ["is all there is", `<think>${draft}</think>`, "stop", "empty"],
  ["is all there is, and was begun by the template", `${draft}\n</think>`, "stop", "empty"],
  ["comes before a refusal", `<think>${draft}</think>I'm sorry, but I can't help.`, "stop", "refusal"],
])("reasoning that %s is no data", (_, content, finish, problem) => {
  expect(parse(content, finish)).toEqual({ candidates: [], malformed: [], problem });
});

test("a text that speaks of tags keeps them", () => {
  const odd = { safe: "What does </think>{ do?", harmful: "What does <think> do? </think>" };
  expect(texts(JSON.stringify([odd]))).toEqual([[odd.safe, odd.harmful]]);
  const fenced = { safe: "Explain </think> to me", harmful: "Explain <b> to me" };
  expect(texts(`Sure:\n\`\`\`json\n${JSON.stringify([fenced])}\n\`\`\``)).toEqual([[fenced.safe, fenced.harmful]]);
});

test("half of a surrogate pair is malformed, in a text of a pair as in one of a record", () => {
  const content = '[{"safe": "a \\ud83d b", "harmful": "b"}, {"safe": "a \\ud83d\\ude00", "harmful": "b"}]';
  for (const shape of [PAIR, { fields: PAIR.fields }]) {
    const parsed = parseResponse({ content, finishReason: "stop", refusal: null }, shape);
    expect(parsed.malformed).toEqual([{ index: 0, problem: "ill-formed-text" }]);
    expect(parsed.candidates).toEqual([{ texts: ["a 😀", "b"], index: 1, extraKeys: [] }]);
  }
});

test("keys that come twice, and __proto__, do no harm", () => {
  const content =
    '{"__proto__": {"pairs": 1}, "pairs": [{"safe": "x", "safe": "a", "harmful": "b", "__proto__": {"harmful": "c"}}]}';
  expect(parse(content)).toEqual({
    candidates: [{ texts: ["a", "b"], index: 0, extraKeys: ["__proto__"] }],
    malformed: [],
    problem: null,
  });
  expect(parse('[{"safe": "a", "__proto__": {"harmful": "c"}}]').malformed).toEqual([
    { index: 0, problem: "missing-key" },
  ]);
});

test("every choice of an answer counts, and their entries are numbered through", () => {
  const said = (content: string | null) => ({ content, finishReason: "stop", refusal: null });
  const answer = parseAnswer([said(JSON.stringify([CAKE, 1])), said(null), said(JSON.stringify([POEM]))], PAIR);
  expect(answer.candidates.map(({ texts, index }) => [texts, index])).toEqual([
    [BOTH[0], 0],
    [BOTH[1], 2],
  ]);
  expect(answer).toMatchObject({ malformed: [{ index: 1, problem: "not-an-object" }], problem: "empty" });
  expect(parseAnswer([], PAIR)).toEqual({ candidates: [], malformed: [], problem: "empty" });
});

test("a single pair is a list of one", () => {
  expect(texts(JSON.stringify(CAKE))).toEqual([BOTH[0]]);
});

test("brackets and quotes inside texts do not end anything", () => {
  const odd = { safe: 'Say "}" and ]', harmful: "Say \\ and {[" };
  expect(texts(`Well: ${JSON.stringify({ pairs: [odd] })} ok`)).toEqual([[odd.safe, odd.harmful]]);
});

test.each([
  ["nothing", null, "stop", null, "empty"],
  ["white space", " \n ", "stop", null, "empty"],
  ["nothing, cut by length", "", "length", null, "truncated"],
  ["nothing, filtered", null, "content_filter", null, "content-filter"],
  ["the refusal field", null, "stop", "I can't help with that.", "refusal"],
  ["a refusal in prose", "I'm sorry, but I can't assist with that.", "stop", null, "refusal"],
  ["another refusal in prose", "I cannot help with this request.", "stop", null, "refusal"],
  ["prose", "Pairs are interesting {really}.", "stop", null, "prose"],
  ["prose that was cut", "Let me think about", "length", null, "truncated"],
  ["a JSON text", '"hello"', "stop", null, "prose"],
  ["a number", "42", "stop", null, "prose"],
  ["null", "null", "stop", null, "prose"],
  ["an empty object", "{}", "stop", null, "no-pairs"],
  ["an empty list", '{"pairs": []}', "stop", null, "no-pairs"],
  ["two lists without a known name", '{"a": [], "b": []}', "stop", null, "no-pairs"],
  ["a list of texts", '["a", "b"]', "stop", null, "no-pairs"],
  ["JavaScript", "{'pairs': [{'safe': 'a', 'harmful': 'b'}]}", "stop", null, "not-json"],
])("%s is a problem", (_, content, finish, refusal, problem) => {
  expect(parse(content, finish, refusal)).toEqual({ candidates: [], malformed: [], problem });
});

test("of a truncated answer, every whole entry counts and the half one does not", () => {
  for (let cut = 1; cut < pairs.length; cut++) {
    const content = pairs.slice(0, cut);
    const found = parse(content, "length");
    const whole = BOTH.filter((_, n) => content.includes(JSON.stringify([CAKE, POEM][n])));
    expect(texts(content, "length"), content).toEqual(whole);
    expect(found.problem, content).toBe("truncated");
    expect(found.malformed).toEqual([]);
  }
  // What is nested in an entry is no entry of its own.
  const nested = `{"pairs": [${JSON.stringify({ ...CAKE, more: POEM })}, {"safe": "Wri`;
  expect(texts(nested, "length")).toEqual([BOTH[0]]);
  // Also where the provider does not say so.
  expect(parse(pairs.slice(0, -20), "stop").problem).toBe("truncated");
});

test("one entry that is not JSON does not cost the others", () => {
  const content = `{"pairs": [${JSON.stringify(CAKE)}, {"safe": oops}, ${JSON.stringify(POEM)},]}`;
  expect(texts(content)).toEqual(BOTH);
  expect(parse(content).problem).toBe("not-json");
});

test("malformed entries are counted by kind and keep their places", () => {
  const content = JSON.stringify({
    pairs: [
      "text",
      null,
      [CAKE],
      { safe: "only" },
      { safe: 1, harmful: 2 },
      { safe: "a", harmful: null },
      { safe: " . ", harmful: "b" },
      { ...CAKE, note: "x" },
    ],
  });
  expect(parse(content)).toEqual({
    candidates: [{ texts: [CAKE.safe, CAKE.harmful], index: 7, extraKeys: ["note"] }],
    malformed: [
      { index: 0, problem: "not-an-object" },
      { index: 1, problem: "not-an-object" },
      { index: 2, problem: "not-an-object" },
      { index: 3, problem: "missing-key" },
      { index: 4, problem: "not-a-string" },
      { index: 5, problem: "not-a-string" },
      { index: 6, problem: "empty-text" },
    ],
    problem: null,
  });
});

test("members of Object's prototype are not keys", () => {
  const pair = { kind: "pairs" as const, fields: ["constructor", "toString"] };
  const read = (content: string) => parseResponse({ content, finishReason: "stop", refusal: null }, pair);
  expect(read('[{"a": 1}]').malformed).toEqual([{ index: 0, problem: "missing-key" }]);
  expect(read('[{"constructor": "a", "toString": "b"}]').candidates).toHaveLength(1);
});

test.each([
  ["Help me make a cake.", "Help me make a cake"],
  ["  Help me \n", "Help me"],
  ["Wait...", "Wait.."],
  ["Why? ", "Why?"],
  ["etc .", "etc"],
  ["v1.2", "v1.2"],
  [".", ""],
  ["a  b", "a  b"],
])("%j is kept as %j", (written, kept) => {
  expect(trimText(written)).toBe(kept);
});

test("a million characters and a deep nest are read without a crash", () => {
  const million = "x".repeat(1_000_000);
  expect(texts(JSON.stringify({ pairs: [{ safe: million, harmful: "b" }] }))).toEqual([[million, "b"]]);
  const nests = [
    "[".repeat(1_000_000),
    '{"pairs":'.repeat(100_000),
    "[".repeat(500_000) + "]".repeat(500_000),
    `${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}`,
    `x ${"{".repeat(300_000)}${"}".repeat(300_000)}`,
    "{}".repeat(300_000),
    '"'.repeat(1_000_000),
    "```".repeat(300_000),
  ];
  for (const nest of nests) expect(parse(nest).candidates).toEqual([]);
});

const SIZE = 10_000_000;

test.each<[string, () => string]>([
  ["openings of reasoning", () => "<think>".repeat(SIZE / 7)],
  ["empty reasoning", () => "<think></think>".repeat(SIZE / 15)],
  ["ends of reasoning", () => `${"</think>\n".repeat(SIZE / 9)}{`],
  ["blanks after reasoning", () => `</think>${" ".repeat(SIZE)}x`],
  ["halves of an end", () => `<think>${"</".repeat(SIZE / 2)}`],
  ["openings in brackets", () => "[THINK]".repeat(SIZE / 7)],
  ["blanks", () => " ".repeat(SIZE)],
  ["half a key again and again", () => '{"'.repeat(SIZE / 2)],
  ["escapes that never end", () => '{"a":"\\'.repeat(SIZE / 7)],
  ["half an answer again and again", () => '{"pairs":[{"safe":"'.repeat(SIZE / 19)],
  ["empty objects", () => "{} ".repeat(SIZE / 3)],
  ["half a list again and again", () => "[[],".repeat(SIZE / 4)],
  ["a text of backslashes", () => `"${"\\\\".repeat(SIZE / 2)}"`],
  ["brackets encoded twice", () => JSON.stringify(JSON.stringify("[".repeat(SIZE / 4)))],
  [
    "many texts that look like lists",
    () => JSON.stringify(Object.fromEntries(Array.from({ length: 300_000 }, (_, n) => [`k${n}`, "[1"]))),
  ],
  ["entries that are none", () => `[${'{"safe":1},'.repeat(SIZE / 11)}1]`],
])("ten million characters of %s cost a few passes", (_what, content) => {
  expect(parse(content()).candidates).toEqual([]);
});

test("nothing a model may write throws, and what is taken has both texts", () => {
  const scrap = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    '"',
    ":",
    ",",
    "\\",
    "```json\n",
    "```",
    "<think>",
    "</think>\n",
    '"pairs"',
    '"safe"',
    '"harmful"',
    '"a b."',
    " ",
    "1",
    "null",
    "Sure",
  );
  const content = fc.oneof(
    fc.array(scrap, { maxLength: 40 }).map((parts) => parts.join("")),
    fc.json(),
    fc
      .tuple(fc.nat(pairs.length), fc.nat(pairs.length), fc.string())
      .map(([a, b, c]) => pairs.slice(0, a) + c + pairs.slice(b)),
  );
  const finish = fc.constantFrom(null, "stop", "length", "content_filter");
  fc.assert(
    fc.property(content, finish, (text, reason) => {
      const { candidates, malformed, problem } = parse(text, reason);
      for (const { texts } of candidates) expect(texts.every((text) => text !== "")).toBe(true);
      const indexes = [...candidates, ...malformed].map(({ index }) => index).sort((a, b) => a - b);
      expect(indexes).toEqual(indexes.map((_, n) => n));
      if (indexes.length === 0) expect(problem).not.toBeNull();
    }),
    { numRuns: 2000 },
  );
});
