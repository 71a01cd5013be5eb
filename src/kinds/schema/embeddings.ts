import type { KindSchema } from "../../config/kind-schema.ts";
import { entryRules } from "../../config/rules-task.ts";
import { count, key, projectFile, z } from "../../config/schema-parts.ts";
import { batches, EMBEDDINGS_URL, judged, limits, model, named, requests_per_batch } from "../../config/schema-task.ts";

/** There is no prompt, and nothing is drawn, measured or bought beyond one a text. */
const schema = z.strictObject({
  ...named(z.literal("embeddings")),
  ...model,
  inputs: key(
    z.strictObject({
      file: key(
        projectFile("data/sentences.txt"),
        "A path from the project root to a text file with one text a line. Empty lines are passed over, and of equal lines the first is taken.",
        ["data/sentences.txt"],
      ),
    }),
    "The texts that are embedded (`kind: embeddings`).",
    [{ file: "data/sentences.txt" }],
    { "x-default": "required with `kind: embeddings`" },
  ),
  inputs_per_request: key(
    count(2048).optional(),
    "Texts that one request sends (`kind: embeddings`). Embeddings that were asked for otherwise grouped are other requests, and paid for again.",
    [100],
    { "x-default": "1" },
  ),
  dimensions: key(
    count(1_000_000).optional(),
    "Numbers in one embedding (`kind: embeddings`), for models that can shorten theirs.",
    [256],
    { "x-default": "the model's own" },
  ),
  batches,
  requests_per_batch,
  ...judged,
  ...limits,
});

/** The one text of an entry that is embedded, as checks and `dedupe` name it. */
const FIELDS: readonly string[] = ["text"];

export const embeddings: KindSchema<z.output<typeof schema>> = {
  name: "embeddings",
  about: "no entries are written; the texts of a file are embedded",
  schema,
  leavesOut: "which embeds every text of `inputs` once",
  rules(task, rule) {
    if (task.endpoint !== undefined && task.endpoint !== EMBEDDINGS_URL) {
      const message = `must be ${EMBEDDINGS_URL} with \`kind: embeddings\`; found ${task.endpoint}.`;
      rule.report(["endpoint"], message, "Remove it: it is implied.");
    }
    entryRules(task, FIELDS, { name: "embeddings", all: "all", ofTokens: false }, rule);
  },
  own({ batches, requests_per_batch, inputs, inputs_per_request = 1, dimensions = null }) {
    return {
      fields: FIELDS,
      endpoint: EMBEDDINGS_URL,
      target_scenarios: batches * requests_per_batch * inputs_per_request,
      embedding: { file: inputs.file, inputs_per_request, dimensions },
    };
  },
};
