import type { WalkReport } from "../engine/build.ts";
import type { Emit } from "../events/schema.ts";
import type { TargetName } from "../graph/names.ts";
import type { GraphSession } from "./session.ts";
import { writeViews } from "./views.ts";

/**
 * Batches that are still under way and that nothing waits for any more: the whole dataset of their task is up to date, and
 * had enough before they came. A build of something else proves nothing of them. They are named, and ended when the
 * person said so; what they have answered by then stays, and is charged.
 */
export async function settleSurplus(
  session: GraphSession,
  report: WalkReport,
  cancel: boolean,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  if (report.outcome !== "up-to-date" || signal.aborted) return;
  const stands = (output: string) => report.standings.has(output as TargetName);
  const tasks = new Set(session.config.tasks.flatMap((task) => (stands(task.output) ? [task.task_name] : [])));
  const surplus = session.answers.jobs().filter((job) => job.mark === "waiting" && tasks.has(job.task ?? ""));
  if (surplus.length === 0) return;
  const [batches, it] = surplus.length === 1 ? ["1 batch is", "it"] : [`${surplus.length} batches are`, "them"];
  const tell = (message: string) => emit({ type: "notice", level: "info", code: "surplus", message });
  if (!cancel) {
    tell(
      `${batches} still under way and not needed any more: \`dsgen status\` takes in what comes, \`--cancel-surplus\` ends ${it}`,
    );
    return;
  }
  const ids = surplus.map((job) => job.jobId);
  for (const { problem } of await session.answers.cancel(ids, signal))
    if (problem !== null) emit({ type: "problem", problem });
  await session.answers.poll(signal);
  await writeViews(session, emit);
  tell(`${batches} not needed any more and ${surplus.length === 1 ? "was" : "were"} told to end`);
}
