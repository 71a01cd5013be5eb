import { DEFAULT_PROMPTS } from "../config/prompt-template.ts";
import { value } from "../graph/declare.ts";
import { pairOfTexts } from "../tasks/candidate.ts";
import { tokenizer } from "../tokenizers/tool.ts";
import { textOf, type Variant } from "../tokenizers/variant.ts";
import type { Kind } from "./kind.ts";
import { promptInputs, promptOf } from "./prompted.ts";

/** Pairs of texts that differ in exactly one token, under every tokenizer and in every template. */
export const pairs: Kind = {
  name: "pairs",
  words: { made: "pairs generated", entries: "scenarios", rows: "prompts" },
  member: "pair",
  namesAt: "pair",
  inputs: {
    requests: promptInputs,
    shard: (task) => ({
      response_schema: value(task.response_schema ?? null, `tasks/${task.task_name}.response_schema`),
      templates: value(templatesOf(task), `tasks/${task.task_name}.templates`),
      tokenizers: value(task.tokenizers, `tasks/${task.task_name}.tokenizers`),
      ...Object.fromEntries(task.tokenizers.map((of) => [`tokenizer ${of}`, tokenizer(of)])),
    }),
    dataset: (task) => ({ templates: value(templatesOf(task), `tasks/${task.task_name}.templates`) }),
  },
  asked: promptOf,
  requests: (context, range, rendered) => rendered(context, range, { noun: "pair", template: DEFAULT_PROMPTS.pairs }),
  reader: async (context, { fields }, answers) => ({
    read: await answers(context, { fields, trim: trimText }),
    variants: context.value<readonly Variant[]>("templates"),
    tokenizers: context.value<readonly string[]>("tokenizers"),
  }),
  file: {
    name: "dataset",
    is: "a dataset",
    unit: "scenario",
    has: (line) => "scenario_id" in line && "text" in line,
    entry: (line, _at, { word }) => `${word(line["task"])} scenario ${word(line["scenario_id"])}`,
    count: (line, _text, count, { word }) => count(word(line["type"])),
    fields: (line, { text }) => [[text(line["type"]), text(line["text"])]],
  },
  textNames: () => ["first", "second"],
  wanted: async (context) => context.value<number>("target_scenarios"),
  rows: (context, task) => {
    const variants = context.value<readonly Variant[]>("templates");
    return (id, { texts }) => pairRows(id, task, texts, variants);
  },
};

/** A list, because a record's hash does not see the order of its keys, and the order decides the order of rows. */
function templatesOf(task: Parameters<Kind["asked"]>[0]): readonly { name: string; prefix: string; suffix: string }[] {
  return task.template_order.map((name) => ({
    name,
    prefix: task.templates[name]?.prefix ?? "",
    suffix: task.templates[name]?.suffix ?? "",
  }));
}

/**
 * A text as every later step sees it. White space around it goes, and so does exactly one final full stop with the white
 * space before it, since templates add one: "Help me make a cake. " and "Help me make a cake" are one text, while "Wait..."
 * keeps two of its stops and gets the third back. Nothing else of the spelling changes.
 */
export function trimText(text: string): string {
  const trimmed = text.trim();
  return trimmed.endsWith(".") ? trimmed.slice(0, -1).trimEnd() : trimmed;
}

/** A scenario's rows: for each template in order, its prompt and its counterfactual. `tasks/rows.ts` reads them back. */
export function pairRows(id: number, task: string, texts: readonly string[], variants: readonly Variant[]): string {
  const { first, second } = pairOfTexts(texts);
  const row = (type: string, text: string) =>
    `{"scenario_id": ${id}, "type": ${JSON.stringify(type)}, "task": ${JSON.stringify(task)}, "text": ${JSON.stringify(text)}}\n`;
  return variants
    .map(
      (variant) =>
        row(`${variant.name}_prompt`, textOf(variant, first)) +
        row(`${variant.name}_counterfactual`, textOf(variant, second)),
    )
    .join("");
}
