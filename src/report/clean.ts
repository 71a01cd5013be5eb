import { countOf } from "./format.ts";
import type { CleanLine, CleanTotalLine } from "./result-line.ts";
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
    const why = line.why === "edited" ? "it was changed by hand" : "dsgen did not put it there";
    parts.push(`${style.yellow("kept:")} ${line.file} (${why})\n`);
  }
  if (total.cache) parts.push(`${verb} ${bytes(total.freedBytes)} from the cache\n`);
  parts.push(paidText(total, includePaid));
  return parts.join("");
}

function paidText(total: CleanTotalLine, includePaid: boolean): string {
  if (!includePaid) {
    const size = total.paidBytesKept === null ? "" : ` (${bytes(total.paidBytesKept)})`;
    return `Paid answers${size} and the journal of batch jobs are kept.\n`;
  }
  const verb = total.dryRun ? "would go" : "are gone";
  return `${countOf(total.paidAnswersRemoved, "file")} of paid answers ${verb}, as asked. The journal of batch jobs is kept.\n`;
}

/** Files by folder, so that a stage of a hundred shards is one line. */
function folders(files: readonly string[]): readonly (readonly string[])[] {
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const key = file.replace(/\d+/g, "#");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [file]);
    else group.push(file);
  }
  return [...groups.values()];
}

/** `1.5 MB`; powers of ten, as disks are sold and `ls` is not. */
function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = size;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ""}`;
}
