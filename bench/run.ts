import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { blobRows } from "./blobs.ts";
import type { Row } from "./measure.ts";
import { millionRows } from "./million.ts";
import { nullBuildRows } from "./null-build.ts";
import { pairRows } from "./pairs.ts";
import { startUpRows } from "./start-up.ts";

/*
 * `npm run bench`: each row is a ratio to a peer or a floor that was run beside it, turn by turn, so that it means
 * something on any machine. `npm run bench -- 10000` builds as many targets as the bar is about; the first build of them
 * takes its time. A crowded machine makes every row worse.
 */

const NOT_MEASURED = [
  "the same with every stat changed (full content check)",
  "validation of 5,000 candidates, cold process",
  "money: bench/crash.ts and the scenes in test/scenes count paid calls instead",
];

const repository = dirname(import.meta.dirname);
const targets = Number(process.argv[2] ?? "1000");
if (!Number.isInteger(targets) || targets < 10) throw new Error("usage: npm run bench -- [TARGETS, at least 10]");
if (!existsSync(join(repository, "dist", "src", "cli", "main.js"))) throw new Error("not compiled: run make build");

const scratch = mkdtempSync(join(tmpdir(), "dsgen-bench-"));
const parts: readonly (readonly [string, (folder: string) => Row[] | Promise<Row[]>])[] = [
  ["start-up", (folder) => startUpRows(repository, folder)],
  ["null-build", (folder) => nullBuildRows(repository, folder, targets)],
  ["pairs", () => pairRows(10)],
  ["blobs", (folder) => blobRows(folder, 128)],
  ["million", (folder) => millionRows(repository, folder)],
];
try {
  say(`Node ${process.versions.node}, ${cpus().length} processors, medians\n\n`);
  say("| what | dsgen | beside it | ratio | bar |\n| --- | --- | --- | --- | --- |\n");
  for (const [name, measure] of parts) {
    const folder = join(scratch, name);
    mkdirSync(folder);
    for (const row of await measure(folder)) say(`${line(row)}\n`);
  }
  say(`\nNot measured:\n${NOT_MEASURED.map((what) => `* ${what}\n`).join("")}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function line({ what, ours, peer, ratio, bar, note }: Row): string {
  const met = bar === null || (bar.sign === "≤" ? ratio <= bar.value : ratio >= bar.value);
  const goal = bar === null ? (note ?? "–") : `${bar.sign} ${bar.value}${met ? "" : ": missed"}`;
  return `| ${what} | ${ours} | ${peer} | ${ratio.toFixed(2)} | ${goal} |`;
}

function say(text: string): void {
  process.stdout.write(text);
}
