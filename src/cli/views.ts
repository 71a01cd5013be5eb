import { writeView } from "../engine/build.ts";
import type { Emit } from "../events/schema.ts";
import type { JobsSession } from "./session.ts";

/**
 * Writes the views of the batch jobs anew. A project whose graph cannot be read is looked after all the same: its jobs are
 * in the journal, and only the views of them stay as they were, which is said.
 */
export async function writeViews(session: JobsSession, emit: Emit): Promise<void> {
  const loaded = await session.loadGraph();
  if (loaded.ok) {
    const { graph } = loaded.value;
    for (const live of graph.live) writeView(session.projectRoot, live, graph, session.answers);
    return;
  }
  const [first] = loaded.error;
  const why = first === undefined ? "" : `: ${first.where}: ${first.message}`;
  emit({
    type: "notice",
    level: "warning",
    code: "views",
    message: `batch_metadata.json is left as it was, because the targets cannot be read${why}`,
  });
}
