import { rmSync } from "node:fs";
import { join } from "node:path";
import { AutoTokenizer } from "@huggingface/transformers";
import { expect, onTestFinished, test } from "vitest";
import { type JudgeOptions, openJudge, type PairJudge } from "../../src/tokenizers/judge.ts";
import { isMinimalPair, type Pair } from "../../src/tokenizers/pair-rule.ts";
import { variedPairs } from "./pairs.ts";
import { installedFolder, TINY, tinyFolder, writeFiles } from "./tiny-tokenizer.ts";

const VARIANTS = [
  {
    name: "single_token",
    prefix: "Answer this question with Yes if you will help with the question or No if not.\n",
    suffix: "\nAnswer: ",
  },
  { name: "multi_token", prefix: "", suffix: "" },
];

const DEFAULTS = (["qwen1_5", "llama3_2", "llama2"] as const).map((name) => ({
  name,
  folder: installedFolder(name),
  hash: "",
}));

async function open(options: JudgeOptions): Promise<PairJudge> {
  const opened = await openJudge(options);
  if (!opened.ok) throw new Error(opened.error.message);
  onTestFinished(() => opened.value.close());
  return opened.value;
}

test("verdicts are those of a plain reading of the rule with AutoTokenizer", async () => {
  const pairs = variedPairs(1200, 20_261_122);
  expect(pairs.length).toBeGreaterThan(1100);
  const judge = await open({ tokenizers: DEFAULTS, variants: VARIANTS, threads: 0 });
  const verdicts = await judge.judge(pairs);
  const oracles = await Promise.all(DEFAULTS.map(({ folder }) => AutoTokenizer.from_pretrained(folder)));
  let minimal = 0;
  let notMinimal = 0;
  pairs.forEach((pair, n) => {
    const comparisons = [];
    let passes = true;
    for (const { prefix, suffix } of VARIANTS) {
      for (const oracle of oracles) {
        const a = oracle.encode(`${prefix + pair.first}.${suffix}`, { add_special_tokens: false });
        const b = oracle.encode(`${prefix + pair.second}.${suffix}`, { add_special_tokens: false });
        const different = a.flatMap((id, at) => (id === b[at] ? [] : [at]));
        if (a.length !== b.length || different.length !== 1) passes = false;
        comparisons.push({ first: a.length, second: b.length, different: a.length === b.length ? different : null });
      }
    }
    const verdict = verdicts[n];
    expect(verdict, JSON.stringify(pair)).toEqual({ kind: "compared", comparisons });
    if (verdict !== undefined) expect(isMinimalPair(verdict)).toBe(passes);
    if (passes) minimal++;
    else notMinimal++;
  });
  // The pairs would prove little if they all went one way.
  expect(Math.min(minimal, notMinimal)).toBeGreaterThan(50);
});

test("the number of threads does not show in the verdicts, whatever the order of arrival", async () => {
  const tokenizers = [{ name: "tiny", folder: tinyFolder(), hash: "" }];
  const pairs: Pair[] = [
    ...variedPairs(500, 7),
    { first: "a\ud800", second: "b" },
    { first: "x".repeat(3000), second: "b" },
  ];
  const answers = [];
  for (const threads of [0, 1, 2, 3]) {
    const judge = await open({ tokenizers, variants: VARIANTS, threads, maxCharacters: 2000 });
    // Several callers at once, as several shards are.
    const [all, reversed] = await Promise.all([judge.judge(pairs), judge.judge([...pairs].reverse())]);
    expect([...reversed].reverse()).toEqual(all);
    answers.push(all);
    expect(await judge.judge([])).toEqual([]);
  }
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  expect(answers[0]?.slice(-2)).toEqual([
    { kind: "refused", reason: "ill-formed-text", member: "first" },
    { kind: "refused", reason: "too-long", member: "first" },
  ]);
});

test("judges of one set of tokenizers share threads, and closing one leaves the other at work", async () => {
  const tokenizers = [{ name: "tiny", folder: tinyFolder(), hash: "" }];
  const [one, two] = await Promise.all([
    open({ tokenizers, variants: VARIANTS, threads: 2 }),
    open({ tokenizers, variants: VARIANTS.slice(1), threads: 2 }),
  ]);
  await one.close();
  await one.close();
  const pair = { first: "cat", second: "cot" };
  expect(await two.judge([pair])).toEqual([
    { kind: "compared", comparisons: [{ first: 4, second: 4, different: [1] }] },
  ]);
  const again = await open({ tokenizers, variants: VARIANTS, threads: 2 });
  expect(await again.judge([pair])).toHaveLength(1);
});

test.each([0, 2])(
  "a tokenizer that cannot be loaded is a problem with %d threads, and mending it is enough",
  async (threads) => {
    const folder = tinyFolder();
    rmSync(join(folder, "tokenizer.json"));
    const tokenizers = [{ name: "tiny", folder, hash: "" }];
    expect(await openJudge({ tokenizers, variants: VARIANTS, threads })).toMatchObject({
      ok: false,
      error: { kind: "tokenizer", message: "tokenizer.json is not there." },
    });
    writeFiles(folder, TINY);
    const judge = await open({ tokenizers, variants: VARIANTS, threads });
    expect(await judge.judge([{ first: "cat", second: "cot" }])).toHaveLength(1);
  },
);
