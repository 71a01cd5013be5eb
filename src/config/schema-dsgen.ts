import { projectPath } from "../graph/names.ts";
import { LOCK_TIMEOUT_SECONDS } from "./lock-timeout.ts";
import { executor, executorOf } from "./schema-executor.ts";
import { count, defined, dollars, key, seconds, secondsOrNone, someText, texts, whole, z } from "./schema-parts.ts";
import { remote } from "./schema-remote.ts";

/** Seconds between two looks at a batch. */
export const POLL_DEFAULTS = { min: 5, max: 60 };

const DAY = 86_400;

const simulator = z.strictObject({
  seed: key(
    whole(0).default(1),
    "Same seed, same answers. Answers under one seed are never taken for answers under another.",
  ),
  speed: key(
    seconds(1_000_000).default(1),
    "How many times faster than usual batches go; usually, one of fifty requests takes about a second.",
  ),
  yield: key(
    z.number().min(0).max(1).optional(),
    "Share of the simulated pairs that are valid under the default tokenizers.",
    [0.33],
    { "x-default": "about a third" },
  ),
});

const pollSeconds = z.strictObject({
  min: key(seconds(DAY).default(POLL_DEFAULTS.min), "The first wait between two looks."),
  max: key(seconds(DAY).default(POLL_DEFAULTS.max), "The longest wait between two looks."),
});

const batch = z.strictObject({
  max_requests_per_file: key(
    count(50_000).default(50_000),
    "Requests in one batch job; a larger request file is split.",
  ),
  max_file_bytes: key(
    whole(1024, 200_000_000).default(200_000_000),
    "Bytes in one uploaded file; a larger request file is split.",
  ),
  max_attempts: key(
    count(100).default(3),
    "How often a request that expired or failed on the provider's side is sent in all.",
  ),
  listing_lag_seconds: key(
    secondsOrNone(3600).default(60),
    "How long a batch may take to show up in the provider's listing. A job whose submission got no clear answer is looked for this long before it is sent again.",
  ),
  retry_wait_seconds: key(
    secondsOrNone(60).default(1),
    "The first wait before a call is repeated that provably did nothing; it doubles up to a minute.",
  ),
  request_timeout_seconds: key(
    seconds(DAY).default(600),
    "How long the provider may take to begin its answer. A call that changes something and gets none counts as unclear, and is looked for before it is sent again.",
  ),
  idle_timeout_seconds: key(
    seconds(DAY).default(60),
    "How long an answer may fall silent in the middle before it counts as torn.",
  ),
  resend_lost: key(
    z.boolean().default(false),
    "Whether requests are paid for again whose answers were paid for once and no longer exist at the provider.",
  ),
  completion_window: key(z.enum(["24h"]).default("24h"), "The Batch API knows this one only."),
});

/** Where the pipeline's own files lie, unless the project says otherwise. */
export const PATH_DEFAULTS = {
  requests: "requests",
  batch_outputs: "batch_outputs",
  validated: "validated",
  pilot: "pilot",
  report: "report.html",
};

const paths = z.strictObject({
  requests: key(
    someText().default(PATH_DEFAULTS.requests),
    "Folder of the request files and `batch_metadata.json`, in a folder of each task.",
  ),
  batch_outputs: key(
    someText().default(PATH_DEFAULTS.batch_outputs),
    "Folder of the answers, in a folder of each task.",
  ),
  validated: key(someText().default(PATH_DEFAULTS.validated), "Folder of the shards, in a folder of each task."),
  pilot: key(someText().default(PATH_DEFAULTS.pilot), "Folder of what pilots gave, a file a task."),
  report: key(someText().default(PATH_DEFAULTS.report), "The page of `dsgen report`; it ends in .html."),
});

