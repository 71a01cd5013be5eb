import type { Pipeline, Project, TaskConfig } from "../src/index.ts";
import { datasetTarget } from "./dataset.ts";
import { exportTargets } from "./exports.ts";
import { manifestTarget } from "./manifest.ts";
import { outputTarget } from "./outputs.ts";
import { reportTargets } from "./report.ts";
import { batchMetadata, requestTarget } from "./requests.ts";
import { shardTarget } from "./shards.ts";
import { sourcesTarget } from "./sources.ts";

/** The pipeline: for every task, from its prompt to its dataset; and a page to look at. */
const pipeline: Pipeline<Project> = (project) => ({
  targets: [
    ...project.tasks.flatMap((task) => [
      ...indexes(task).map((i) => requestTarget(task, i)),
      ...indexes(task).map((i) => outputTarget(task, i)),
      ...indexes(task).map((i) => shardTarget(task, i)),
      datasetTarget(task, project),
      sourcesTarget(task, project),
      manifestTarget(task, project),
      ...exportTargets(task, project),
    ]),
    ...reportTargets(project),
  ],
  live: project.tasks.map((task) => batchMetadata(task, indexes(task))),
});

export default pipeline;

/** The batches a task may buy at most; which of them it does is decided by what the earlier ones yield. */
function indexes(task: TaskConfig): number[] {
  return Array.from({ length: task.max_batches }, (_, i) => i);
}
