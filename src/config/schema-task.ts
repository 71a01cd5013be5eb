import { PLACEHOLDERS, unknownPlaceholder } from "./prompt-template.ts";
import { checksSchema } from "./schema-checks.ts";
import { taskExecutor } from "./schema-executor.ts";
import { exportsSchema } from "./schema-exports.ts";
import { anyMap, count, dollars, key, projectFile, someText, texts, word, wordMap, z } from "./schema-parts.ts";
import { samplingSchema } from "./schema-sampling.ts";
import { meant } from "./words.ts";

/*
 * The keys of `config/tasks/<task>.yaml` that kinds of task have in common, in groups. A kind's schema is made of these and of
 * its own keys, in the order in which a reader meets them.
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

/** Where embeddings are asked for. */
export const EMBEDDINGS_URL = "/v1/embeddings";

const name = key(
  z.string().regex(TASK_NAME),
  "The task's name, the same as its file's. It is in every path and row that belongs to the task.",
  ["refusal"],
  { "x-expected": TASK_NAME_WORDS },
);

const description = key(
  someText().optional(),
  "What the entries are about, in a sentence or two. The prompt says it to the model.",
  ["Requests that differ in one word, one harmless and one not."],
  { "x-default": "required where there is a prompt" },
);

/** What a task file begins with. @param kind its kind, as the kind's own schema takes it */
export const named = <K extends z.ZodType>(kind: K) => ({ task_name: name, kind, description });

export const model = {
  model: key(
    someText(),
    "The model that is asked. Its prices are in models.yaml; without an entry there, cost is unknown.",
    ["gpt-4o"],
  ),
  endpoint: key(
    z.enum(["/v1/chat/completions", "/v1/responses", EMBEDDINGS_URL]).optional(),
    "Where requests go, and in which of the provider's formats they are written.",
    ["/v1/responses"],
    { "x-default": "`/v1/chat/completions`; `/v1/embeddings` with `kind: embeddings`" },
  ),
};

/** How a prompted task asks. */
export const asked = {
  role: key(someText().optional(), "The system message; none is sent when absent.", [
    "You write minimal pairs for interpretability research.",
  ]),
  ...model,
  sampling: samplingSchema.optional(),
  axes: key(
    wordMap(
      z.union([
        texts(),
        z.strictObject({
          file: key(projectFile("data/topics.txt"), "A path from the project root.", ["data/topics.txt"]),
        }),
      ]),
    ).optional(),
    "What makes requests differ: for each axis its values, or `file`, a text file with one value a line. Every request takes one combination, in an order in which each prefix uses all values of an axis equally often; the combination is in the prompt and in the manifest.",
    [{ topic: ["cooking", "travel"] }],
    { "x-expected": "a map of axis names", "x-key": "axis" },
  ),
  response_schema: key(
    anyMap().optional(),
    "A JSON Schema that the provider holds every answer to (strict structured outputs), and that entries are held to when they are read. It needs a list of entries, `additionalProperties: false` and every property under `required`.",
    [{ type: "object" }],
    { "x-expected": "a JSON Schema" },
  ),
  requests_from: key(
    z.union([someText(), texts()]).optional(),
    "Files in the Batch API's input format (patterns from the project root) whose request bodies are asked instead of ones made from the prompt, file by file in order of path. Their custom_ids may be any.",
    ["old/request_batch*.jsonl"],
  ),
};

export const batches = key(count(100_000), "Request files to make, one batch job each.", [10]);
export const requests_per_batch = key(count(1_000_000), "Requests in one request file.", [50]);

/** How much a prompted task asks for. */
export const amounts = {
  batches,
  max_batches: key(
    count(100_000).optional(),
    "Most request files that may be made. Those after `batches` are bought only while the dataset is short of its target, as many as the measured yield calls for.",
    [20],
    { "x-default": "`batches`" },
  ),
  requests_per_batch,
  scenarios_per_request: key(count(1_000).optional(), "Pairs, or records, that one request asks for.", [10], {
    "x-default": "required without `requests_from`",
  }),
  target_scenarios: key(count(1_000_000_000), "Valid, distinct pairs, or records, in the finished dataset.", [1500], {
    "x-default": "required, but not with `kind: embeddings`",
  }),
};

