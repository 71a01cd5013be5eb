import type { TaskConfig } from "../config/project-config.ts";
import type { RecipeContext } from "../engine/recipe.ts";
import { file, glob, value } from "../graph/declare.ts";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { EntryShape } from "../tasks/parse.ts";
import type { PromptWords } from "../tasks/prompt.ts";
import type { AskedRequest, RequestRange } from "../tasks/requests.ts";
import type { Inputs, ShardReader } from "./kind.ts";

/*
 * What kinds with a prompt share. Every invocation loads the kinds, and few render or read: what those need is loaded then.
 */

/** The part of a task that its prompt is made from. What the task does not say is left out. */
export function promptOf(task: TaskConfig): JsonObject {
  const { kind, description, role, prompt, model, endpoint, sampling, scenarios_per_request, fields } = task;
  const { examples, generation_instructions, response_schema } = task;
  const asked: Record<string, JsonValue | undefined> = {
    kind,
    description,
    role,
    prompt,
    model,
    endpoint,
    sampling,
    scenarios_per_request,
    fields,
    examples,
    generation_instructions,
    response_schema,
  };
  return Object.fromEntries(Object.entries(asked).flatMap(([key, one]) => (one === undefined ? [] : [[key, one]])));
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

/** The requests of such a task: rendered from its prompt and axes, or taken from files. */
export async function* promptRequests(
  context: RecipeContext,
  range: RequestRange,
  words: PromptWords,
): AsyncGenerator<AskedRequest, JsonObject> {
  const { renderedRequests } = await import("../tasks/requests.ts");
  return yield* renderedRequests(context, range, words);
}

/** How the answers to a task's prompt are read; zod is loaded for tasks with a `response_schema` only. */
export async function answerReader(context: RecipeContext, shape: EntryShape): Promise<ShardReader["read"]> {
  const { parseAnswer } = await import("../tasks/parse.ts");
  const schema = context.value<string | null>("response_schema");
  if (schema === null) return ({ answer }) => parseAnswer(answer.spoken, shape);
  const { entryFits } = await import("../tasks/response-schema.ts");
  const fits = entryFits(schema);
  return ({ answer }) => parseAnswer(answer.spoken, { ...shape, fits });
}
