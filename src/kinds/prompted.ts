import type { TaskConfig } from "../config/project-config.ts";
import { file, glob, value } from "../graph/declare.ts";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { Inputs } from "./kind.ts";

/*
 * What kinds with a prompt share.
 */

const OF_PROMPT = [
  "kind",
  "description",
  "role",
  "prompt",
  "model",
  "endpoint",
  "sampling",
  "scenarios_per_request",
  "fields",
  "examples",
  "generation_instructions",
  "response_schema",
] as const satisfies readonly (keyof TaskConfig)[];

/** The part of a task that its prompt is made from. What the task does not say is left out. */
export function promptOf(task: TaskConfig): JsonObject {
  return Object.fromEntries(
    OF_PROMPT.flatMap((key): [string, JsonValue][] => (task[key] === undefined ? [] : [[key, task[key]]])),
  );
}

/** What request files are made from. The prompt and the axes stand apart so that a change of either is named as such. */
export function promptInputs(task: TaskConfig): Inputs {
  const at = `tasks/${task.task_name}`;
  if (task.requests_from !== undefined) {
    return { source: value({ kind: "files" }, at), requests_from: glob(...task.requests_from) };
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
