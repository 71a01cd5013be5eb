import { isEndpoint, type RequestId, requestId } from "../api/request-file.ts";
import type { AxisConfig } from "../config/project-config.ts";
import type { RecipeContext } from "../engine/recipe.ts";
import { canonicalJson, isJsonObject, type JsonObject } from "../graph/json.ts";
import { ProblemError } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { type Axis, type AxisValues, axisOfFile, combination, timesBefore } from "./axes.ts";
import { firstAltered } from "./exact-numbers.ts";
import { type PromptTask, type PromptWords, requestBody } from "./prompt.ts";

/*
 * The requests of a task with a prompt: rendered, or taken from files in the Batch API's input format, as other tools write
 * them. The custom_ids of those mean nothing here: a request is what it asks, and the n-th identical body is sample n.
 */

/** Which of the task's requests a request file holds. */
export type RequestRange = {
  readonly task: string;
  readonly first: number;
  readonly count: number;
};

/** A request, and the values of the axes that it took, for tasks with axes. */
export interface AskedRequest extends GivenRequest {
  readonly axes?: AxisValues;
}

/** Ids count identical bodies over the whole task, so that cutting the task into other files changes no id. */
export async function* renderedRequests(
  context: RecipeContext,
  range: RequestRange,
  words: PromptWords,
): AsyncGenerator<AskedRequest, JsonObject> {
  if (context.value<{ kind: "prompt" | "files" }>("source").kind === "files")
    return yield* givenRequests(context, range);
  const task = context.value<PromptTask>("prompt");
  const axes = await axesOf(context, context.value<readonly AxisConfig[]>("axes"));
  const { first, count } = range;
  for (let n = first; n < first + count; n++) {
    const values = combination(axes, n);
    const body = requestBody(task, words, n, values);
    // A seed counts up with n, so that no body comes twice.
    const sample = task.sampling.seed === undefined ? timesBefore(axes, n) : 0;
    const request = { id: requestId(task.endpoint, body, sample), url: task.endpoint, body };
    yield axes.length === 0 ? request : { ...request, axes: values };
  }
  return { requests: count };
}

async function axesOf(context: RecipeContext, configs: readonly AxisConfig[]): Promise<readonly Axis[]> {
  const axes: Axis[] = [];
  for (const config of configs) {
    if ("values" in config) {
      axes.push(config);
      continue;
    }
    const values = context.file(`axis ${config.axis}`);
    axes.push(axisOfFile(config.axis, values.name, (await values.text()).split("\n")));
  }
  return axes;
}

/** The requests of the given files that fall into the range; all of them are read, since samples are counted over all. */
async function* givenRequests(
  context: RecipeContext,
  { task, first, count }: RequestRange,
): AsyncGenerator<AskedRequest, JsonObject> {
  const given = new GivenRequests();
  let n = 0;
  for (const from of context.files("requests_from")) {
    let line = 0;
    for await (const text of from.lines()) {
      line++;
      const request = given.read(text);
      if (!request.ok) {
        throw new ProblemError({
          kind: "config",
          where: `${from.name}:${line}`,
          message: `not a request in the Batch API's input format: ${request.error}.`,
          fix: "Correct the file, or the task's `requests_from`.",
        });
      }
      if (request.value === undefined) continue;
      if (n >= first && n < first + count) yield request.value;
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
  return { requests: Math.max(0, Math.min(n - first, count)), given: n };
}

export interface GivenRequest {
  readonly id: RequestId;
  readonly url: string;
  readonly body: JsonObject;
}

/** Reads request after request and counts how often each body came. */
export class GivenRequests {
  readonly #seen = new Map<string, number>();

  /** The request of one line; undefined for an empty one. The error says what was expected and found. */
  read(line: string): Result<GivenRequest | undefined, string> {
    if (line.trim() === "") return ok(undefined);
    let parsed: unknown;
    try {
      parsed = JSON.parse(line.replace(/^\uFEFF/, ""));
    } catch {
      return err(`expected a JSON object, found ${JSON.stringify(line.slice(0, 60))}`);
    }
    if (!isJsonObject(parsed)) return err("expected a JSON object, found another value");
    const { method, url, body } = parsed;
    if (method !== "POST") return err(`"method" must be "POST", found ${JSON.stringify(method ?? null)}`);
    if (!isEndpoint(url)) {
      return err(`"url" must be an endpoint of the Batch API, found ${JSON.stringify(url ?? null)}`);
    }
    if (!isJsonObject(body)) return err('"body" must be an object');
    if (typeof body["model"] !== "string") return err('"body" must name a "model"');
    // Sent, it would ask something else than the file does, and two requests could become one.
    const altered = firstAltered(line);
    if (altered !== undefined) {
      return err(
        `the number ${altered.slice(0, 40)} cannot be sent as it is written: it is beyond 2^53; give a smaller one`,
      );
    }
    const canonical = canonicalOf(body);
    if (canonical === undefined) return err("it is nested too deep");
    const key = `${url}\n${canonical}`;
    const sample = this.#seen.get(key) ?? 0;
    this.#seen.set(key, sample + 1);
    return ok({ id: requestId(url, body, sample), url, body });
  }
}

/** Undefined when it nests deeper than this process can follow. */
function canonicalOf(body: JsonObject): string | undefined {
  try {
    return canonicalJson(body);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
