import {
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

/** `requests/T/request_batch{i}.jsonl`: made from the task's prompt, model and sampling, and from nothing that comes later. */
export function requestTarget(task: TaskConfig, i: number): Target {
  const { description, role, model, sampling, scenarios_per_request, pair, examples, generation_instructions } = task;
  const prompt = {
    description,
    ...(role === undefined ? {} : { role }),
    model,
    sampling,
    scenarios_per_request,
    pair,
    examples,
    generation_instructions,
  };
  const range = { task: task.task_name, first: i * task.requests_per_batch, count: task.requests_per_batch };
  return target({
    name: requestFile(task, i),
    recipe: recipe("dsgen/recipes/render-requests"),
    stage: "requests",
    task: task.task_name,
    inputs: {
      prompt: value(prompt, `tasks/${task.task_name}`),
      range: value(range, `tasks/${task.task_name}.requests_per_batch`),
    },
    evaluateInPlan: true,
  });
}

/** `requests/T/batch_metadata.json`: where the task's batches stand. Building it submits what is unanswered. */
export function batchMetadata(task: TaskConfig, indexes: readonly number[]): LiveTarget {
  return {
    name: name(`requests/${task.task_name}/batch_metadata.json`),
    view: "batch-metadata",
    task: task.task_name,
    stage: "batches",
    requests: indexes.slice(0, task.batches).map((i) => requestFile(task, i)),
  };
}
