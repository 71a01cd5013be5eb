import type { TaskConfig } from "../config/project-config.ts";
import type { JsonObject } from "../graph/json.ts";

/** All of a task that its requests are made from. A change of anything else in the task buys nothing. */
export type PromptTask = Pick<
  TaskConfig,
  | "description"
  | "role"
  | "model"
  | "sampling"
  | "scenarios_per_request"
  | "pair"
  | "examples"
  | "generation_instructions"
>;

/**
 * The body of the task's n-th request (counted over all its request files): Chat Completions format, keys always in the
 * same order. Bodies are alike for every n, and the request id tells samples apart; only a configured `seed` is counted up
 * by n, since one seed for all would ask for the same answer every time.
 */
export function requestBody(task: PromptTask, n: number): JsonObject {
  const { temperature, top_p, max_tokens, seed, response_format } = task.sampling;
  return {
    model: task.model,
    messages: [
      ...(task.role === undefined ? [] : [{ role: "system", content: task.role }]),
      { role: "user", content: promptText(task) },
    ],
    temperature,
    ...(top_p === undefined ? {} : { top_p }),
    max_tokens,
    ...(seed === undefined ? {} : { seed: seed + n }),
    ...(response_format === "text" ? {} : { response_format: { type: response_format } }),
  };
}

/** The user message: what is wanted, how many, the one-token rule, the task's own instructions, examples, the answer's shape. */
export function promptText(task: PromptTask): string {
  const { first, second } = task.pair;
  const count = task.scenarios_per_request;
  const pairs = count === 1 ? "1 pair" : `${count} pairs`;
  const shape = `{"pairs": [{${JSON.stringify(first)}: "...", ${JSON.stringify(second)}: "..."}${count === 1 ? "" : ", ..."}]}`;
  const rules = [
    "The two texts of a pair are word for word the same, except that exactly one word of the first is replaced by one other word in the second.",
    "Both of these words are common and short, and a language model's tokenizer writes each of them as one single token. Prefer everyday words of one or two syllables; avoid rare words, names, numbers, compounds and hyphens.",
    "Add no word, leave none out, and keep spelling, punctuation and capitals the same in both texts.",
    "Write each text as one complete sentence without a full stop at its end.",
    "Make every pair of this answer different from the others and from the examples: vary subjects, verbs, wording and length.",
    ...task.generation_instructions
      .map((instruction) => instruction.trim())
      .filter((instruction) => instruction !== ""),
  ];
  const sections = [
    task.description.trim(),
    `Generate exactly ${pairs} of texts. Each pair has a ${JSON.stringify(first)} text and a ${JSON.stringify(second)} text.`,
    `Rules:\n${rules.map((rule) => `- ${rule}`).join("\n")}`,
    ...(task.examples.length === 0
      ? []
      : [`Examples:\n${task.examples.map((e) => exampleLine(e, task.pair)).join("\n")}`]),
    `Answer with one JSON object and nothing else, in this shape, with exactly ${count === 1 ? "1 entry" : `${count} entries`} in "pairs":\n${shape}`,
  ];
  return sections.join("\n\n");
}

function exampleLine(example: Readonly<Record<string, string>>, pair: PromptTask["pair"]): string {
  const member = (name: string) => `${JSON.stringify(name)}: ${JSON.stringify(example[name] ?? "")}`;
  return `{${member(pair.first)}, ${member(pair.second)}}`;
}
