import { z } from "zod";

/*
 * The parts of a task file that say what an entry is (a pair, or a record of named fields) and what makes requests differ.
 */

/** What may be a key of a pair, a field, an axis, and the name of a template. */
export const PAIR_KEY = /^[A-Za-z][A-Za-z0-9_]*$/;

/** A text that says something. */
export const someText = () => z.string().regex(/\S/).meta({ "x-expected": "a text that is not empty" });

export const word = () =>
  z.string().regex(PAIR_KEY).meta({ "x-expected": "a word of letters, digits or `_`, beginning with a letter" });

/** A map whose keys are words; `x-key` is how the reference page writes such a key. */
export const wordMap = <S extends z.ZodType>(value: S) =>
  z.record(
    z.string().regex(PAIR_KEY).meta({ "x-expected": "a word of letters, digits or `_`, beginning with a letter" }),
    value,
  );

/** A map of anything that YAML can say and JSON too. */
const anyMap = () => z.record(z.string(), z.json());

export const axesSchema = wordMap(
  z.union([
    z.array(someText()).min(1),
    z.strictObject({
      file: someText().meta({ description: "A path from the project root.", examples: ["data/topics.txt"] }),
    }),
  ]),
)
  .optional()
  .meta({
    description:
      "What makes requests differ: for each axis its values, or `file`, a text file with one value a line. Every request takes one combination, in an order in which each prefix uses all values of an axis equally often; the combination is in the prompt and in the manifest.",
    "x-expected": "a map of axis names",
    "x-key": "axis",
    examples: [{ topic: ["cooking", "travel"] }],
  });

export const fieldsSchema = z
  .array(word())
  .min(1)
  .optional()
  .meta({
    description: "The fields of a record, each a text (`kind: records`).",
    "x-default": "required with `kind: records`",
    examples: [["question", "answer"]],
  });

export const rowsSchema = z
  .array(anyMap().meta({ "x-expected": "a map of keys and values" }))
  .min(1)
  .optional()
  .meta({
    description:
      "The rows of a record, as maps (`kind: records`). `{field}`, `{record_id}` and `{task}` inside a text stand for their values; `{{` and `}}` are braces.",
    "x-default": "one row of record_id, task and every field",
    examples: [[{ id: "{record_id}", text: "{question}" }]],
  });

export const responseSchema = anyMap()
  .optional()
  .meta({
    description:
      "A JSON Schema that the provider holds every answer to (strict structured outputs), and that entries are held to when they are read. It needs a list of entries, `additionalProperties: false` and every property under `required`.",
    "x-expected": "a JSON Schema",
    examples: [{ type: "object" }],
  });

/** Where embeddings are asked for. */
export const EMBEDDINGS_URL = "/v1/embeddings";

/** The one text of an entry that is embedded, as checks and `dedupe` name it. */
export const EMBEDDED_FIELDS: readonly string[] = ["text"];

export const inputsSchema = z
  .strictObject({
    file: someText().meta({
      description:
        "A path from the project root to a text file with one text a line. Empty lines are passed over, and of equal lines the first is taken.",
      examples: ["data/sentences.txt"],
    }),
  })
  .optional()
  .meta({
    description: "The texts that are embedded (`kind: embeddings`).",
    "x-default": "required with `kind: embeddings`",
    examples: [{ file: "data/sentences.txt" }],
  });

export const inputsPerRequestSchema = z
  .int()
  .min(1)
  .max(2048)
  .optional()
  .meta({
    description:
      "Texts that one request sends (`kind: embeddings`). Embeddings that were asked for otherwise grouped are other requests, and paid for again.",
    "x-default": "1",
    examples: [100],
  });

export const dimensionsSchema = z
  .int()
  .min(1)
  .max(1_000_000)
  .optional()
  .meta({
    description: "Numbers in one embedding (`kind: embeddings`), for models that can shorten theirs.",
    "x-default": "the model's own",
    examples: [256],
  });

export const dedupeSchema = z
  .strictObject({
    by: z.enum(["exact", "normalised", "near"]).default("exact").meta({
      description:
        "`exact` compares texts as they are, `normalised` without regard to case, punctuation and white space; `near` also takes texts for the same that share most of their character sequences.",
    }),
    threshold: z
      .number()
      .min(0.3)
      .max(1)
      .optional()
      .meta({
        description:
          "With `by: near`: the share of four-character sequences in common (Jaccard) from which two entries are the same.",
        "x-default": "0.8",
        examples: [0.8],
      }),
    fields: z
      .array(word())
      .min(1)
      .optional()
      .meta({
        description: "The fields, or keys of the pair, that are compared.",
        "x-default": "all of them",
        examples: [["question"]],
      }),
  })
  .prefault({})
  .meta({ description: "When two entries count as the same; over all shards, the first in shard order is kept." });
