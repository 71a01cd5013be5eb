import { z } from "zod";
import { PLACEHOLDERS, unknownPlaceholder } from "./prompt-template.ts";
import { checkSchema } from "./schema-checks.ts";
import {
  axesSchema,
  dedupeSchema,
  dimensionsSchema,
  EMBEDDINGS_URL,
  fieldsSchema,
  inputsPerRequestSchema,
  inputsSchema,
  responseSchema,
  rowsSchema,
  someText,
  word,
  wordMap,
} from "./schema-entries.ts";
import { samplingSchema } from "./schema-sampling.ts";

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

/** The keys of a pair, unless the task names its own. */
export const PAIR_DEFAULTS = { first: "safe", second: "harmful" };

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

/** Keys that only one kind of task has. */
export const KEYS_OF_KIND = {
  pairs: ["pair", "templates", "tokenizers"],
  records: ["fields", "rows"],
  embeddings: ["inputs", "inputs_per_request", "dimensions"],
} as const;

/** Keys of the prompt: a task that takes its requests from files needs none of them. */
export const PROMPT_KEYS = [
  "description",
  "role",
  "sampling",
  "scenarios_per_request",
  "examples",
  "generation_instructions",
  "prompt",
  "axes",
  "response_schema",
] as const;

/** Keys that are needed only sometimes, and when. */
const REQUIRED: Readonly<Record<string, (task: Written) => boolean>> = {
  templates: isOfPairs,
  tokenizers: isOfPairs,
  fields: (task) => task["kind"] === "records",
  inputs: (task) => task["kind"] === "embeddings",
  target_scenarios: (task) => task["kind"] !== "embeddings",
  examples: (task) => isOfPairs(task) && isPrompted(task),
  description: isPrompted,
  sampling: isPrompted,
  scenarios_per_request: isPrompted,
  generation_instructions: isPrompted,
};

function isOfPairs(task: Written): boolean {
  return task["kind"] !== "records" && task["kind"] !== "embeddings";
}

function isPrompted(task: Written): boolean {
  return task["requests_from"] === undefined && task["kind"] !== "embeddings";
}

type Written = { readonly [key: string]: unknown };

