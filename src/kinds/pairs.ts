import { DEFAULT_PROMPTS } from "../config/prompt-template.ts";
import type { RecipeContext } from "../engine/recipe.ts";
import { value } from "../graph/declare.ts";
import { pairOfTexts, type TokenEntry } from "../tasks/candidate.ts";
import { tokenizer } from "../tokenizers/tool.ts";
import { textOf, type Variant } from "../tokenizers/variant.ts";
import type { Kind } from "./kind.ts";
import { promptInputs, promptOf } from "./prompted.ts";

/** The input with the tokenizers under which rows say where they differ; not declared where rows say nothing of that. */
const POSITIONS = "token_positions";

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
    dataset: (task) => ({
      templates: value(templatesOf(task), `tasks/${task.task_name}.templates`),
      ...(task.token_positions === true
        ? { [POSITIONS]: value(task.tokenizers, `tasks/${task.task_name}.rows.token_positions`) }
        : {}),
    }),
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
  tellsTokens: (context) => tokenizersTold(context).length > 0,
  rows: (context, task) => {
    const variants = context.value<readonly Variant[]>("templates");
    const tokenizers = tokenizersTold(context);
    const rowsOf = pairRows(task, variants);
    if (tokenizers.length === 0) return (id, { texts }) => rowsOf(id, texts);
    return (id, { texts, tokens }) => rowsOf(id, texts, (variant) => positionsOf(tokens?.[variant], tokenizers));
  },
};

function tokenizersTold(context: RecipeContext): readonly string[] {
  return context.value<readonly string[]>(POSITIONS, []);
}

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

/**
 * Writes a scenario's rows: for each template in order, its prompt and its counterfactual. `tasks/rows.ts` reads them back.
 * `more` gives the members that a row has beside the four, spelled, each with a comma before it.
 */
export function pairRows(
  task: string,
  variants: readonly Variant[],
): (id: number, texts: readonly string[], more?: (variant: string) => string) => string {
  const templates = variants.map((variant) => {
    const [prompt, counterfactual] = ["prompt", "counterfactual"].map(
      (role) => `, "type": ${JSON.stringify(`${variant.name}_${role}`)}, "task": ${JSON.stringify(task)}, "text": `,
    );
    return { name: variant.name, prompt, counterfactual, spelled: speller(variant) };
  });
  return (id, texts, more = () => "") => {
    const { first, second } = pairOfTexts(texts);
    const [one, other] = [JSON.stringify(first), JSON.stringify(second)];
    const start = `{"scenario_id": ${id}`;
    let rows = "";
    for (const { name, prompt, counterfactual, spelled } of templates) {
      const end = `${more(name)}}\n`;
      rows += `${start}${prompt}${spelled(first, one)}${end}${start}${counterfactual}${spelled(second, other)}${end}`;
    }
    return rows;
  };
}

/**
 * Spells a template around a text. What JSON has spelled already is put between the template's ends, unless the first of them
 * ends in half a surrogate pair: that JSON spells by what comes after it.
 */
function speller(variant: Variant): (text: string, spelled: string) => string {
  if (/[\ud800-\udbff]$/.test(variant.prefix)) return (text) => JSON.stringify(textOf(variant, text));
  const prefix = JSON.stringify(variant.prefix).slice(0, -1);
  const suffix = JSON.stringify(textOf({ ...variant, prefix: "" }, "")).slice(1);
  return (_, spelled) => prefix + spelled.slice(1, -1) + suffix;
}

/** `, "token_positions": {"qwen": {"tokens": 19, "position": 7}}`, as Python's json.dumps spells it. */
function positionsOf(row: Readonly<Record<string, TokenEntry>> | undefined, tokenizers: readonly string[]): string {
  const each = tokenizers.map((tokenizer) => {
    const [tokens, others, different] = row?.[tokenizer] ?? [];
    // The check one-token-difference has passed: a valid line of a shard has equal counts, and one position.
    const position = different?.length === 1 && tokens === others ? different[0] : undefined;
    if (position === undefined) throw new Error(`a valid pair without its position under ${tokenizer}`);
    return `${JSON.stringify(tokenizer)}: {"tokens": ${tokens}, "position": ${position}}`;
  });
  return `, "token_positions": {${each.join(", ")}}`;
}
