import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BandedEntries } from "../src/tasks/banded.ts";
import { dedupeKey } from "../src/tasks/distinct.ts";
import { KeySet } from "../src/tasks/key-set.ts";
import { onCluster } from "./cluster.ts";
import { CLEAN_ENV } from "./measure.ts";
import { entry } from "./near.ts";

/*
 * The measured part of docs/scale.md: `npm run bench:scale`, or `npm run bench:scale -- exact 100000000` for one part and a size of
 * one's own. Each figure is of a process of its own, so that its memory is its alone.
 */

/** One row in so many is an earlier one. */
const REPEATED = 10;

interface Figure {
  readonly what: string;
  readonly seconds: number;
  readonly megabytes: number;
}

const PARTS: Readonly<
  Record<string, { readonly sizes: readonly number[]; measure(size: number): Figure | Promise<Figure> }>
> = {
  exact: { sizes: [1e6, 1e7, 1e8], measure: exactDuplicates },
  near: { sizes: [1e5, 3e5, 1e6], measure: nearDuplicates },
  slurm: { sizes: [1, 10, 100, 1000, 10_000], measure: clusterWork },
};

const [part, size] = process.argv.slice(2);
if (part === undefined || size === undefined) {
  process.stdout.write("| what | seconds | memory, MB |\n| --- | --- | --- |\n");
  for (const [name, { sizes }] of Object.entries(PARTS))
    if (part === undefined || part === name) for (const each of sizes) inOwnProcess(name, each);
} else {
  const chosen = PARTS[part];
  if (chosen === undefined) throw new Error(`no part ${part}; parts: ${Object.keys(PARTS).join(", ")}`);
  const { what, seconds, megabytes } = await chosen.measure(Number(size));
  process.stdout.write(`| ${what} | ${seconds.toFixed(1)} | ${megabytes.toFixed(0)} |\n`);
}

function inOwnProcess(name: string, count: number): void {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), name, String(count)];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit", env: CLEAN_ENV });
  if (status !== 0) throw new Error(`${name} ${count} ended with ${status}`);
}

/** Pairs of short sentences, a tenth of them repeated: told apart by their texts alone, as a dataset's rows are. */
function exactDuplicates(rows: number): Figure {
  const keys = new KeySet();
  const began = process.hrtime.bigint();
  for (let row = 0; row < rows; row++) {
    const of = row % REPEATED === REPEATED - 1 ? Math.floor(row / 2) : row;
    keys.add(dedupeKey([`How would one go about making number ${of}?`, `How to make number ${of} at home?`], "exact"));
  }
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const { size } = keys;
  keys.close();
  return {
    what: `exact duplicates among ${rows.toLocaleString("en")} rows (${size.toLocaleString("en")} are left)`,
    seconds,
    megabytes: process.resourceUsage().maxRSS / 1024,
  };
}

/** Two sentences of ten words each; one in twenty is an earlier one with a word more. */
async function nearDuplicates(rows: number): Promise<Figure> {
  const banded = new BandedEntries(0.8);
  const began = process.hrtime.bigint();
  await banded.foresee(
    (async function* () {
      for (let row = 0; row < rows; row++) yield entry(row);
    })(),
    Number.POSITIVE_INFINITY,
  );
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  let kept = 0;
  for (let row = 0; row < rows; row++) if (banded.add(entry(row))) kept++;
  banded.close();
  return {
    what: `near-duplicates among ${rows.toLocaleString("en")} rows, banded (${kept.toLocaleString("en")} are left)`,
    seconds,
    megabytes: process.resourceUsage().maxRSS / 1024,
  };
}

/** Actions that take no time, so that what is measured is what a cluster adds to them. Needs Slurm, which is said. */
async function clusterWork(actions: number): Promise<Figure> {
  const { seconds, megabytes, arrays, tasks } = await onCluster(join(import.meta.dirname, ".."), actions);
  const what = `${actions.toLocaleString("en")} actions on a Slurm of two nodes, in ${tasks} tasks of ${arrays} arrays`;
  return { what, seconds, megabytes };
}
