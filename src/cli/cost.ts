import { costText } from "../report/cost.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";

/** `dsgen cost`: what was spent, is in flight, and was saved by reuse, per task and model; each answer once, from its `usage`. */
export async function runCost(context: CommandContext): Promise<ExitCode> {
  const opened = await context.open("jobs", "read", { command: "dsgen cost" });
  if (!opened.ok) return opened.error;
  const session = opened.value;
  try {
    const report = session.answers.ledger.report();
    const { simulated, providerLabel: provider } = session;
    context.result(
      () => costText(report, { provider, simulated }, context.style),
      () => [{ type: "cost", provider, simulated, ...report }],
    );
    return EXIT.upToDate;
  } finally {
    await session.close();
  }
}
