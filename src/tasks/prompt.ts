import type { SamplingConfig, TaskConfig } from "../config/project-config.ts";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import { unreachable } from "../graph/result.ts";
import type { AxisValues } from "./axes.ts";

/** All of a task that its requests are made from. A change of anything else in the task buys nothing. */
export type PromptTask = Pick<
  TaskConfig,
  | "description"
  | "role"
  | "model"
  | "scenarios_per_request"
  | "fields"
  | "examples"
  | "generation_instructions"
  | "response_schema"
> & {
  readonly kind: Exclude<TaskConfig["kind"], "embeddings">;
  readonly endpoint: Exclude<TaskConfig["endpoint"], "/v1/embeddings">;
  readonly sampling: SamplingConfig;
};

/**
 * The body of the task's n-th request (counted over all its request files), keys always in the same order. Without axes,
 * bodies are alike for every n, and the request id tells samples apart; a configured `seed` is counted up by n, since one
 * seed for all would ask for the same answer every time.
 */
export function requestBody(task: PromptTask, n: number, axes: AxisValues = {}): JsonObject {
  const { temperature, top_p, max_tokens, max_completion_tokens, reasoning_effort, seed } = task.sampling;
  const prompt = promptText(task, axes);
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

/**
 * The user message: what is wanted, how many, the rules of the task's kind, its own instructions, examples, this request's
 * axes, the answer's shape. The axes come late, so that requests begin alike and the provider's prompt cache serves them.
 */
export function promptText(task: PromptTask, axes: AxisValues = {}): string {
  const count = task.scenarios_per_request;
  const rules = [
    ...rulesOf(task),
    ...task.generation_instructions
      .map((instruction) => instruction.trim())
      .filter((instruction) => instruction !== ""),
  ];
  const chosen = Object.entries(axes);
  const sections = [
    task.description.trim(),
    wanted(task),
    `Rules:\n${rules.map((rule) => `- ${rule}`).join("\n")}`,
    ...(task.examples.length === 0
      ? []
      : [`Examples:\n${task.examples.map((example) => exampleLine(example, task.fields)).join("\n")}`]),
    ...(chosen.length === 0
      ? []
      : [`In this answer, keep to the following:\n${chosen.map(([axis, value]) => `- ${axis}: ${value}`).join("\n")}`]),
    task.response_schema === undefined
      ? `Answer with one JSON object and nothing else, in this shape, with exactly ${count === 1 ? "1 entry" : `${count} entries`} in "${task.kind}":\n${shapeOf(task)}`
      : "Answer with one JSON object that follows the given schema, and nothing else.",
  ];
  return sections.join("\n\n");
}

function wanted(task: PromptTask): string {
  const count = task.scenarios_per_request;
  const names = task.fields.map((field) => JSON.stringify(field));
  switch (task.kind) {
    case "pairs":
      return `Generate exactly ${count === 1 ? "1 pair" : `${count} pairs`} of texts. Each pair has a ${names[0]} text and a ${names[1]} text.`;
    case "records":
      return `Generate exactly ${count === 1 ? "1 record" : `${count} records`}. Each record has these fields, all of them texts: ${names.join(", ")}.`;
    default:
      return unreachable(task.kind);
  }
}

function rulesOf({ kind }: PromptTask): readonly string[] {
  switch (kind) {
    case "pairs":
      return [
        "The two texts of a pair are word for word the same, except that exactly one word of the first is replaced by one other word in the second.",
        "Both of these words are common and short, and a language model's tokenizer writes each of them as one single token. Prefer everyday words of one or two syllables; avoid rare words, names, numbers, compounds and hyphens.",
        "Add no word, leave none out, and keep spelling, punctuation and capitals the same in both texts.",
        "Write each text as one complete sentence without a full stop at its end.",
        "Make every pair of this answer different from the others and from the examples: vary subjects, verbs, wording and length.",
      ];
    case "records":
      return ["Make every record of this answer different from the others and from the examples."];
    default:
      return unreachable(kind);
  }
}

function shapeOf({ kind, fields, scenarios_per_request }: PromptTask): string {
  const members = fields.map((field) => `${JSON.stringify(field)}: "..."`).join(", ");
  return `{"${kind}": [{${members}}${scenarios_per_request === 1 ? "" : ", ..."}]}`;
}

function exampleLine(example: Readonly<Record<string, string>>, fields: readonly string[]): string {
  const members = fields.map((field) => `${JSON.stringify(field)}: ${JSON.stringify(example[field] ?? "")}`);
  return `{${members.join(", ")}}`;
}
