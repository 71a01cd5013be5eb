import {
  file,
  glob,
  type Input,
  type LiveTarget,
  name,
  recipe,
  type Target,
  type TargetName,
  type TaskConfig,
  target,
  value,
} from "../src/index.ts";

export function requestFile(task: TaskConfig, i: number): TargetName {
  return name(`requests/${task.task_name}/request_batch${i}.jsonl`);
}

/** Which values of the axes each request took: a line a request. Tasks without axes have no such files. */
export function axesFile(task: TaskConfig, i: number): TargetName | undefined {
  if (task.axes.length === 0 || task.requests_from !== undefined) return undefined;
  return name(`requests/${task.task_name}/request_batch${i}.axes.jsonl`);
}

/** `requests/T/request_batch{i}.jsonl`: made from the task's prompt, model and sampling, and from nothing that comes later. */
export function requestTarget(task: TaskConfig, i: number): Target {
  const requests = requestFile(task, i);
  const axes = axesFile(task, i);
  const range = { task: task.task_name, first: i * task.requests_per_batch, count: task.requests_per_batch };
  return target({
    name: requests,
    outputs: axes === undefined ? [requests] : [requests, axes],
    recipe: recipe("dsgen/recipes/render-requests"),
    stage: "requests",
    task: task.task_name,
    inputs: { ...sourceOf(task), range: value(range, `tasks/${task.task_name}.requests_per_batch`) },
    evaluateInPlan: true,
  });
}

/** What requests are made from: the prompt and the axes, files of requests, or a file of texts to embed. */
function sourceOf(task: TaskConfig): Record<string, Input> {
  const at = `tasks/${task.task_name}`;
  if (task.requests_from !== undefined) {
    return { source: value({ kind: "files" }, at), requests_from: glob(...task.requests_from) };
  }
  if (task.embedding !== undefined) {
    const { file: texts, ...how } = task.embedding;
    const embedding = { model: task.model, endpoint: task.endpoint, ...how };
    const requests = task.batches * task.requests_per_batch;
    return { source: value({ kind: "inputs", embedding, requests }, at), inputs: file(texts) };
  }
  const axisFiles = task.axes.flatMap((axis) =>
    "file" in axis ? [[`axis ${axis.axis}`, file(axis.file)] as const] : [],
  );
  return {
    source: value({ kind: "prompt" }, at),
    prompt: value(promptOf(task), at),
    axes: value(task.axes, `${at}.axes`),
    ...Object.fromEntries(axisFiles),
  };
}

/** The part of a task that its prompt is made from. */
export function promptOf(task: TaskConfig) {
  const { kind, description, role, prompt, model, endpoint, sampling, scenarios_per_request, fields } = task;
  const { examples, generation_instructions, response_schema } = task;
  return {
    kind,
    description,
    ...(role === undefined ? {} : { role }),
    ...(prompt === undefined ? {} : { prompt }),
    model,
    endpoint,
    sampling,
    scenarios_per_request,
    fields,
    examples,
    generation_instructions,
    ...(response_schema === undefined ? {} : { response_schema }),
  };
}

/** How many batches are bought before anything is known of their yield. */
export function firstBatches(task: TaskConfig): number {
  return task.strategy === "adaptive" ? Math.min(task.pilot_batches, task.max_batches) : task.batches;
}

/** `requests/T/batch_metadata.json`: where the task's batches stand. Building it submits what is unanswered. */
export function batchMetadata(task: TaskConfig, indexes: readonly number[]): LiveTarget {
  return {
    name: name(`requests/${task.task_name}/batch_metadata.json`),
    view: "batch-metadata",
    task: task.task_name,
    stage: "batches",
    requests: indexes.slice(0, firstBatches(task)).map((i) => requestFile(task, i)),
  };
}
