import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { z } from "zod";
import { isMet, type Row } from "./measure.ts";

/** What a row may get slower by before it is told: less is the machine's mood. */
const SLOWER = 1.2;

const measured = z.object({
  what: z.string(),
  ours: z.string(),
  peer: z.string(),
  ratio: z.number(),
  bar: z.object({ sign: z.enum(["≤", "≥"]), value: z.number() }).nullable(),
});
/** The last figures of each row, by Node's major version. */
const results = z.record(
  z.string(),
  z.object({ date: z.string(), node: z.string(), processors: z.string(), rows: z.array(measured) }),
);

/** What got slower than 20 % since the figures in `path`, as text; then these take the place of those. */
export function compareAndKeep(path: string, rows: readonly Row[]): string {
  const all = existsSync(path) ? results.parse(JSON.parse(readFileSync(path, "utf8"))) : {};
  const major = process.versions.node.split(".")[0] ?? "";
  const before = all[major];
  const known = new Map(before?.rows.map((row) => [nameOf(row), row]));
  const slower = rows.flatMap((row) => {
    const was = known.get(nameOf(row));
    if (was === undefined) return [];
    // A rate is better when it is higher, a time when it is lower.
    const factor = row.bar?.sign === "≥" ? was.ratio / row.ratio : row.ratio / was.ratio;
    return factor > SLOWER ? [`* ${nameOf(row)}: ${was.ratio.toFixed(2)} → ${row.ratio.toFixed(2)}\n`] : [];
  });
  const missed = rows.filter((row) => !isMet(row)).map((row) => `* ${nameOf(row)}: ${row.ratio.toFixed(2)}\n`);
  for (const row of rows) known.set(nameOf(row), row);
  all[major] = {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    processors: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
    rows: [...known.values()],
  };
  writeFileSync(path, `${JSON.stringify(all, null, 2)}\n`);
  const since = before === undefined ? "no earlier figures" : `since ${before.date}, Node ${before.node}`;
  const listed = (title: string, lines: readonly string[]) => `\n${title}:\n${lines.join("") || "* none\n"}`;
  return listed("Misses its bar", missed) + listed(`Slower by more than 20 % (${since})`, slower);
}

/** A row and what it is held against, without figures. */
function nameOf({ what, peer }: { readonly what: string; readonly peer: string }): string {
  return `${what} / ${peer.replace(/(: |\s\().*$/, "")}`;
}