/** `config/dsgen.yaml`. Every key has a default. */
export const dsgenSchema = z
  .strictObject({
    provider: key(
      z.enum(["auto", "openai", "simulator"]).default("auto"),
      "Who answers. `auto` is OpenAI when `OPENAI_API_KEY` is set, and the simulator when it is not and nothing real was ever built here; where `CI` is set, the simulator has to be named.",
    ),
    default_tasks: key(
      z.array(someText()).min(1).optional(),
      "Tasks whose datasets `dsgen build` makes when no target is named.",
      [["refusal"]],
      { "x-default": "every task" },
    ),
    budget: key(
      dollars().nullable().default(null),
      "US dollars this project may spend in all, jobs under way counted, under whatever address and organisation; null is no limit.",
      [50],
    ),
    confirm_above: key(
      dollars().nullable().default(5),
      "US dollars above which `dsgen build` asks on a terminal before it sends what may cost more, or what nobody knows the cost of; `--yes` answers, null never asks. In a pipe nobody is asked.",
      [20],
    ),
    notify: key(
      z
        .union([
          texts(),
          z
            .string()
            .regex(/^https?:\/\/\S+$/)
            .meta({ "x-expected": "an http or https address" }),
        ])
        .nullable()
        .default(null),
      "Who is told when batch jobs end, a dataset is ready or a build fails: a command with its arguments as a list (`{text}` is a sentence; the message comes on standard input), or an address that gets a POST of a small JSON object.",
      [["notify-send", "dsgen", "{text}"]],
    ),
    paths: key(
      paths.prefault({}),
      "Where outputs go, from the project's root; a dataset's own file is its task's `output`. Answers are kept in the cache under what was asked, so that nothing is asked again when these change.",
    ),
    simulator: key(simulator.prefault({}), "The local stand-in for OpenAI."),
    poll_seconds: key(pollSeconds.prefault({}), "How often `--wait` asks how a batch is doing."),
    lock_timeout_seconds: key(
      secondsOrNone(DAY).default(LOCK_TIMEOUT_SECONDS),
      "How long to wait for another build that holds the project's lock; 0 is not at all.",
    ),
    jobs: key(count(1024).optional(), "Actions run at once.", [4], { "x-default": "the number of processors" }),
    batch: key(batch.prefault({}), "Limits of batch jobs."),
    realtime: key(
      z.strictObject({ concurrency: key(count(1000).default(8), "Requests under way at once.") }).prefault({}),
      "`--realtime`.",
    ),
    executor: key(
      executor.prefault({}),
      "Where what is free is made: shards, and recipes and checks of one's own that ask for `resources`. See [cluster.md](cluster.md).",
      [{ kind: "slurm", partition: "gpu", account: "my-lab", time: "02:00:00", cpus: 4, mem: "16G" }],
    ),
    remote: key(remote.default(null), "Caches that are shared with others; none unless it is named here."),
  })
  .meta({ title: "dsgen settings", description: "How dsgen itself behaves: `config/dsgen.yaml`." });

/** The checked settings. @param tasks every task's name: the default for `default_tasks` */
export function dsgenOf(written: z.output<typeof dsgenSchema>, tasks: readonly string[]) {
  const { simulator, default_tasks = tasks, jobs = null } = written;
  return {
    ...written,
    default_tasks,
    jobs,
    simulator: defined(simulator),
    executor: executorOf(written.executor),
    paths: pathsOf(written.paths),
  };
}

export type Paths = Readonly<Record<keyof typeof PATH_DEFAULTS, string>>;

/** As names of targets begin: `./data//requests` is `data/requests`. What is no path, which is complained of, is the default. */
export function pathsOf(written: { readonly [Name in keyof Paths]?: string | undefined } | undefined): Paths {
  const path = (name: keyof Paths) => {
    const found = projectPath(written?.[name] ?? PATH_DEFAULTS[name]);
    return found.ok ? found.value : PATH_DEFAULTS[name];
  };
  return {
    requests: path("requests"),
    batch_outputs: path("batch_outputs"),
    validated: path("validated"),
    pilot: path("pilot"),
    report: path("report"),
  };
}
