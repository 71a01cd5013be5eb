import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { countOf } from "../report/format.ts";
import { collectGarbage, type GcReport, type GcRequest } from "../store/gc.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { InvocationOf } from "./invocation.ts";
import { linesOfJobs, refusedRemoval } from "./paid-removal.ts";

/**
 * `dsgen gc`: deletes from the cache what the targets as they stand do not need. What was paid for stays, needed or not,
 * unless --include-paid says so.
 */
export async function runGc(context: CommandContext, asked: InvocationOf<"gc">): Promise<ExitCode> {
  const opened = await context.open("graph", asked.dryRun ? "read" : "write", { command: "dsgen gc" });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    const placements = session.graph.targets.flatMap((target) => session.store.workspace.placement(target.name) ?? []);
    const folders = new Set(session.graph.targets.map((target) => dirname(join(session.projectRoot, target.name))));
    const request: GcRequest = {
      roots: [...placements.flatMap((placement) => placement.outputs), ...linesOfJobs(session)],
      keepActions: placements.map((placement) => placement.key),
      protectedDigests: [],
      includePaid: asked.includePaid,
      sweepFolders: [...folders].filter((folder) => statSync(folder, { throwIfNoEntry: false })?.isDirectory()),
      dryRun: asked.dryRun,
    };
    if (asked.includePaid) {
      const { yes } = asked;
      const refused = await refusedRemoval(context, session, request, { command: "dsgen gc --include-paid", yes });
      if (refused !== undefined) return refused;
    }
    const report = await collectGarbage(session.store, request);
    if (!report.ok) {
      context.problems([report.error]);
      return EXIT.failed;
    }
    context.result(
      () => gcText(report.value, asked.dryRun),
      () => [{ type: "gc", dryRun: asked.dryRun, ...report.value }],
    );
    return EXIT.upToDate;
  } finally {
    await session.close();
  }
}

function gcText(report: GcReport, dryRun: boolean): string {
  const freed = [report.blobs, report.paidBlobs, report.actions, report.expansions, report.leftovers];
  const bytes = freed.reduce((sum, amount) => sum + amount.bytes, 0);
  const lines = [
    `${dryRun ? "Would free" : "Freed"} ${megabytes(bytes)}: ${countOf(report.blobs.count, "blob")}, ${countOf(report.actions.count, "action")}, ${countOf(report.leftovers.count, "leftover")}.`,
    ...(report.paidBlobs.count > 0
      ? [
          `${countOf(report.paidAnswers, "paid answer")} in ${countOf(report.paidBlobs.count, "file")} ${dryRun ? "would go" : "gone"}, as --include-paid says.`,
        ]
      : []),
    `Kept because it was paid for, or may have been: ${megabytes(report.keptPaid.bytes + report.keptUnknown.bytes)}.`,
    ...(report.quarantined.count > 0
      ? [
          `${countOf(report.quarantined.count, "damaged file")} in quarantine; look at .dsgen-cache/v1/quarantine before you delete any.`,
        ]
      : []),
  ];
  return `${lines.join("\n")}\n`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
