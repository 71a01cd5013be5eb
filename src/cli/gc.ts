import { countOf } from "../report/format.ts";
import type { GcReport } from "../store/gc.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { InvocationOf } from "./invocation.ts";
import { cacheRemoval, freedBytes } from "./paid-removal.ts";

/**
 * `dsgen gc`: deletes from the cache what the targets as they stand do not need. What was paid for stays, needed or not,
 * unless --include-paid says so.
 */
export async function runGc(context: CommandContext, asked: InvocationOf<"gc">): Promise<ExitCode> {
  const { dryRun, includePaid, yes } = asked;
  const opened = await context.open("graph", dryRun ? "read" : "write", { command: "dsgen gc" });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    const command = "dsgen gc --include-paid";
    const removal = await cacheRemoval(context, session, { command, keepNeeded: true, includePaid, yes, dryRun });
    if (!removal.ok) return removal.error;
    const report = await removal.value();
    if (!report.ok) return report.error;
    context.result(
      () => gcText(report.value, dryRun),
      () => [{ type: "gc", dryRun, ...report.value }],
    );
    return EXIT.upToDate;
  } finally {
    await session.close();
  }
}

function gcText(report: GcReport, dryRun: boolean): string {
  const { actions, blobs, keptPaid, keptUnknown, leftovers, paidAnswers, paidBlobs, quarantined } = report;
  const lines = [
    `${dryRun ? "Would free" : "Freed"} ${megabytes(freedBytes(report))}: ${countOf(blobs.count, "blob")}, ${countOf(actions.count, "action")}, ${countOf(leftovers.count, "leftover")}.`,
  ];
  if (paidBlobs.count > 0)
    lines.push(
      `${countOf(paidAnswers, "paid answer")} in ${countOf(paidBlobs.count, "file")} ${dryRun ? "would go" : "gone"}, as --include-paid says.`,
    );
  lines.push(`Kept because it was paid for, or may have been: ${megabytes(keptPaid.bytes + keptUnknown.bytes)}.`);
  if (quarantined.count > 0)
    lines.push(
      `${countOf(quarantined.count, "damaged file")} in quarantine; look at .dsgen-cache/v1/quarantine before you delete any.`,
    );
  return `${lines.join("\n")}\n`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
