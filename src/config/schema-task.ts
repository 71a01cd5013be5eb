import { z } from "zod";

/*
 * `config/tasks/<task>.yaml`, as written. Every key carries what the reference page and an editor show (`description`),
 * and a value that error messages offer (`examples` or the default). `x-expected` words a pattern for people;
 * `x-default` words a default that hangs on other values.
 */

/** Short enough to leave room for a request id in `custom_id`. */
const TASK_NAME = /^[a-z0-9][a-z0-9_-]{0,29}$/;

/** First words of a `--set` key that name a file rather than a task. */
export const RESERVED_NAMES: readonly string[] = ["dsgen", "models", "tokenizers", "tasks"];

/** Whether a task, and so its file, may be called so. */
export function isTaskName(name: string): boolean {
  return TASK_NAME.test(name) && !RESERVED_NAMES.includes(name);
}

export const TASK_NAME_WORDS = "a name of 1 to 30 small letters, digits, `_` or `-`, beginning with a letter or digit";

/** What may be a key of a pair, and the name of a template. */
export const PAIR_KEY = /^[A-Za-z][A-Za-z0-9_]*$/;

/** The keys of a pair, unless the task names its own. */
export const PAIR_DEFAULTS = { first: "safe", second: "harmful" };

/** A text that says something. */
export const someText = () => z.string().regex(/\S/).meta({ "x-expected": "a text that is not empty" });

const word = () =>
  z.string().regex(PAIR_KEY).meta({ "x-expected": "a word of letters, digits or `_`, beginning with a letter" });

const templateSchema = z
  .strictObject({
    prefix: z.string().meta({
      description: "What comes before the sentence. May be empty, but must be written.",
      examples: ["", "Answer with Yes or No.\n"],
    }),
    suffix: z.string().meta({
      description: "What comes after the sentence and its full stop. May be empty, but must be written.",
      examples: ["", "\nAnswer: "],
    }),
  })
  .meta({ description: "The text around a sentence: a row's text is prefix + sentence + `.` + suffix." });

