import type { KindSchema } from "../../config/kind-schema.ts";
import { namedOnce } from "../../config/rules.ts";
import { promptedRules } from "../../config/rules-task.ts";
import { key, texts, word, wordMap, z } from "../../config/schema-parts.ts";
import { amounts, asked, buying, judged, limits, named, prompt } from "../../config/schema-task.ts";
import { PAIR_DEFAULTS, promptedOf } from "../../config/task-config.ts";

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
const schema = z.strictObject({
  ...named(z.literal("pairs").default("pairs")),
  ...asked,
  ...amounts,
  pair: key(
    pair.prefault({}),
    "The two keys under which a pair's texts are asked for, answered and given in `examples`.",
  ),
  templates: key(
    wordMap(template),
    "The variants of a scenario, by name. Each gives two rows, of type `<name>_prompt` and `<name>_counterfactual`, in the order of the file.",
    [{ plain: { prefix: "", suffix: "" } }],
    {
      "x-expected": "a map of template names",
      "x-key": "name",
      "x-default": "required with `kind: pairs`",
      minProperties: 1,
    },
  ),
  rows: key(
    z
      .strictObject({
        token_positions: key(
          z.boolean().default(false),
          "Whether each row has `token_positions` as well: under each tokenizer how many tokens its text has, and the position, from 0, of the one that differs. Only with the check `one-token-difference`, which says that there is one.",
        ),
      })
      .optional(),
    "What a row has beside its scenario, type, task and text (`kind: pairs`).",
    [{ token_positions: true }],
  ),
  ...prompt,
  tokenizers: key(
    texts(),
    "Names in tokenizers.yaml. A pair is valid only if it passes under all of them.",
    [["qwen", "llama", "solar"]],
    { "x-default": "required with `kind: pairs`" },
  ),
  ...judged,
  ...buying,
  ...limits,
});

const SETTING = { name: "pairs", all: "both", ofTokens: true, needs: ["examples"], whose: "`pair`" };

export const pairs: KindSchema<z.output<typeof schema>> = {
  name: "pairs",
  about: "two texts that differ in one token, held to the tokenizers",
  schema,
  rules(task, rule) {
    const { pair, templates, tokenizers, rows, checks } = task;
    const keys = pair?.first === undefined || pair.second === undefined ? undefined : [pair.first, pair.second];
    promptedRules(task, keys, SETTING, rule);
    if (pair?.first !== undefined && pair.first === pair.second) {
      const message = `\`pair.first\` and \`pair.second\` must be two different keys; found ${pair.first} for both.`;
      rule.report(["pair"], message, "Rename one of them.");
    }
    if (templates !== undefined && Object.keys(templates).length === 0) {
      const fix = 'Add one, for example `plain: { prefix: "", suffix: "" }`.';
      rule.report(["templates"], "must have one or more templates; found an empty map.", fix);
    }
    namedOnce("tokenizers", tokenizers, "tokenizer", rule);
    // A check that is wrong in itself may have been meant to be that one.
    const lacking = checks?.every((one) => one !== undefined && one.check !== "one-token-difference");
    if (rows?.token_positions === true && lacking === true) {
      const message = "must go with the check `one-token-difference`, by which there is one such position; found none.";
      rule.report(["rows", "token_positions"], message, "Add the check, or remove `token_positions`.", { key: true });
    }
  },
  own(task) {
    const { pair, templates, tokenizers, rows } = task;
    const fields = [pair.first, pair.second];
    return {
      ...promptedOf(task, fields),
      pair,
      fields,
      // In one fixed order, whatever the file's: what the hash does not see must not be seen by anyone.
      templates: Object.fromEntries(Object.entries(templates).sort(([a], [b]) => (a < b ? -1 : 1))),
      template_order: Object.keys(templates),
      tokenizers,
      ...(rows?.token_positions === true ? { token_positions: true } : {}),
    };
  },
};
