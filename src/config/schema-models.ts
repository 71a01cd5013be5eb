import { z } from "zod";
import { someText } from "./schema-entries.ts";
import { SAMPLING_KEYS, type SamplingKey } from "./schema-sampling.ts";

const price = () => z.number().min(0);

function takenKeys() {
  const taken = () =>
    z
      .union([z.literal(false), z.array(z.union([z.string(), z.number()])).min(1)])
      .optional()
      .meta({
        description: "false, or the only values that the model takes.",
        "x-expected": "false, or a list of the values that are taken",
        "x-default": "no claim",
        examples: [false],
      });
  return Object.fromEntries(SAMPLING_KEYS.map((key) => [key, taken()])) as Record<
    SamplingKey,
    ReturnType<typeof taken>
  >;
}

const modelSchema = z
  .strictObject({
    input_usd_per_mtok: price().meta({ description: "US dollars per million input tokens.", examples: [2.5] }),
    cached_input_usd_per_mtok: price()
      .nullable()
      .default(null)
      .meta({
        description: "US dollars per million cached input tokens; null: as other input.",
        examples: [1.25],
      }),
    output_usd_per_mtok: price().meta({ description: "US dollars per million output tokens.", examples: [10] }),
    batch_discount: z.number().min(0).max(1).default(0.5).meta({
      description: "The share of all of these that the Batch API takes off: 0.5 is half price.",
    }),
    encoding: z
      .enum(["o200k_base"])
      .nullable()
      .default(null)
      .meta({
        description:
          "How the model counts tokens; null is not known, and then what a request costs is unknown before it is answered.",
        examples: ["o200k_base"],
      }),
    enqueued_token_limit: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta({
        description:
          "Tokens your account may have enqueued in batches of this model; null is learned from the provider's refusals.",
        examples: [90_000],
      }),
    context_window: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta({
        description:
          "Tokens that a request and its answer may hold together: what an answer can cost at most when its request sets no bound.",
        examples: [128_000],
      }),
    takes: z
      .strictObject(takenKeys())
      .prefault({})
      .meta({
        description:
          "What the model takes of a task's `sampling`: false for a key that the provider refuses with this model, or the only values it takes. Nothing is claimed of a key that is not here. A task that goes against it is refused before anything is sent.",
        examples: [{ max_tokens: false, temperature: [1] }],
      }),
  })
  .meta({ description: "One model's list prices and limits, and what it takes." });

/** `config/models.yaml`, as written. */
export const modelsSchema = z
  .strictObject({
    models: z.record(someText(), modelSchema).meta({
      description:
        "By the name that a task's `model` gives. A model without an entry has an unknown price, never zero.",
      "x-expected": "a map of model names",
      "x-key": "model",
      examples: [{ "gpt-4o": { input_usd_per_mtok: 2.5, output_usd_per_mtok: 10 } }],
    }),
  })
  .meta({ title: "Models dsgen knows", description: "Prices, limits and what a model takes: `config/models.yaml`." });
