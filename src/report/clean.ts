import { bytesText, countOf, grouped } from "./format.ts";
import type { CleanLine, CleanTotalLine, OrphanLine } from "./result-schema.ts";
import { nameRange } from "./shorten.ts";
import type { Style } from "./style.ts";

/** What `clean` removed and what it left, and that paid answers are still there. */
export function cleanText(
  lines: readonly CleanLine[],
  total: CleanTotalLine,
  includePaid: boolean,
  style: Style,
): string {
  const verb = total.dryRun ? "would remove" : "removed";
  const removed = lines.filter((line) => line.action !== "kept").map((line) => line.file);
  const parts = [
    total.removed === 0 ? "Nothing to remove from the project.\n" : `${verb} ${countOf(total.removed, "file")}\n`,
  ];
  for (const group of folders(removed)) parts.push(`  ${nameRange(group)}\n`);
  for (const line of lines) {
    if (line.action !== "kept") continue;
    parts.push(`${style.yellow("kept:")} ${line.file} (${line.why === null ? "" : KEPT[line.why]})\n`);
  }
  if (total.cache) parts.push(`${verb} ${bytesText(total.freedBytes)} from the cache\n`);
  parts.push(paidText(total, includePaid));
  return parts.join("");
}

const KEPT: Readonly<Record<NonNullable<CleanLine["why"]>, string>> = {
  edited: "it was changed by hand",
  "not-placed-by-dsgen": "dsgen did not put it there",
  "only-copy": "the cache does not have it, so it may hold paid answers",
  "symbolic-link": "it is a symbolic link, and what it leads to is not dsgen's to remove",
};

/** `status`: what lies in the project and belongs to no target any more. */
export function orphansText(orphans: readonly OrphanLine[], style: Style): string {
  if (orphans.length === 0) return "";
  const groups = folders(orphans.map(({ file }) => file)).map((group) => `  ${nameRange(group)}\n`);
  const kept = orphans.filter(({ state }) => state !== "as-placed").length;
  const but = kept === 0 ? "" : `, but for ${countOf(kept, "file")} that it must not lose`;
  const head = `${style.yellow(style.marks.warning)} ${countOf(orphans.length, "file")} of targets that are no more:\n`;
  return `${head}${groups.join("")}  dsgen clean --orphans removes them${but}.\n`;
}

function paidText(total: CleanTotalLine, includePaid: boolean): string {
  if (!includePaid) {
    const size = total.paidBytesKept === null ? "" : ` (${bytesText(total.paidBytesKept)})`;
    return `Paid answers${size} and the journal of batch jobs are kept.\n`;
  }
  const verb = total.dryRun ? "would go" : "are gone";
  return `${countOf(total.paidAnswersRemoved, "paid answer")} ${verb}, as asked. The journal of batch jobs is kept.\n`;
}

/** Files by folder, so that a stage of a hundred shards is one line. */
function folders(files: readonly string[]): readonly (readonly string[])[] {
  return [...grouped(files, (file) => file.replace(/\d+/g, "#")).values()];
}
