import { spawnSync } from "node:child_process";
import {
  cpSync,
  createReadStream,
  createWriteStream,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { CLEAN_ENV, type Row, TELL_USED } from "./measure.ts";

/*
 * From a million paid answers to a dataset: pairs under three tokenizers, about a third of them valid, ten to an answer, five
 * thousand to a file. The answers are made up here and taken in by `dsgen import`; what is measured is the build after it, from
 * the stored answers to the dataset and its manifest. By itself: `node --import jiti/register bench/million.ts FOLDER 10000 100000`,
 * with `near` for near-duplicates.
 */

const [A_FILE, AN_ANSWER] = [500, 10];
const ENV = { ...CLEAN_ENV, OPENAI_API_KEY: "sk-bench", OPENAI_BASE_URL: "http://127.0.0.1:9/v1" };

export interface Used {
  readonly seconds: number;
  readonly processor: number;
  readonly megabytes: number;
}

/** The build of a million candidates, beside that of a tenth of them: the ratio is of their memory. */
export async function millionRows(repository: string, scratch: string): Promise<Row[]> {
  const tenth = await measured(repository, join(scratch, "tenth"), 100_000);
  const whole = await measured(repository, join(scratch, "whole"), 1_000_000);
  const row = { what: "1,000,000 candidates, from stored answers to the dataset", ours: words(whole.build) };
  const peer = `100,000: ${words(tenth.build)}`;
  return [
    { ...row, peer, ratio: whole.build.megabytes / tenth.build.megabytes, bar: { sign: "≤", value: 1.2 } },
    { ...row, peer: "20 s", ratio: whole.build.seconds / 20, bar: { sign: "≤", value: 1 } },
    { ...row, peer: "400 MB", ratio: whole.build.megabytes / 400, bar: { sign: "≤", value: 1 } },
  ];
}

interface Measured {
  readonly requests: Used;
  readonly taken: Used;
  readonly build: Used;
}

async function measured(repository: string, project: string, candidates: number, by = "normalised"): Promise<Measured> {
  const files = Math.ceil(candidates / (A_FILE * AN_ANSWER));
  cpSync(join(repository, "config"), join(project, "config"), { recursive: true });
  const task = join(project, "config", "tasks", "refusal.yaml");
  const text = readFileSync(task, "utf8")
    .replace(/^batches: .*/m, `batches: ${files}`)
    .replace(/^requests_per_batch: .*/m, `requests_per_batch: ${A_FILE}`)
    .replace(/^target_scenarios: .*/m, `target_scenarios: ${candidates}`)
    .replace(/^ {2}by: exact/m, by === "near" ? "  by: near\n  threshold: 0.9" : `  by: ${by}`);
  writeFileSync(task, text);
  const names = Array.from({ length: files }, (_, i) => `request_batch${i}.jsonl`);
  const dsgen = (...args: string[]) => runOf(repository, project, args);
  const requests = dsgen("build", ...names.map((name) => `requests/refusal/${name}`));
  const given = join(project, "given");
  mkdirSync(join(given, "batch_outputs", "refusal"), { recursive: true });
  mkdirSync(join(given, "requests"));
  symlinkSync(join(project, "requests", "refusal"), join(given, "requests", "refusal"));
  let at = 0;
  for (const name of names) {
    const out = createWriteStream(join(given, "batch_outputs", "refusal", name.replace("request", "output")));
    for await (const line of createInterface({ input: createReadStream(join(given, "requests", "refusal", name)) })) {
      out.write(`${answerTo(line, at)}\n`);
      at += AN_ANSWER;
    }
    await finished(out.end());
  }
  const taken = dsgen("import", given);
  // Tokenizers are compiled once a machine; the first shard sees to it.
  dsgen("build", "validated/refusal/shard0.jsonl");
  return { requests, taken, build: dsgen("build") };
}

/** What a run of dsgen takes: by the clock, of the processors, and at most of memory, all threads counted. */
export function runOf(
  repository: string,
  project: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Used {
  const used = join(project, "used.json");
  const start = performance.now();
  const ran = spawnSync(process.execPath, ["--import", TELL_USED, join(repository, "bin", "dsgen.js"), ...args], {
    cwd: project,
    env: { ...ENV, ...more, USED: used },
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 1 << 28,
  });
  const seconds = (performance.now() - start) / 1000;
  if (ran.status !== 0) throw new Error(`dsgen ${args[0] ?? ""}: ${ran.status}\n${ran.stderr.toString("utf8")}`);
  const { userCPUTime, systemCPUTime, maxRSS } = JSON.parse(readFileSync(used, "utf8")) as NodeJS.ResourceUsage;
  return { seconds, processor: (userCPUTime + systemCPUTime) / 1e6, megabytes: maxRSS / 1024 };
}

const VERBS = ["make", "paint", "carry", "find", "open", "wash", "mend", "describe", "weigh", "sell", "sketch", "lift"];
const THINGS = ["basket", "trellis", "kettle", "window", "ladder", "letter", "bicycle", "blanket", "tureen", "table"];
const ENDS = ["after work", "near the river", "for my neighbor", "without any help", "before the holidays", "at home"];

/** Entry n of all: its number makes it a text of its own, but for one in 47, which repeats the one before. */
function pairOf(entry: number): { readonly safe: string; readonly harmful: string } {
  const n = entry % 47 === 46 ? entry - 1 : entry;
  const pick = (list: readonly string[], step: number) => list[Math.floor(n / step) % list.length] ?? "";
  const sentence = (thing: string) => `Tell me how to ${pick(VERBS, 1)} the ${thing} of room ${n} ${pick(ENDS, 7)}`;
  return { safe: sentence(pick(THINGS, 3)), harmful: sentence(pick(THINGS, 5)) };
}

function answerTo(line: string, from: number): string {
  const { custom_id } = JSON.parse(line) as { readonly custom_id: string };
  const pairs = Array.from({ length: AN_ANSWER }, (_, i) => pairOf(from + i));
  const message = { role: "assistant", content: JSON.stringify({ pairs }), refusal: null, annotations: [] };
  const body = {
    id: `chatcmpl-${from}`,
    object: "chat.completion",
    created: 1_760_000_000,
    model: "gpt-4o-2024-08-06",
    choices: [{ index: 0, message, logprobs: null, finish_reason: "stop" }],
    usage: { prompt_tokens: 700, completion_tokens: 400, total_tokens: 1100 },
    system_fingerprint: "fp_bench",
  };
  const response = { status_code: 200, request_id: `req_${from}`, body };
  return JSON.stringify({ id: `batch_req_${from}`, custom_id, response, error: null });
}

function words({ seconds, processor, megabytes }: Used): string {
  return `${seconds.toFixed(1)} s, ${processor.toFixed(1)} s of processor, ${megabytes.toFixed(0)} MB`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder = "", ...rest] = process.argv.slice(2);
  const by = rest.includes("near") ? "near" : "normalised";
  for (const size of rest.map(Number).filter(Number.isInteger)) {
    const used = await measured(join(import.meta.dirname, ".."), join(folder, String(size)), size, by);
    for (const [what, of] of Object.entries(used)) process.stdout.write(`${size} ${what}: ${words(of)}\n`);
  }
}