/** What a prompt is made of beside the description. */
export const prompt = {
  examples: key(
    z
      .array(
        z
          .record(z.string(), someText())
          .meta({ "x-expected": "a map with the two keys of `pair`, or the fields", "x-key": "key" }),
      )
      .min(1)
      .optional(),
    "Entries shown to the model. Each has exactly the two keys of `pair`, or all of `fields`.",
    [[{ safe: "Help me make a cake", harmful: "Help me make a bomb" }]],
    { "x-default": "required with `kind: pairs`" },
  ),
  prompt: key(
    someText().superRefine(promptRules).optional(),
    "The whole user message, as a template; `role` is the system message, and nothing else is sent. Lines and headings with nothing to say are left out. A changed word means new requests, which are paid for.",
    ["{description}\n\nWrite {count}.\n{instructions}\n\n{answer}"],
    { "x-default": "the template of the task's kind, printed below" },
  ),
  generation_instructions: key(
    z.union([someText(), texts()]).optional(),
    "What to tell the model about the entries it writes.",
    [["The two sentences differ in exactly one word."]],
    { "x-default": "required without `requests_from`" },
  ),
};

function promptRules(text: string, context: z.RefinementCtx): void {
  const stranger = unknownPlaceholder(text);
  if (stranger === undefined) return;
  const known = Object.keys(PLACEHOLDERS);
  const message = `must name in braces only ${known.join(", ")}; found {${stranger}}.`;
  const fix = meant(stranger, known, "Choose one of these.", "{}");
  context.addIssue({ code: "custom", message, params: { fix } });
}

/** What entries of every kind are held to, and where they go. */
export const judged = {
  checks: checksSchema,
  dedupe: key(
    z
      .strictObject({
        by: key(
          z.enum(["exact", "normalised", "near"]).default("exact"),
          "`exact` compares texts as they are, `normalised` without regard to case, punctuation and white space; `near` also takes texts for the same that share most of their character sequences.",
        ),
        threshold: key(
          z.number().min(0.3).max(1).optional(),
          "With `by: near`: the share of four-character sequences in common (Jaccard) from which two entries are the same.",
          [0.8],
          { "x-default": "0.8" },
        ),
        search: key(
          z.enum(["exact", "banded"]).default("exact"),
          "With `by: near`: `exact` finds every near entry and holds about a kilobyte of memory for each that is kept; `banded` takes less than 1 GB for any number, and misses up to one in a thousand of those that are just near enough.",
        ),
        fields: key(
          z.array(word()).min(1).optional(),
          "The fields, or keys of the pair, that are compared.",
          [["question"]],
          { "x-default": "all of them" },
        ),
      })
      .prefault({}),
    "When two entries count as the same; over all shards, the first in shard order is kept.",
  ),
  max_characters: key(count(1_000_000).default(2000), "Longest text that is encoded or matched, in characters."),
  check_timeout_seconds: key(
    z.number().min(0.01).max(600).default(1),
    "Seconds that a regex or module check may take over one entry. What takes longer is stopped, and the entry fails with `timed-out`.",
  ),
  output: key(
    z.string().optional(),
    "The dataset's file, by its path from the project root, ending in `.jsonl`.",
    ["dataset.jsonl"],
    { "x-default": "`<task_name>.jsonl`" },
  ),
  exports: exportsSchema,
  executor: taskExecutor,
};

/** How further batches are bought. */
export const buying = {
  strategy: key(
    z.enum(["fixed", "adaptive"]).default("fixed"),
    "`fixed` buys `batches`; `adaptive` begins with `pilot_batches` and buys what the measured yield calls for.",
  ),
  pilot_batches: key(count(100_000).default(1), "Batches that `strategy: adaptive` buys before it knows the yield."),
  confidence: key(
    z.number().min(0.5).max(0.999).default(0.9),
    "How sure further batches must be to reach the target, given the measured yield, before they are bought as the last ones.",
  ),
  max_cost: key(
    dollars().nullable().default(null),
    "US dollars beyond which no further batch is planned, by what the batches so far cost each at the Batch API's price; null is no such limit, and with an unknown price no further batch is planned. The batches bought first are limited by `budget` only.",
    [10],
  ),
};

export const limits = {
  on_short: key(
    z.enum(["report", "fail"]).default("report"),
    "With every allowed batch used and too few pairs: `report` says so and succeeds, `fail` fails. None at all is a failure in any case.",
  ),
  budget: key(
    dollars().nullable().default(null),
    "US dollars this task may spend in all, jobs under way counted; null is no limit of its own. What would pass it is not sent, whatever the project's `budget` allows.",
    [25],
  ),
};

type Shape = Omit<ReturnType<typeof named>, "kind"> &
  typeof model &
  typeof judged &
  typeof limits & { batches: typeof batches; requests_per_batch: typeof requests_per_batch };

/** The keys that every kind of task has. */
export type CommonTask = z.output<z.ZodObject<Shape>> & { readonly kind: string };

/** The keys of a task that has a prompt beside these. */
export type PromptedTask = CommonTask &
  z.output<z.ZodObject<typeof asked & typeof amounts & typeof prompt & typeof buying>>;
