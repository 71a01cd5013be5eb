import { fileURLToPath } from "node:url";
import { NearSet } from "../src/tasks/near.ts";
import type { Row } from "./measure.ts";

/*
 * Near-duplicates among many entries, beside a tenth of them: what each takes must hardly grow with their number. Entries are two
 * sentences of ten words out of twenty thousand; one in twenty is an earlier one with a word more.
 * By itself, with sizes of one's own: `node --import jiti/register bench/near.ts 1000000`.
 */

const ENTRIES = 200_000;
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const WORDS = Array.from({ length: 20_000 }, (_, word) =>
  Array.from({ length: 4 + (hash(word) % 5) }, (_, i) => LETTERS[hash(word * 16 + i) % LETTERS.length]).join(""),
);

export function nearRows(): Row[] {
  const tenth = processorSeconds(ENTRIES / 10);
  const whole = processorSeconds(ENTRIES);
  return [
    {
      what: "near-duplicates among 200,000 entries, an entry",
      ours: `${whole.toFixed(1)} s of processor`,
      peer: `20,000: ${tenth.toFixed(1)} s`,
      ratio: whole / (10 * tenth),
      bar: { sign: "≤", value: 3 },
    },
  ];
}

function processorSeconds(entries: number): number {
  const set = new NearSet(0.8);
  const before = process.cpuUsage();
  for (let at = 0; at < entries; at++) set.add(entry(at));
  const { user, system } = process.cpuUsage(before);
  if (set.size < entries * 0.9) throw new Error(`${set.size} of ${entries} entries are left`);
  return (user + system) / 1e6;
}

/** The n-th entry. */
export function entry(at: number): readonly string[] {
  const copy = at % 20 === 19;
  const of = copy ? at - 7 : at;
  const sentence = (field: number) =>
    Array.from({ length: 10 }, (_, i) => WORDS[hash(of * 20 + field * 10 + i) % WORDS.length]).join(" ");
  return [sentence(0), `${sentence(1)}${copy ? " too" : ""}`];
}

function hash(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const size of process.argv.slice(2).map(Number))
    process.stdout.write(`${size}: ${processorSeconds(size).toFixed(1)} s of processor\n`);
