import { z } from "zod";

/** The keys of `sampling`, which are also those of a model's `takes`. */
export const SAMPLING_KEYS = [
  "temperature",
  "top_p",
  "max_tokens",
  "max_completion_tokens",
  "reasoning_effort",
  "seed",
  "response_format",
] as const;

export type SamplingKey = (typeof SAMPLING_KEYS)[number];

const tokenLimit = () => z.int().min(1).max(1_000_000).optional();

export const samplingSchema = z
  .strictObject({
    temperature: z
      .number()
      .min(0)
      .max(2)
      .optional()
      .meta({
        description: "How freely the model words its answers; left to the provider when absent.",
        examples: [0.8],
      }),
    top_p: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .meta({
        description: "Nucleus sampling; left to the provider when absent.",
        examples: [1],
      }),
    max_tokens: tokenLimit().meta({
      description:
        "Most tokens in one answer. An answer cut off here is kept and counted, and never bought again unasked. With neither this nor `max_completion_tokens`, what a request costs at most is unknown.",
      examples: [2048],
    }),
    max_completion_tokens: tokenLimit().meta({
      description: "The same for models that reason, their reasoning counted in; they refuse `max_tokens`.",
      examples: [8192],
    }),
    reasoning_effort: z
      .enum(["none", "minimal", "low", "medium", "high", "xhigh"])
      .optional()
      .meta({
        description: "How much a reasoning model thinks before it answers; left to the provider when absent.",
        examples: ["low"],
      }),
    seed: z
      .int()
      .optional()
      .meta({
        description:
          "The provider's sampling seed for the first request, counted up by one a request; not sent when absent.",
        examples: [1],
      }),
    response_format: z.enum(["json_object", "text"]).default("json_object").meta({
      description: "`json_object` has the provider hold the answer to JSON.",
    }),
  })
  .meta({
    description:
      "How answers are drawn. Every key may be left out; which ones a model refuses is under `takes` in models.yaml. Part of every request: changing any of it means new requests, which are paid for.",
  });
