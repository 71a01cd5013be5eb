import type { WalkReport } from "../engine/build.ts";
import type { Emit } from "../engine/events.ts";
import type { GraphSession } from "./session.ts";
import { writeViews } from "./views.ts";

/**
 * Batches of the built tasks that are still under way and that nothing waits for any more: a dataset had enough before they
 * came. They are named, and ended when the person said so; what they have answered by then stays, and is charged.
 */
export async function settleSurplus(
  session: GraphSession,
  report: WalkReport,
  cancel: boolean,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  if (report.outcome !== "up-to-date" || signal.aborted) return;
  const tasks = new Set([...report.standings.values()].map(({ target }) => target.task));
  const surplus = session.answers.jobs().filter((job) => job.mark === "waiting" && tasks.has(job.task ?? undefined));
  if (surplus.length === 0) return;
  const batches = `${surplus.length} ${surplus.length === 1 ? "batch is" : "batches are"}`;
  if (!cancel) {
    const message = `${batches} still under way and not needed any more: \`dsgen status\` takes in what comes, \`--cancel-surplus\` ends ${surplus.length === 1 ? "it" : "them"}`;
    emit({ type: "notice", level: "info", code: "surplus", message });
    return;
  }
  const results = await session.answers.cancel(
    surplus.map((job) => job.jobId),
    signal,
  );
  for (const { problem } of results) if (problem !== null) emit({ type: "problem", problem });
  await session.answers.poll(signal);
  await writeViews(session, emit);
  emit({
    type: "notice",
    level: "info",
    code: "surplus",
    message: `${batches} not needed any more and ${surplus.length === 1 ? "was" : "were"} told to end`,
  });
}