const samplingSchema = z
  .strictObject({
    temperature: z
      .number()
      .min(0)
      .max(2)
      .meta({ description: "How freely the model words its answers.", examples: [0.8] }),
    top_p: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .meta({
        description: "Nucleus sampling; left to the provider when absent.",
        examples: [1],
      }),
    max_tokens: z
      .int()
      .min(1)
      .max(1_000_000)
      .meta({
        description:
          "Most tokens in one answer. An answer cut off here is kept and counted, and never bought again unasked.",
        examples: [2048],
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
      "How answers are drawn. Part of every request: changing any of it means new requests, which are paid for.",
  });

const checkSchema = z
  .union([
    someText(),
    z.looseObject({
      check: someText().meta({ description: "The check's name.", examples: ["length"] }),
    }),
  ])
  .meta({
    description: "A check's name, or a map of `check: <name>` and the check's own parameters.",
    "x-expected": "a check's name, or a map with `check: <name>` and its parameters",
    examples: ["equal-token-count"],
  });

export const taskSchema = z
  .strictObject({
    task_name: z
      .string()
      .regex(TASK_NAME)
      .meta({
        description: "The task's name, the same as its file's. It is in every path and row that belongs to the task.",
        "x-expected": TASK_NAME_WORDS,
        examples: ["refusal"],
      }),
    description: someText().meta({
      description: "What the pairs are about, in a sentence or two. The prompt says it to the model.",
      examples: ["Requests that differ in one word, one harmless and one not."],
    }),
    role: someText()
      .optional()
      .meta({
        description: "The system message; none is sent when absent.",
        examples: ["You write minimal pairs for interpretability research."],
      }),
    model: someText().meta({
      description: "The model that is asked. Its prices are in models.yaml; without an entry there, cost is unknown.",
      examples: ["gpt-4o"],
    }),
    endpoint: z
      .enum(["/v1/chat/completions"])
      .default("/v1/chat/completions")
      .meta({ description: "Where requests go." }),
    sampling: samplingSchema,
    batches: z
      .int()
      .min(1)
      .max(100_000)
      .meta({ description: "Request files to make, one batch job each.", examples: [10] }),
    max_batches: z
      .int()
      .min(1)
      .max(100_000)
      .optional()
      .meta({
        description:
          "Most request files that may be made. Those after `batches` are bought only while the dataset is short of its target, as many as the measured yield calls for.",
        "x-default": "`batches`",
        examples: [20],
      }),
    requests_per_batch: z
      .int()
      .min(1)
      .max(1_000_000)
      .meta({ description: "Requests in one request file.", examples: [50] }),
    scenarios_per_request: z
      .int()
      .min(1)
      .max(1_000)
      .meta({
        description: "Pairs that one request asks for.",
        examples: [10],
      }),
    target_scenarios: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .meta({
        description: "Valid, distinct pairs in the finished dataset.",
        examples: [1500],
      }),
    pair: z
      .strictObject({
        first: word().default(PAIR_DEFAULTS.first).meta({ description: "The key of the prompt." }),
        second: word().default(PAIR_DEFAULTS.second).meta({ description: "The key of its counterfactual." }),
      })
      .prefault({})
      .meta({
        description: "The two keys under which a pair's texts are asked for, answered and given in `examples`.",
      }),
    templates: z
      .record(
        z.string().regex(PAIR_KEY).meta({
          "x-expected": "a word of letters, digits or `_`, beginning with a letter",
        }),
        templateSchema,
      )
      .meta({
        description:
          "The variants of a scenario, by name. Each gives two rows, of type `<name>_prompt` and `<name>_counterfactual`, in the order of the file.",
        "x-expected": "a map of template names",
        "x-key": "name",
        minProperties: 1,
        examples: [{ plain: { prefix: "", suffix: "" } }],
      }),
    examples: z
      .array(
        z
          .record(z.string(), someText())
          .meta({ "x-expected": "a map with the two keys of `pair`", "x-key": "pair key" }),
      )
      .min(1)
      .meta({
        description: "Pairs shown to the model. Each has exactly the two keys of `pair`.",
        examples: [[{ safe: "Help me make a cake", harmful: "Help me make a bomb" }]],
      }),
    generation_instructions: z.union([someText(), z.array(someText()).min(1)]).meta({
      description: "What to tell the model about the pairs it writes.",
      examples: [["The two sentences differ in exactly one word."]],
    }),
    tokenizers: z
      .array(someText())
      .min(1)
      .meta({
        description: "Names in tokenizers.yaml. A pair is valid only if it passes under all of them.",
        examples: [["qwen", "llama", "solar"]],
      }),
    checks: z.array(checkSchema).meta({
      description: "What a pair must pass to be valid.",
      examples: [["equal-token-count", "one-token-difference"]],
    }),
    dedupe: z
      .strictObject({
        by: z.enum(["exact", "normalised"]).default("exact").meta({
          description:
            "`exact` compares texts as they are, `normalised` without regard to case, punctuation and white space.",
        }),
      })
      .prefault({})
      .meta({ description: "When two pairs count as the same; only the first is kept." }),
    max_characters: z.int().min(1).max(1_000_000).default(2000).meta({
      description: "Longest sentence a pair may hold, in characters.",
    }),
    output: z
      .string()
      .optional()
      .meta({
        description: "The dataset's file, by its path from the project root, ending in `.jsonl`.",
        "x-default": "`<task_name>.jsonl`",
        examples: ["dataset.jsonl"],
      }),
    strategy: z.enum(["fixed", "adaptive"]).default("fixed").meta({
      description:
        "`fixed` buys `batches`; `adaptive` begins with `pilot_batches` and buys what the measured yield calls for.",
    }),
    pilot_batches: z.int().min(1).max(100_000).default(1).meta({
      description: "Batches that `strategy: adaptive` buys before it knows the yield.",
    }),
    on_short: z.enum(["report", "fail"]).default("report").meta({
      description: "With every allowed batch used and too few pairs: `report` says so and succeeds, `fail` fails.",
    }),
    budget: z
      .number()
      .min(0)
      .nullable()
      .default(null)
      .meta({
        description: "US dollars this task may spend; null is no limit of its own.",
        examples: [25],
      }),
  })
  .meta({ title: "A dsgen task", description: "What one dataset is made from: `config/tasks/<task_name>.yaml`." });
