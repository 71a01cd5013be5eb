import type { Colleagues } from "../batch/colleagues.ts";
import type { JobBook } from "../batch/job-book.ts";
import type { Price } from "../batch/money.ts";
import { AnswerService } from "../batch/service.ts";
import { modelEntry } from "../config/model-name.ts";
import type { Settings, TaskConfig } from "../config/project-config.ts";
import type { Clock } from "../engine/ports.ts";
import type { Emit } from "../events/schema.ts";
import type { Store } from "../store/store.ts";
import type { SessionOptions } from "./options.ts";
import type { ProviderChoice } from "./provider-choice.ts";
import { tokenCounter } from "./token-counter.ts";

type Asking = Pick<SessionOptions, "poll" | "retryRefused" | "maxCost" | "beforeSending" | "realtime" | "limit">;

/** The answers of the chosen provider, as the config and this invocation's options want them asked. */
export function answerService(
  options: Asking,
  config: Settings,
  choice: ProviderChoice,
  store: Store,
  book: JobBook,
  clock: Clock,
  emit: Emit,
  colleagues: Colleagues | undefined,
): AnswerService {
  const { batch, budget, poll_seconds } = config.dsgen;
  const { simulated } = choice.provider;
  const poll = options.poll === undefined ? poll_seconds : { min: options.poll, max: options.poll };
  return new AnswerService({
    provider: choice.provider,
    book,
    responses: store.responses(choice.provider.namespace.id),
    blobs: store.blobs,
    writable: store.writable,
    clock,
    colleagues,
    emit,
    // The simulator in this process lists what it has at once; the real listing may lag.
    timing: simulated
      ? { listingLagMs: 0, unansweredMs: 0, firstWaitMs: 50, tries: 5 }
      : {
          listingLagMs: batch.listing_lag_seconds * 1000,
          unansweredMs: batch.request_timeout_seconds * 1000,
          firstWaitMs: batch.retry_wait_seconds * 1000,
          tries: 5,
        },
    scratch: store.paths.tmp,
    maxRequestsPerFile: batch.max_requests_per_file,
    maxFileBytes: batch.max_file_bytes,
    maxAttempts: batch.max_attempts,
    resendLost: batch.resend_lost,
    retryRefused: options.retryRefused ?? false,
    enqueuedTokenLimits: new Map(
      Object.entries(config.models).flatMap(([name, { enqueued_token_limit }]) =>
        enqueued_token_limit === null ? [] : [[name, enqueued_token_limit]],
      ),
    ),
    priceOf: pricesIn(config),
    countTokens: tokenCounter(config.models),
    limits: {
      budget,
      taskBudgets: new Map(
        config.tasks.flatMap(({ task_name, budget: own }) => (own === null ? [] : [[task_name, own]])),
      ),
      maxCost: options.maxCost ?? null,
    },
    entriesOf: (name) => entriesOf(config.tasks.find((task) => task.task_name === name)),
    ...(options.beforeSending === undefined ? {} : { beforeSending: options.beforeSending }),
    realtime:
      options.realtime === true
        ? { concurrency: config.dsgen.realtime.concurrency, limit: options.limit ?? null }
        : null,
    journal: store.journal,
    indexes: store,
    poll:
      simulated && options.poll === undefined
        ? { minMs: 100, maxMs: 400 }
        : { minMs: poll.min * 1000, maxMs: poll.max * 1000 },
  });
}

/** A model's prices, by its name or by that of a dated version of it. */
export function pricesIn({ models }: Pick<Settings, "models">): (name: string) => Price | undefined {
  return (name) => models[modelEntry(name, Object.keys(models)) ?? name];
}

/** How many entries a task's requests each ask for; requests from files say so in words of their own. */
function entriesOf(task: TaskConfig | undefined): number | null {
  return task === undefined || task.requests_from !== undefined ? null : task.scenarios_per_request;
}
