import { NearSet } from "../src/tasks/near.ts";
import type { Row } from "./measure.ts";

/*
 * Near-duplicates among a million entries, beside a tenth of them: what each takes must not grow with their number. Entries are
 * two sentences of ten words out of two thousand; one in twenty is an earlier one with a word more.
 */

const WORDS = Array.from({ length: 2000 }, (_, i) => {
  const syllable = (n: number) => `${"bdfgklmnprst"[n % 12]}${"aeiou"[Math.floor(n / 12) % 5]}`;
  return `${syllable(i)}${syllable(Math.floor(i / 60) * 7)}${i % 3 === 0 ? syllable(i * 31) : ""}`;
});

export function nearRows(): Row[] {
  const tenth = processorSeconds(100_000);
  const whole = processorSeconds(1_000_000);
  return [
    {
      what: "near-duplicates among 1,000,000 entries, an entry",
      ours: `${whole.toFixed(1)} s of processor`,
      peer: `100,000: ${tenth.toFixed(1)} s`,
      ratio: whole / (10 * tenth),
      bar: { sign: "≤", value: 2 },
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

function entry(at: number): readonly string[] {
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
