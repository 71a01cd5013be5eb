import { z } from "zod";
import { someText } from "./schema-entries.ts";

/** How long another build's lock is waited for where no config says. */
export const LOCK_TIMEOUT_SECONDS = 60;

/** Seconds between two looks at a batch. */
export const POLL_DEFAULTS = { min: 5, max: 60 };

/** `config/dsgen.yaml`, as written. Every key has a default. */
export const dsgenSchema = z
  .strictObject({
    provider: z.enum(["auto", "openai", "simulator"]).default("auto").meta({
      description:
        "Who answers. `auto` is OpenAI when `OPENAI_API_KEY` is set, and the simulator when it is not and nothing real was ever built here; where `CI` is set, the simulator has to be named.",
    }),
    default_tasks: z
      .array(someText())
      .min(1)
      .optional()
      .meta({
        description: "Tasks whose datasets `dsgen build` makes when no target is named.",
        "x-default": "every task",
        examples: [["refusal"]],
      }),
    budget: z
      .number()
      .min(0)
      .nullable()
      .default(null)
      .meta({
        description:
          "US dollars this project may spend in all, jobs under way counted, under whatever address and organisation; null is no limit.",
        examples: [50],
      }),
    confirm_above: z
      .number()
      .min(0)
      .nullable()
      .default(5)
      .meta({
        description:
          "US dollars above which `dsgen build` asks on a terminal before it sends what may cost more, or what nobody knows the cost of; `--yes` answers, null never asks. In a pipe nobody is asked.",
        examples: [20],
      }),
    simulator: z
      .strictObject({
        seed: z.int().min(0).default(1).meta({
          description: "Same seed, same answers. Answers under one seed are never taken for answers under another.",
        }),
        speed: z.number().gt(0).max(1_000_000).default(1).meta({
          description:
            "How many times faster than usual batches go; usually, one of fifty requests takes about a second.",
        }),
        yield: z
          .number()
          .min(0)
          .max(1)
          .optional()
          .meta({
            description: "Share of the simulated pairs that are valid under the default tokenizers.",
            "x-default": "about a third",
            examples: [0.33],
          }),
      })
      .prefault({})
      .meta({ description: "The local stand-in for OpenAI." }),
    poll_seconds: z
      .strictObject({
        min: z
          .number()
          .gt(0)
          .max(86_400)
          .default(POLL_DEFAULTS.min)
          .meta({ description: "The first wait between two looks." }),
        max: z
          .number()
          .gt(0)
          .max(86_400)
          .default(POLL_DEFAULTS.max)
          .meta({ description: "The longest wait between two looks." }),
      })
      .prefault({})
      .meta({ description: "How often `--wait` asks how a batch is doing." }),
    lock_timeout_seconds: z.number().min(0).max(86_400).default(LOCK_TIMEOUT_SECONDS).meta({
      description: "How long to wait for another build that holds the project's lock; 0 is not at all.",
    }),
    jobs: z
      .int()
      .min(1)
      .max(1024)
      .optional()
      .meta({
        description: "Actions run at once.",
        "x-default": "the number of processors",
        examples: [4],
      }),
    batch: z
      .strictObject({
        max_requests_per_file: z.int().min(1).max(50_000).default(50_000).meta({
          description: "Requests in one batch job; a larger request file is split.",
        }),
        max_file_bytes: z.int().min(1024).max(200_000_000).default(200_000_000).meta({
          description: "Bytes in one uploaded file; a larger request file is split.",
        }),
        max_attempts: z.int().min(1).max(100).default(3).meta({
          description: "How often a request that expired or failed on the provider's side is sent in all.",
        }),
        listing_lag_seconds: z.number().min(0).max(3600).default(60).meta({
          description:
            "How long a batch may take to show up in the provider's listing. A job whose submission got no clear answer is looked for this long before it is sent again.",
        }),
        retry_wait_seconds: z.number().min(0).max(60).default(1).meta({
          description: "The first wait before a call is repeated that provably did nothing; it doubles up to a minute.",
        }),
        request_timeout_seconds: z.number().gt(0).max(86_400).default(600).meta({
          description:
            "How long the provider may take to begin its answer. A call that changes something and gets none counts as unclear, and is looked for before it is sent again.",
        }),
        idle_timeout_seconds: z.number().gt(0).max(86_400).default(60).meta({
          description: "How long an answer may fall silent in the middle before it counts as torn.",
        }),
        resend_lost: z.boolean().default(false).meta({
          description:
            "Whether requests are paid for again whose answers were paid for once and no longer exist at the provider.",
        }),
        completion_window: z.enum(["24h"]).default("24h").meta({ description: "The Batch API knows this one only." }),
      })
      .prefault({})
      .meta({ description: "Limits of batch jobs." }),
    realtime: z
      .strictObject({
        concurrency: z.int().min(1).max(1000).default(8).meta({ description: "Requests under way at once." }),
      })
      .prefault({})
      .meta({ description: "`--realtime`." }),
  })
  .meta({ title: "dsgen settings", description: "How dsgen itself behaves: `config/dsgen.yaml`." });
