import { countOf } from "../report/format.ts";
import type { GcReport } from "../store/gc.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { flag, type Given } from "./options.ts";
import { cacheRemoval, freedBytes } from "./paid-removal.ts";
import type { GraphSession } from "./session.ts";

const takes = {
  includePaid: flag("delete paid answers that no target needs too; they would have to be paid for again"),
  yes: flag("with --include-paid: do not ask", "y"),
  dryRun: flag("only say what would go", "n"),
};

/**
 * `dsgen gc`: deletes from the cache what the targets as they stand do not need. What was paid for stays, needed or not,
 * unless --include-paid says so.
 */
export const gc = command({
  name: "gc",
  about: "delete from the cache what the targets do not need; paid answers stay",
  examples: [["dsgen gc --dry-run", "how much would go, and what is kept because it was paid for"]],
  takes,
  run: (context, asked) =>
    context.with("graph", asked.dryRun ? "read" : "write", (session) => runGc(context, session, asked)),
});

async function runGc(context: CommandContext, session: GraphSession, asked: Given<typeof takes>): Promise<ExitCode> {
  const { dryRun } = asked;
  const removal = await cacheRemoval(context, session, { ...asked, keepNeeded: true });
  if (!removal.ok) return removal.error;
  const report = await removal.value();
  if (!report.ok) return report.error;
  context.result(
    () => gcText(report.value, dryRun),
    () => [{ type: "gc", dryRun, ...report.value }],
  );
  return EXIT.upToDate;
}

function gcText(report: GcReport, dryRun: boolean): string {
  const { actions, blobs, keptPaid, keptUnknown, leftovers, paidAnswers, paidBlobs, quarantined } = report;
  const lines = [
    `${dryRun ? "Would free" : "Freed"} ${megabytes(freedBytes(report))}: ${countOf(blobs.count, "blob")}, ${countOf(actions.count, "action")}, ${countOf(leftovers.count, "temporary file")}.`,
  ];
  if (paidBlobs.count > 0) {
    const went = `${countOf(paidAnswers, "paid answer")} in ${countOf(paidBlobs.count, "file")}`;
    lines.push(`${went} ${dryRun ? "would go" : "gone"}, as --include-paid says.`);
  }
  lines.push(`Kept because it was paid for, or may have been: ${megabytes(keptPaid.bytes + keptUnknown.bytes)}.`);
  if (quarantined.count > 0) {
    const damaged = countOf(quarantined.count, "damaged file");
    lines.push(`${damaged} in quarantine; look at .dsgen-cache/v1/quarantine before you delete any.`);
  }
  return `${lines.join("\n")}\n`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
