import { made, name, type Target, type TargetName, type TaskConfig, target } from "../src/index.ts";
import { requestFile } from "./requests.ts";

export function outputFile(task: TaskConfig, i: number): TargetName {
  return name(`${task.folders.batch_outputs}/output_batch${i}.jsonl`);
}

/** Which batch each answer came from, a line a request. */
export function sourcesFile(task: TaskConfig, i: number): TargetName {
  return name(`${task.folders.batch_outputs}/output_batch${i}.sources.jsonl`);
}

/** `batch_outputs/T/output_batch{i}.jsonl`: every request of the file answered, in request order. */
export function outputTarget(task: TaskConfig, i: number): Target {
  const requests = requestFile(task, i);
  return target({
    name: outputFile(task, i),
    outputs: [outputFile(task, i), sourcesFile(task, i)],
    recipe: "dsgen/recipes/collect-answers",
    stage: "answers",
    task: task.task_name,
    inputs: { requests: made(requests) },
    gate: { kind: "answers", requests },
    pool: "io",
  });
}
