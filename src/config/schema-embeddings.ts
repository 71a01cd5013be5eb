import type { z } from "zod";
import type { Kind } from "./kinds.ts";
import { PAIR_DEFAULTS } from "./schema-pairs.ts";
import type { Parts } from "./schema-task.ts";

/** A task file of `kind: embeddings`: there is no prompt, and nothing is drawn, measured or bought beyond one a text. */
export const embeddingsSchema = (parts: Parts) => {
  const { z, key } = parts;
  return z
    .strictObject({
      ...parts.named,
      kind: z.literal("embeddings"),
      ...parts.model,
      inputs: key(
        z.strictObject({
          file: key(
            parts.projectFile("data/sentences.txt"),
            "A path from the project root to a text file with one text a line. Empty lines are passed over, and of equal lines the first is taken.",
            ["data/sentences.txt"],
          ),
        }),
        "The texts that are embedded (`kind: embeddings`).",
        [{ file: "data/sentences.txt" }],
        { "x-default": "required with `kind: embeddings`" },
      ),
      inputs_per_request: key(
        parts.count(2048).optional(),
        "Texts that one request sends (`kind: embeddings`). Embeddings that were asked for otherwise grouped are other requests, and paid for again.",
        [100],
        { "x-default": "1" },
      ),
      dimensions: key(
        parts.count(1_000_000).optional(),
        "Numbers in one embedding (`kind: embeddings`), for models that can shorten theirs.",
        [256],
        { "x-default": "the model's own" },
      ),
      batches: parts.batches,
      requests_per_batch: parts.requests_per_batch,
      ...parts.judged,
      ...parts.limits,
    })
    .meta({ "x-leaves-out": "which embeds every text of `inputs` once" });
};

export type EmbeddingsTask = z.output<ReturnType<typeof embeddingsSchema>>;

/** The one text of an entry that is embedded, as checks and `dedupe` name it. */
const EMBEDDED_FIELDS: readonly string[] = ["text"];

export const embeddings: Kind<EmbeddingsTask> = {
  name: "embeddings",
  all: "all",
  ofTokens: false,
  needs: [],
  whose: "`fields`",
  keys: () => EMBEDDED_FIELDS,
  rules: () => undefined,
  own({ inputs, inputs_per_request = 1, dimensions = null }) {
    return {
      pair: PAIR_DEFAULTS,
      fields: EMBEDDED_FIELDS,
      rows: [],
      templates: {},
      template_order: [],
      tokenizers: [],
      embedding: { file: inputs.file, inputs_per_request, dimensions },
    };
  },
};
