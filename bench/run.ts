import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { batchRows } from "./batches.ts";
import { blobRows } from "./blobs.ts";
import { growthRows } from "./graph-size.ts";
import { isMet, type Row } from "./measure.ts";
import { millionRows } from "./million.ts";
import { nearRows } from "./near.ts";
import { nullBuildRows } from "./null-build.ts";
import { pairRows } from "./pairs.ts";
import { compareAndKeep } from "./results.ts";
import { startUpRows } from "./start-up.ts";

/*
 * `make bench`: each row is a ratio to a peer or a floor that was run beside it, turn by turn, so that it means something
 * on any machine. `BENCH_NODE=/path/to/node make bench` measures another Node; `npm run bench -- start-up pairs` measures
 * some parts only, `npm run bench -- all` the long ones too. Ends with 1 when a row misses its bar.
 */

const PARTS: Readonly<Record<string, (folder: string) => Row[] | Promise<Row[]>>> = {
  "start-up": (folder) => startUpRows(repository, folder),
  "null-build": (folder) => nullBuildRows(repository, folder, 10_000),
  growth: (folder) => growthRows(folder),
  pairs: () => pairRows(10),
  blobs: (folder) => blobRows(folder, 1024),
  million: (folder) => millionRows(repository, folder),
};
/** Those that take longer than the rest together: measured when they are named, or with `all`. */
const LONG_PARTS: typeof PARTS = { near: () => nearRows(), batches: () => batchRows() };
const EVERY = { ...PARTS, ...LONG_PARTS };

const repository = dirname(import.meta.dirname);
const wanted = process.argv.slice(2);
const node = process.env["BENCH_NODE"];
const unknown = wanted.filter((name) => EVERY[name] === undefined && name !== "all");
if (unknown.length > 0) throw new Error(`no part ${unknown.join(", ")}; parts: all, ${Object.keys(EVERY).join(", ")}`);
if (!existsSync(join(repository, "dist", "src", "cli", "main.js"))) throw new Error("not compiled: run make build");
if (node === undefined || node === process.execPath) process.exitCode = await measureAll();
else {
  const args = [...process.execArgv, ...process.argv.slice(1)];
  process.exitCode = spawnSync(node, args, { stdio: "inherit", env: { ...process.env, BENCH_NODE: node } }).status ?? 1;
}

async function measureAll(): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), "dsgen-bench-"));
  const rows: Row[] = [];
  try {
    say(`Node ${process.versions.node}, ${cpus().length} processors (${cpus()[0]?.model ?? "unknown"}); medians;\n`);
    say("in brackets, and in ratios of times: processor time\n\n");
    say("| what | dsgen | beside it | ratio | bar |\n| --- | --- | --- | --- | --- |\n");
    for (const [name, measure] of Object.entries(wanted.length === 0 ? PARTS : EVERY)) {
      if (wanted.length > 0 && !wanted.includes("all") && !wanted.includes(name)) continue;
      const folder = join(scratch, name);
      mkdirSync(folder);
      for (const row of await measure(folder)) {
        rows.push(row);
        say(`${line(row)}\n`);
      }
      rmSync(folder, { recursive: true, force: true });
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  say(compareAndKeep(join(repository, "bench", "results.json"), rows));
  say(
    "\nMoney (0 paid calls repeated) is counted by `npm run bench:crash`; `npm run bench -- near batches` takes minutes.\n",
  );
  return rows.every(isMet) ? 0 : 1;
}

function line(row: Row): string {
  const bar = row.bar === null ? "–" : `${row.bar.sign} ${row.bar.value}${isMet(row) ? "" : ": missed"}`;
  return `| ${row.what} | ${row.ours} | ${row.peer} | ${row.ratio.toFixed(2)} | ${bar} |`;
}

function say(text: string): void {
  process.stdout.write(text);
}
