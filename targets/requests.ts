import {
  kindOf,
  type LiveTarget,
  name,
  type Target,
  type TargetName,
  type TaskConfig,
  target,
  value,
} from "../src/index.ts";

export function requestFile(task: TaskConfig, i: number): TargetName {
  return name(`${task.folders.requests}/request_batch${i}.jsonl`);
}

/** Which values of the axes each request took: a line a request. Tasks without axes have no such files. */
export function axesFiles(task: TaskConfig, i: number): readonly TargetName[] {
  return axesOf(task).length === 0 ? [] : [name(`${task.folders.requests}/request_batch${i}.axes.jsonl`)];
}

/** The axes by which the task's requests differ; requests from files say themselves what they ask. */
export function axesOf(task: TaskConfig): readonly string[] {
  return task.requests_from === undefined ? task.axes.map(({ axis }) => axis) : [];
}

/** `requests/T/request_batch{i}.jsonl`: made from what the task asks, and from nothing that comes later. */
export function requestTarget(task: TaskConfig, i: number): Target {
  const range = { task: task.task_name, first: i * task.requests_per_batch, count: task.requests_per_batch };
  return target({
    name: requestFile(task, i),
    outputs: [requestFile(task, i), ...axesFiles(task, i)],
    recipe: "dsgen/recipes/render-requests",
    stage: "requests",
    task: task.task_name,
    inputs: {
      kind: value(task.kind, `tasks/${task.task_name}.kind`),
      ...kindOf(task).inputs.requests(task),
      range: value(range, `tasks/${task.task_name}.requests_per_batch`),
    },
    evaluateInPlan: true,
  });
}

/** How many batches are bought before anything is known of their yield. */
export function firstBatches(task: TaskConfig): number {
  return task.strategy === "adaptive" ? Math.min(task.pilot_batches, task.max_batches) : task.batches;
}

/** `requests/T/batch_metadata.json`: where the task's batches stand. Building it submits what is unanswered. */
export function batchMetadata(task: TaskConfig, indexes: readonly number[]): LiveTarget {
  return {
    name: name(`${task.folders.requests}/batch_metadata.json`),
    view: "batch-metadata",
    task: task.task_name,
    stage: "batches",
    requests: indexes.slice(0, firstBatches(task)).map((i) => requestFile(task, i)),
  };
}
