import { count, dollars, key, someText, z } from "./schema-parts.ts";
import { SAMPLING_KEYS, type SamplingKey } from "./schema-sampling.ts";

const taken = () =>
  key(
    z.union([z.literal(false), z.array(z.union([z.string(), z.number()])).min(1)]).optional(),
    "false, or the only values that the model takes.",
    [false],
    { "x-expected": "false, or a list of the values that are taken", "x-default": "no claim" },
  );

const takes = Object.fromEntries(SAMPLING_KEYS.map((name) => [name, taken()])) as Record<
  SamplingKey,
  ReturnType<typeof taken>
>;

const limit = () => count().nullable().default(null);

const modelSchema = key(
  z.strictObject({
    input_usd_per_mtok: key(dollars(), "US dollars per million input tokens.", [2.5]),
    cached_input_usd_per_mtok: key(
      dollars().nullable().default(null),
      "US dollars per million cached input tokens; null: as other input.",
      [1.25],
    ),
    output_usd_per_mtok: key(dollars(), "US dollars per million output tokens.", [10]),
    batch_discount: key(
      z.number().min(0).max(1).default(0.5),
      "The share of all of these that the Batch API takes off: 0.5 is half price.",
    ),
    encoding: key(
      z.enum(["o200k_base"]).nullable().default(null),
      "How the model counts tokens; null is not known, and then what a request costs is unknown before it is answered.",
      ["o200k_base"],
    ),
    enqueued_token_limit: key(
      limit(),
      "Tokens your account may have enqueued in batches of this model; null is learned from the provider's refusals.",
      [90_000],
    ),
    context_window: key(
      limit(),
      "Tokens that a request and its answer may hold together: what an answer can cost at most when its request sets no bound.",
      [128_000],
    ),
    takes: key(
      z.strictObject(takes).prefault({}),
      "What the model takes of a task's `sampling`: false for a key that the provider refuses with this model, or the only values it takes. Nothing is claimed of a key that is not here. A task that goes against it is refused before anything is sent.",
      [{ max_tokens: false, temperature: [1] }],
    ),
  }),
  "One model's list prices and limits, and what it takes.",
);

/** `config/models.yaml`. */
export const modelsSchema = z
  .strictObject({
    models: key(
      z.record(someText(), modelSchema),
      "By the name that a task's `model` gives. A model without an entry has an unknown price, never zero.",
      [{ "gpt-4o": { input_usd_per_mtok: 2.5, output_usd_per_mtok: 10 } }],
      { "x-expected": "a map of model names", "x-key": "model" },
    ),
  })
  .meta({ title: "Models dsgen knows", description: "Prices, limits and what a model takes: `config/models.yaml`." });

/**
 * The checked models. What they take is held against the tasks as they are written, and left out here: prices are in action
 * keys, and a claim more must not make a manifest again.
 */
export function modelsOf({ models }: z.output<typeof modelsSchema>) {
  return Object.fromEntries(Object.entries(models).map(([name, { takes: _, ...model }]) => [name, model]));
}
