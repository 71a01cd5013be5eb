import type { z } from "zod";
import type { Kind } from "./kinds.ts";
import { namedOnce } from "./rules.ts";
import type { Parts } from "./schema-task.ts";

/** The keys of a pair, unless the task names its own. */
export const PAIR_DEFAULTS = { first: "safe", second: "harmful" };

/** A task file of `kind: pairs`. */
export const pairsSchema = (parts: Parts) => {
  const { z, key, word } = parts;
  const pair = z.strictObject({
    first: key(word().default(PAIR_DEFAULTS.first), "The key of the prompt."),
    second: key(word().default(PAIR_DEFAULTS.second), "The key of its counterfactual."),
  });
  const template = key(
    z.strictObject({
      prefix: key(z.string(), "What comes before the sentence. May be empty, but must be written.", [
        "",
        "Answer with Yes or No.\n",
      ]),
      suffix: key(z.string(), "What comes after the sentence and its full stop. May be empty, but must be written.", [
        "",
        "\nAnswer: ",
      ]),
    }),
    "The text around a sentence: a row's text is prefix + sentence + `.` + suffix.",
  );
  return z.strictObject({
    ...parts.named,
    kind: z.literal("pairs").default("pairs"),
    ...parts.asked,
    ...parts.amounts,
    pair: key(
      pair.prefault({}),
      "The two keys under which a pair's texts are asked for, answered and given in `examples`.",
    ),
    templates: key(
      parts.wordMap(template),
      "The variants of a scenario, by name. Each gives two rows, of type `<name>_prompt` and `<name>_counterfactual`, in the order of the file.",
      [{ plain: { prefix: "", suffix: "" } }],
      {
        "x-expected": "a map of template names",
        "x-key": "name",
        "x-default": "required with `kind: pairs`",
        minProperties: 1,
      },
    ),
    ...parts.prompt,
    tokenizers: key(
      parts.texts(),
      "Names in tokenizers.yaml. A pair is valid only if it passes under all of them.",
      [["qwen", "llama", "solar"]],
      { "x-default": "required with `kind: pairs`" },
    ),
    ...parts.judged,
    ...parts.buying,
    ...parts.limits,
  });
};

export type PairsTask = z.output<ReturnType<typeof pairsSchema>>;

export const pairs: Kind<PairsTask> = {
  name: "pairs",
  all: "both",
  ofTokens: true,
  needs: ["examples"],
  whose: "`pair`",
  keys({ pair }) {
    return pair?.first === undefined || pair.second === undefined ? undefined : [pair.first, pair.second];
  },
  rules({ pair, templates, tokenizers }, rule) {
    if (pair?.first !== undefined && pair.first === pair.second) {
      const message = `\`pair.first\` and \`pair.second\` must be two different keys; found ${pair.first} for both.`;
      rule.report(["pair"], message, "Rename one of them.");
    }
    if (templates !== undefined && Object.keys(templates).length === 0) {
      const fix = 'Add one, for example `plain: { prefix: "", suffix: "" }`.';
      rule.report(["templates"], "must have one or more templates; found an empty map.", fix);
    }
    namedOnce("tokenizers", tokenizers, "tokenizer", rule);
  },
  own({ pair, templates, tokenizers }) {
    return {
      pair,
      fields: [pair.first, pair.second],
      rows: [],
      // In one fixed order, whatever the file's: what the hash does not see must not be seen by anyone.
      templates: Object.fromEntries(Object.entries(templates).sort(([a], [b]) => (a < b ? -1 : 1))),
      template_order: Object.keys(templates),
      tokenizers,
    };
  },
};
