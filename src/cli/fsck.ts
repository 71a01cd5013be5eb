import { countOf } from "../report/format.ts";
import { checkStore } from "../store/fsck.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";

/**
 * `dsgen fsck`: reads everything in the cache and checks it. Damaged blobs go to quarantine: what is free is made again by
 * the next build, what was paid for is named. Ends with 1 when anything is damaged.
 */
export async function runFsck(context: CommandContext): Promise<ExitCode> {
  const opened = await context.open("store", "write", { command: "dsgen fsck" });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    const found = checkStore(session.store);
    if (!found.ok) {
      context.problems([found.error]);
      return EXIT.failed;
    }
    const paid = found.value.filter((finding) => finding.paid);
    context.result(
      () => {
        if (found.value.length === 0) return "The cache is whole.\n";
        const lines = found.value.map((finding) => `${finding.paid ? "PAID " : ""}${finding.kind}: ${finding.what}`);
        const end =
          paid.length > 0
            ? `${countOf(paid.length, "finding")} about paid answers: \`dsgen recover\` fetches again what the provider still has.`
            : "Nothing that was paid for is affected; the next build makes again what is missing.";
        return `${[...lines, end].join("\n")}\n`;
      },
      () => [
        ...found.value.map((finding) => ({ type: "fsck" as const, ...finding })),
        { type: "fsck-total", findings: found.value.length, paid: paid.length },
      ],
    );
    return found.value.length === 0 ? EXIT.upToDate : EXIT.failed;
  } finally {
    await session.close();
  }
}
