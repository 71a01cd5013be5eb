import { customId, type RequestId, requestId } from "../api/request-file.ts";
import type { AxisConfig } from "../config/project-config.ts";
import { defineRecipe, type RecipeContext } from "../engine/recipe.ts";
import type { JsonObject } from "../graph/json.ts";
import { type Problem, ProblemError } from "../graph/problem.ts";
import { unreachable } from "../graph/result.ts";
import { type Axis, axisOfFile, combination, timesBefore } from "../tasks/axes.ts";
import { type EmbeddingTask, embeddingBody, readTexts, requestCount } from "../tasks/embeddings.ts";
import { GivenRequests } from "../tasks/given-requests.ts";
import { type PromptTask, requestBody } from "../tasks/prompt.ts";

/** What a request file is cut from: which of the task's requests it holds. */
export type RequestRange = {
  readonly task: string;
  readonly first: number;
  readonly count: number;
};

/** Where a task's requests come from: rendered from its prompt, or taken from files. */
export type RequestSource =
  /** Rendered from the inputs `prompt` and `axes`, which stand apart so that a change of either is named as such. */
  | { readonly kind: "prompt" }
  | { readonly kind: "files" }
  /** The texts of the input `inputs`; `requests` is how many the task's request files can hold. */
  | { readonly kind: "inputs"; readonly embedding: EmbeddingTask; readonly requests: number };

/**
 * Renders requests, one Batch API line each, and for a task with axes, beside them, which values each took. Ids count
 * identical bodies over the whole task, so that cutting the task into other files changes no id.
 */
export default defineRecipe(async (context) => {
  const range = context.value<RequestRange>("range");
  const source = context.value<RequestSource>("source");
  switch (source.kind) {
    case "prompt":
      return await render(
        context,
        range,
        context.value<PromptTask>("prompt"),
        context.value<readonly AxisConfig[]>("axes"),
      );
    case "files":
      return await take(context, range);
    case "inputs":
      return await embed(context, range, source.embedding, source.requests);
    default:
      return unreachable(source);
  }
});

async function render(
  context: RecipeContext,
  { task, first, count }: RequestRange,
  prompt: PromptTask,
  configs: readonly AxisConfig[],
): Promise<void> {
  const axes = await axesOf(context, configs);
  const requests = context.output(0);
  const chosen = axes.length === 0 ? undefined : context.output(1);
  for (let n = first; n < first + count; n++) {
    const values = combination(axes, n);
    const body = requestBody(prompt, n, values);
    // A seed counts up with n, so that no body comes twice.
    const sample = prompt.sampling.seed === undefined ? timesBefore(axes, n) : 0;
    const id = requestId(prompt.endpoint, body, sample);
    await requests.write(requestLine(task, id, prompt.endpoint, body));
    await chosen?.write(`${JSON.stringify({ request_id: id, axes: values })}\n`);
  }
  context.note({ requests: count });
}

async function axesOf(context: RecipeContext, configs: readonly AxisConfig[]): Promise<readonly Axis[]> {
  const axes: Axis[] = [];
  for (const config of configs) {
    if ("values" in config) {
      axes.push(config);
      continue;
    }
    const file = context.file(`axis ${config.axis}`);
    axes.push(axisOfFile(config.axis, file.name, (await file.text()).split("\n")));
  }
  return axes;
}

/** The requests of the given files that fall into the range; all of them are read, since samples are counted over all. */
async function take(context: RecipeContext, { task, first, count }: RequestRange): Promise<void> {
  const out = context.output(0);
  const given = new GivenRequests();
  let n = 0;
  for (const file of context.files("requests_from")) {
    let line = 0;
    for await (const text of file.lines()) {
      line++;
      const request = given.read(text);
      if (!request.ok) {
        throw new ProblemError({
          kind: "config",
          where: `${file.name}:${line}`,
          message: `not a request in the Batch API's input format: ${request.error}.`,
          fix: "Correct the file, or the task's `requests_from`.",
        });
      }
      if (request.value === undefined) continue;
      if (n >= first && n < first + count) {
        await out.write(requestLine(task, request.value.id, request.value.url, request.value.body));
      }
      n++;
    }
  }
  if (n === 0) {
    throw new ProblemError({
      kind: "config",
      where: `tasks/${task}.requests_from`,
      message: "its patterns must match files that hold requests; found none.",
      fix: "Correct the patterns: they are paths from the project root.",
    });
  }
  context.note({ requests: Math.max(0, Math.min(n - first, count)), given: n });
}

/** The requests that embed the texts of a file. No two texts are equal, so every request is the first of its body. */
async function embed(
  context: RecipeContext,
  { task, first, count }: RequestRange,
  embedding: EmbeddingTask,
  most: number,
): Promise<void> {
  const file = context.file("inputs");
  const texts = readTexts(await file.text());
  const needed = requestCount(texts.length, embedding);
  if (needed === 0 || needed > most) throw new ProblemError(wrongCount(file.name, task, texts.length, needed, most));
  const out = context.output(0);
  const end = Math.min(first + count, needed);
  for (let n = first; n < end; n++) {
    const body = embeddingBody(embedding, texts, n);
    await out.write(requestLine(task, requestId(embedding.endpoint, body, 0), embedding.endpoint, body));
  }
  context.note({ requests: Math.max(0, end - first), texts: texts.length });
}

function wrongCount(where: string, task: string, texts: number, needed: number, most: number): Problem {
  if (texts === 0) {
    return {
      kind: "config",
      where,
      message: `the task ${task} needs one text a line; found none.`,
      fix: "Correct the file, or the task's `inputs`.",
    };
  }
  return {
    kind: "config",
    where,
    message: `the task ${task} has room for ${most} requests in its batches; found ${texts} texts, which are ${needed}.`,
    fix: "Raise batches, requests_per_batch or inputs_per_request, or shorten the file.",
  };
}

function requestLine(task: string, id: RequestId, url: string, body: JsonObject): string {
  return `${JSON.stringify({ custom_id: customId(task, id), method: "POST", url, body })}\n`;
}