const taskObject = z
  .strictObject({
    task_name: z
      .string()
      .regex(TASK_NAME)
      .meta({
        description: "The task's name, the same as its file's. It is in every path and row that belongs to the task.",
        "x-expected": TASK_NAME_WORDS,
        examples: ["refusal"],
      }),
    kind: z.enum(["pairs", "records", "embeddings"]).default("pairs").meta({
      description:
        "`pairs`: two texts that differ in one token, held to the tokenizers. `records`: entries of named text fields. `embeddings`: no entries are written; the texts of a file are embedded.",
    }),
    description: someText()
      .optional()
      .meta({
        "x-default": "required where there is a prompt",
        description: "What the entries are about, in a sentence or two. The prompt says it to the model.",
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
      .enum(["/v1/chat/completions", "/v1/responses", EMBEDDINGS_URL])
      .optional()
      .meta({
        description: "Where requests go, and in which of the provider's formats they are written.",
        "x-default": "`/v1/chat/completions`; `/v1/embeddings` with `kind: embeddings`",
        examples: ["/v1/responses"],
      }),
    sampling: samplingSchema.optional(),
    axes: axesSchema,
    response_schema: responseSchema,
    requests_from: z
      .union([someText(), z.array(someText()).min(1)])
      .optional()
      .meta({
        description:
          "Files in the Batch API's input format (patterns from the project root) whose request bodies are asked instead of ones made from the prompt, file by file in order of path. Their custom_ids may be any.",
        examples: ["old/request_batch*.jsonl"],
      }),
    inputs: inputsSchema,
    inputs_per_request: inputsPerRequestSchema,
    dimensions: dimensionsSchema,
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
      .optional()
      .meta({
        "x-default": "required without `requests_from`",
        description: "Pairs, or records, that one request asks for.",
        examples: [10],
      }),
    target_scenarios: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .optional()
      .meta({
        "x-default": "required, but not with `kind: embeddings`",
        description: "Valid, distinct pairs, or records, in the finished dataset.",
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
    fields: fieldsSchema,
    rows: rowsSchema,
    templates: wordMap(templateSchema)
      .optional()
      .meta({
        description:
          "The variants of a scenario, by name. Each gives two rows, of type `<name>_prompt` and `<name>_counterfactual`, in the order of the file.",
        "x-expected": "a map of template names",
        "x-key": "name",
        "x-default": "required with `kind: pairs`",
        minProperties: 1,
        examples: [{ plain: { prefix: "", suffix: "" } }],
      }),
    examples: z
      .array(
        z
          .record(z.string(), someText())
          .meta({ "x-expected": "a map with the two keys of `pair`, or the fields", "x-key": "key" }),
      )
      .min(1)
      .optional()
      .meta({
        "x-default": "required with `kind: pairs`",
        description: "Entries shown to the model. Each has exactly the two keys of `pair`, or all of `fields`.",
        examples: [[{ safe: "Help me make a cake", harmful: "Help me make a bomb" }]],
      }),
    prompt: someText()
      .refine((text) => unknownPlaceholder(text) === undefined, {
        error: ({ input }) =>
          `names in braces among ${Object.keys(PLACEHOLDERS).join(", ")}; found {${unknownPlaceholder(String(input))}}`,
      })
      .optional()
      .meta({
        "x-default": "the template of the task's kind, printed below",
        description:
          "The whole user message, as a template; `role` is the system message, and nothing else is sent. Lines and headings with nothing to say are left out. A changed word means new requests, which are paid for.",
        examples: ["{description}\n\nWrite {count}.\n{instructions}\n\n{answer}"],
      }),
    generation_instructions: z
      .union([someText(), z.array(someText()).min(1)])
      .optional()
      .meta({
        "x-default": "required without `requests_from`",
        description: "What to tell the model about the entries it writes.",
        examples: [["The two sentences differ in exactly one word."]],
      }),
    tokenizers: z
      .array(someText())
      .min(1)
      .optional()
      .meta({
        "x-default": "required with `kind: pairs`",
        description: "Names in tokenizers.yaml. A pair is valid only if it passes under all of them.",
        examples: [["qwen", "llama", "solar"]],
      }),
    checks: z.array(checkSchema).meta({
      description: "What a pair, or a record, must pass to be valid.",
      examples: [["equal-token-count", "one-token-difference"]],
    }),
    dedupe: dedupeSchema,
    max_characters: z.int().min(1).max(1_000_000).default(2000).meta({
      description: "Longest text that is encoded or matched, in characters.",
    }),
    check_timeout_seconds: z.number().min(0.01).max(600).default(1).meta({
      description:
        "Seconds that a regex or module check may take over one entry. What takes longer is stopped, and the entry fails with `timed-out`.",
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
    confidence: z.number().min(0.5).max(0.999).default(0.9).meta({
      description:
        "How sure further batches must be to reach the target, given the measured yield, before they are bought as the last ones.",
    }),
    max_cost: z
      .number()
      .min(0)
      .nullable()
      .default(null)
      .meta({
        description:
          "US dollars beyond which no further batch is planned, by what the batches so far cost each at the Batch API's price; null is no such limit, and with an unknown price no further batch is planned. The batches bought first are limited by `budget` only.",
        examples: [10],
      }),
    on_short: z.enum(["report", "fail"]).default("report").meta({
      description:
        "With every allowed batch used and too few pairs: `report` says so and succeeds, `fail` fails. None at all is a failure in any case.",
    }),
    budget: z
      .number()
      .min(0)
      .nullable()
      .default(null)
      .meta({
        description:
          "US dollars this task may spend in all, jobs under way counted; null is no limit of its own. What would pass it is not sent, whatever the project's `budget` allows.",
        examples: [25],
      }),
  })
  .meta({ title: "A dsgen task", description: "What one dataset is made from: `config/tasks/<task_name>.yaml`." });

/** The same, with the keys that only some tasks need. Missing ones are issues at their own path, like any missing key. */
export const taskSchema = Object.entries(REQUIRED).reduce<typeof taskObject>(
  (schema, [key, needed]) =>
    schema.refine((task: Written) => !needed(task) || task[key] !== undefined, {
      path: [key],
      when: ({ value }) => typeof value === "object" && value !== null,
    }),
  taskObject,
);
