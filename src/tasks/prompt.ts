import type { SamplingConfig, TaskConfig } from "../config/project-config.ts";
import { fillTemplate } from "../config/prompt-template.ts";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import { unreachable } from "../graph/result.ts";
import type { AxisValues } from "./axes.ts";

/** All of a task that its requests are made from. A change of anything else in the task buys nothing. */
export type PromptTask = Pick<
  TaskConfig,
  | "description"
  | "prompt"
  | "role"
  | "model"
  | "scenarios_per_request"
  | "fields"
  | "examples"
  | "generation_instructions"
  | "response_schema"
> & {
  readonly kind: string;
  readonly endpoint: Exclude<TaskConfig["endpoint"], "/v1/embeddings">;
  readonly sampling: SamplingConfig;
};

/** How a kind asks: what one entry is called, and the template of a task that has none of its own. */
export type PromptWords = { readonly noun: string; readonly template: string };

/**
 * The body of the task's n-th request (counted over all its request files), keys always in the same order. Without axes,
 * bodies are alike for every n, and the request id tells samples apart; a configured `seed` is counted up by n, since one
 * seed for all would ask for the same answer every time.
 */
export function requestBody(task: PromptTask, words: PromptWords, n: number, axes: AxisValues = {}): JsonObject {
  const { temperature, top_p, max_tokens, max_completion_tokens, reasoning_effort, seed } = task.sampling;
  const prompt = promptText(task, words, axes);
  const format = answerFormat(task);
  switch (task.endpoint) {
    case "/v1/chat/completions":
      return {
        model: task.model,
        messages: [
          ...(task.role === undefined ? [] : [{ role: "system", content: task.role }]),
          { role: "user", content: prompt },
        ],
        ...given({
          temperature,
          top_p,
          max_tokens,
          max_completion_tokens,
          reasoning_effort,
          seed: seed === undefined ? undefined : seed + n,
          response_format: format === undefined ? undefined : chatFormat(format),
        }),
      };
    case "/v1/responses":
      return {
        model: task.model,
        ...(task.role === undefined ? {} : { instructions: task.role }),
        input: prompt,
        ...given({
          temperature,
          top_p,
          max_output_tokens: max_tokens ?? max_completion_tokens,
          reasoning: reasoning_effort === undefined ? undefined : { effort: reasoning_effort },
          text: format === undefined ? undefined : { format },
        }),
      };
    default:
      return unreachable(task.endpoint);
  }
}

/** What the task says; the rest is left out, not sent as null. The order stays: request ids hang on the bytes. */
function given(members: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const said = Object.entries(members).filter((member): member is [string, JsonValue] => member[1] !== undefined);
  return Object.fromEntries(said);
}

type AnswerFormat =
  | { readonly type: "json_object" }
  | { readonly type: "json_schema"; readonly name: string; readonly strict: true; readonly schema: JsonValue };

/** How the provider is to hold the answer to its shape, in the spelling of the Responses API. */
function answerFormat(task: PromptTask): AnswerFormat | undefined {
  if (task.response_schema !== undefined) {
    return { type: "json_schema", name: task.kind, strict: true, schema: JSON.parse(task.response_schema) };
  }
  return task.sampling.response_format === "text" ? undefined : { type: "json_object" };
}

/** The same in the spelling of Chat Completions, which nests a schema once more. */
function chatFormat(format: AnswerFormat): JsonObject {
  if (format.type === "json_object") return format;
  const { type, ...schema } = format;
  return { type, json_schema: schema };
}

/** The user message: the task's template, or that of its kind, filled. */
export function promptText(task: PromptTask, words: PromptWords, axes: AxisValues = {}): string {
  const [first = "", second = ""] = task.fields;
  const instructions = task.generation_instructions.map((instruction) => instruction.trim());
  return fillTemplate(task.prompt ?? words.template, {
    description: task.description.trim(),
    count: counted(task.scenarios_per_request, words.noun),
    first: JSON.stringify(first),
    second: JSON.stringify(second),
    fields: task.fields.map((field) => JSON.stringify(field)).join(", "),
    instructions: listed(instructions.filter((instruction) => instruction !== "")),
    examples: task.examples.map((example) => exampleLine(example, task.fields)).join("\n"),
    axes: listed(Object.entries(axes).map(([axis, value]) => `${axis}: ${value}`)),
    answer: answerText(task),
  });
}

function answerText(task: PromptTask): string {
  if (task.response_schema !== undefined)
    return "Answer with one JSON object that follows the given schema, and nothing else.";
  const entries = task.scenarios_per_request === 1 ? "1 entry" : `${task.scenarios_per_request} entries`;
  return `Answer with one JSON object and nothing else, in this shape, with exactly ${entries} in "${task.kind}":\n${shapeOf(task)}`;
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

function listed(texts: readonly string[]): string {
  return texts.map((text) => `- ${text}`).join("\n");
}

function shapeOf({ kind, fields, scenarios_per_request }: PromptTask): string {
  const members = fields.map((field) => `${JSON.stringify(field)}: "..."`).join(", ");
  return `{"${kind}": [{${members}}${scenarios_per_request === 1 ? "" : ", ..."}]}`;
}

function exampleLine(example: Readonly<Record<string, string>>, fields: readonly string[]): string {
  const members = fields.map((field) => `${JSON.stringify(field)}: ${JSON.stringify(example[field] ?? "")}`);
  return `{${members.join(", ")}}`;
}
