import { count, key, whole, z } from "./schema-parts.ts";

const tokens = () => count(1_000_000).optional();

export const samplingSchema = key(
  z.strictObject({
    temperature: key(
      z.number().min(0).max(2).optional(),
      "How freely the model words its answers; left to the provider when absent.",
      [0.8],
    ),
    top_p: key(z.number().gt(0).max(1).optional(), "Nucleus sampling; left to the provider when absent.", [1]),
    max_tokens: key(
      tokens(),
      "Most tokens in one answer. An answer cut off here is kept and counted, and never bought again unasked. With neither this nor `max_completion_tokens`, what a request costs at most is unknown.",
      [2048],
    ),
    max_completion_tokens: key(
      tokens(),
      "The same for models that reason, their reasoning counted in; they refuse `max_tokens`.",
      [8192],
    ),
    reasoning_effort: key(
      z.enum(["none", "minimal", "low", "medium", "high", "xhigh"]).optional(),
      "How much a reasoning model thinks before it answers; left to the provider when absent.",
      ["low"],
    ),
    seed: key(
      whole().optional(),
      "The provider's sampling seed for the first request, counted up by one a request; not sent when absent.",
      [1],
    ),
    response_format: key(
      z.enum(["json_object", "text"]).default("json_object"),
      "`json_object` has the provider hold the answer to JSON.",
    ),
  }),
  "How answers are drawn. Every key may be left out; which ones a model refuses is under `takes` in models.yaml. Part of every request: changing any of it means new requests, which are paid for.",
);

/** The keys of `sampling`, which are also those of a model's `takes`. */
export type SamplingKey = keyof typeof samplingSchema.shape;

export const SAMPLING_KEYS = Object.keys(samplingSchema.shape) as readonly SamplingKey[];
