import { z } from "zod";
import {
  ask,
  asked,
  buildEventSchema,
  counted,
  dollars,
  jsonObject,
  line,
  names,
  problem,
  progress,
  restoreReason,
  staleReason,
  stateName,
  waitingOn,
} from "../events/schema.ts";
import { KINDS } from "../kinds/registry.ts";
import { doctorLine } from "./doctor-schema.ts";
import { tokensLine, traceLine } from "./trace-schema.ts";

/* What commands other than build answer under `--json`, as zod schemas, which are the types as well. */

const amount = z.strictObject({ count: counted, bytes: counted });
/** What several answers took. */
const tally = {
  answers: counted,
  unreported: counted.describe("Answers whose tokens the provider did not count: theirs are not in `usage`."),
  usage: z.strictObject({ input: counted, cachedInput: counted, output: counted }),
};
const moneyLines = z
  .array(z.strictObject({ task: z.string(), model: z.string(), requests: counted, usd: dollars }))
  .readonly();

const planAction = z.enum(["fresh", "build", "rebuild", "maybe", "restore", "wait", "blocked", "fail"]);
const planLine = z
  .strictObject({
    type: z.literal("plan"),
    target: z.string(),
    stage: z.string(),
    task: z.string().nullable(),
    action: planAction.describe("`maybe`: made again only if an input comes out different."),
    reasons: z.array(staleReason).readonly(),
    waitingOn: z.array(waitingOn).readonly(),
    blockedBy: names,
    restore: restoreReason.nullable().describe("Why the file is put back, when that is all that is done."),
    problem: problem.nullable(),
    ask: ask.nullable().describe("What it would ask the provider."),
    reason: z
      .string()
      .nullable()
      .describe("Of a target made from as many others as it takes (a dataset, of shards): why these and no more."),
  })
  .meta({ id: "PlanLine", description: "`plan`, `build --dry-run`: one target." });

const jobStanding = z.enum(["done", "waiting", "retry", "failed"]);

const failure = {
  type: z.literal("validation-failure"),
  line: z.number().int().positive(),
};
const broken = {
  ...failure,
  scenarioId: counted,
  variant: z.string(),
  tokenizer: z.string(),
  promptTokens: counted,
  counterfactualTokens: counted,
  differences: counted.nullable(),
};

const planTotalLine = line("plan-total", "`plan`: the last line.", {
  goals: names,
  provider: z.string(),
  simulated: z.boolean(),
  actions: z.partialRecord(planAction, counted),
  ...asked,
});
export type PlanTotalLine = z.output<typeof planTotalLine>;

const jobLine = line("job-status", "`status`: one batch job.", {
  requestFile: z.string(),
  task: z.string().nullable(),
  jobId: z.string(),
  batchId: z.string().nullable(),
  status: z.string(),
  standing: jobStanding.describe("`retry`: the next build asks again what this one left unanswered."),
  progress,
  attempt: z.number().int(),
  since: z.number().describe("Milliseconds since the epoch."),
  until: z.number().nullable().describe("When it was over, as far as dsgen has seen; null while it is not."),
  errors: names,
});
export type JobLine = z.output<typeof jobLine>;

const arrayLine = line("array-status", "`status`: one job array on a cluster that is not over.", {
  array: z.string(),
  job: z.string().nullable().describe("The scheduler's id; null while it is not known whether the scheduler took it."),
  since: z.number().describe("Milliseconds since the epoch."),
  tasks: z
    .strictObject({ pending: counted, running: counted, done: counted, failed: counted, unknown: counted })
    .describe("`unknown`: over and not looked into yet, or the scheduler did not say."),
  reason: z.string().nullable().describe("Why the first one that waits does, or why nothing is known."),
});
export type ArrayLine = z.output<typeof arrayLine>;

const arrayCancelledLine = line("array-cancelled", "`cancel`: one job array on a cluster that was to be ended.", {
  array: z.string(),
  job: z.string().nullable().describe("The scheduler's id; null where it was not known."),
  tasks: counted,
  done: counted.describe("Tasks that were made before; what they made is kept."),
  unproven: z.string().nullable().describe("Why it may still run; null: the queue has shown that nothing of it does."),
});
export type ArrayCancelledLine = z.output<typeof arrayCancelledLine>;

const orphanLine = line(
  "orphan",
  "`status`: a file that dsgen made for a target that is no more; `clean --orphans` removes it as placed.",
  {
    file: z.string(),
    target: z.string(),
    state: z.enum(["as-placed", "edited", "only-copy"]),
  },
);
export type OrphanLine = z.output<typeof orphanLine>;

const statusTotalLine = line("status-total", "`status`: the last line.", {
  jobs: z.record(jobStanding, counted),
  provider: z.string(),
  simulated: z.boolean(),
});
export type StatusTotalLine = z.output<typeof statusTotalLine>;

const explanationLine = line("explanation", "`explain`.", {
  target: z.string(),
  standing: planLine,
  causes: z.array(planLine).readonly().describe("The targets upstream that are why."),
  ask: z
    .strictObject(asked)
    .nullable()
    .describe("What bringing it up to date asks in all; of a request file, what answering it does. null: nothing."),
});
export type ExplanationLine = z.output<typeof explanationLine>;

const validationLine = line("validation", "`validate`: the last line.", {
  file: z.string(),
  rows: counted,
  scenarios: counted,
  validScenarios: counted,
  malformed: counted,
  failures: z.record(z.string(), z.record(z.string(), counted)).describe("By variant, then tokenizer."),
});
export type ValidationLine = z.output<typeof validationLine>;

const inspectionLine = line("inspection", "`inspect`.", {
  file: z.string(),
  format: z.enum([...KINDS.map(({ file }) => file.name), "shard", "requests", "output"]),
  lines: counted,
  malformed: counted,
  entries: counted,
  counts: z.record(z.string(), counted),
  first: z.array(jsonObject).readonly(),
});
export type InspectionLine = z.output<typeof inspectionLine>;

const cleanLine = line("clean", "`clean`: one generated file. `only-copy`: the cache does not have its content.", {
  file: z.string(),
  action: z.enum(["removed", "would-remove", "kept"]),
  why: z.enum(["edited", "not-placed-by-dsgen", "only-copy", "symbolic-link"]).nullable(),
});
export type CleanLine = z.output<typeof cleanLine>;

const cleanTotalLine = line("clean-total", "`clean`: the last line.", {
  removed: counted,
  kept: counted,
  cache: z.boolean(),
  freedBytes: counted,
  paidAnswersRemoved: counted,
  paidBytesKept: counted.nullable().describe("null: the cache was not looked at."),
  dryRun: z.boolean(),
});
export type CleanTotalLine = z.output<typeof cleanTotalLine>;

const graphLine = line("graph", "`graph`: one target.", {
  target: z.string(),
  stage: z.string(),
  task: z.string().nullable(),
  recipe: z.string().nullable().describe("null: a view of the batch jobs."),
  outputs: names,
  from: names,
  candidates: names.describe("Of `from`, those that may or may not be needed."),
});
export type GraphLine = z.output<typeof graphLine>;

/** What the other commands write. */
export const resultLineSchema = z.union([
  planLine,
  planTotalLine,
  jobLine,
  arrayLine,
  arrayCancelledLine,
  orphanLine,
  statusTotalLine,
  explanationLine,
  traceLine,
  tokensLine,
  z
    .strictObject({ ...broken, reason: z.enum(["unequal-token-count", "not-one-token-apart"]) })
    .describe("`validate --show-failures`: a variant of a scenario under one tokenizer."),
  z
    .strictObject({ ...failure, reason: z.enum(["incomplete-scenario", "unfit-text"]), message: z.string() })
    .describe("`validate --show-failures`: a scenario that could not be held to the rule."),
  validationLine,
  inspectionLine,
  line("simulator", "`simulate`: it is ready; set these variables to use it.", {
    url: z.string(),
    env: z.record(z.string(), z.string()),
  }),
  line("put", "`init`, `new`: one file.", {
    file: z.string(),
    action: z.enum(["made", "added", "left"]).describe("`added`: lines at its end."),
    why: z.string().nullable().describe("Why it was left as it was."),
  }),
  cleanLine,
  cleanTotalLine,
  graphLine,
  line("cost", "`cost`: US dollars; null is unknown.", {
    provider: z.string(),
    simulated: z.boolean(),
    spent: z
      .array(
        z.strictObject({
          task: z.string(),
          model: z.string(),
          via: z.enum(["batch", "direct", "import"]),
          namespace: z.string(),
          ...tally,
          usd: dollars.describe("At least, when some answers are unreported."),
        }),
      )
      .readonly(),
    spentUsd: dollars,
    inFlight: moneyLines,
    inFlightUsd: dollars,
    saved: moneyLines,
    savedUsd: dollars,
  }),
  line("report", "`report`: the page that was made, or was there as it would be.", {
    file: z.string(),
    bytes: counted,
    state: stateName,
    simulated: z.boolean(),
  }),
  line("exported", "`export`: a file that was made, or was there as it would be.", {
    file: z.string(),
    bytes: counted,
    state: stateName,
    simulated: z.boolean(),
  }),
  line("pushed-to-hub", "`export --push`: what the hub holds now.", {
    repo: z.string(),
    sent: z.boolean().describe("False when it held these very files."),
    commit: z.string().nullable(),
    created: z.boolean().describe("Whether the repository was made for it."),
    files: counted,
    bytes: counted,
    simulated: z.boolean(),
  }),
  line("worked", "`worker`: what has become of an action.", {
    target: z.string(),
    state: z.enum(["made", "failed", "refused"]),
    durationMs: z.number().nonnegative().exactOptional(),
    problem: problem.exactOptional(),
  }),
  line("recovered", "`recover`.", {
    adopted: counted,
    known: counted,
    left: names.describe("What could not be taken, and why."),
    collected: counted,
    running: counted,
  }),
  line("forgotten", "`recover --forget`.", { jobId: z.string(), requestFile: z.string() }),
  line("imported", "`import`. It ends with 1 when nothing was taken, known or watched.", {
    requests: counted,
    outputs: counted.describe("Output files that were read."),
    taken: counted,
    known: counted,
    adopted: names.describe("Batches still running, watched from now on."),
    watched: counted.describe("Batches that were watched before."),
    unplaced: z.record(z.string(), counted).readonly(),
    failed: counted,
    simulated: counted,
    notes: names.describe("At most a line a file and reason."),
  }),
  line("taken-over", "`import --from-namespace`: another namespace's answers count as this one's.", {
    from: z.string(),
    namespace: z.string(),
    taken: counted,
    known: counted.describe("Answers that were here already."),
    simulated: counted.describe("Made-up answers, which are left."),
  }),
  line("pushed", "`push`: one shared cache.", {
    cache: z.string(),
    results: counted.describe("Results of actions that it has now by this writer's word."),
    kept: counted.describe("Results that are not shared, for what is in them."),
    answers: counted.describe("Answers that it has now by this writer's word."),
    simulated: counted.describe("Made-up answers, which are never shared."),
    bytes: counted.describe("Sent; what was there is not sent again."),
    unreadable: names.describe("Stored files that are damaged or gone."),
  }),
  line("remote-stats", "`remote stats`: one shared cache.", {
    cache: z.string(),
    kinds: z.record(z.string(), z.strictObject({ count: counted, bytes: counted })),
    writers: z.record(z.string(), counted).describe("Records by trusted writer, and `others`."),
    oldest: z.number().nullable(),
    newest: z.number().nullable(),
  }),
  line("remote-gc", "`remote gc`: one shared cache.", {
    cache: z.string(),
    dryRun: z.boolean(),
    answers: counted.describe("Records of paid answers: none without `--include-paid`."),
    results: counted,
    files: counted,
    bytes: counted,
    ageless: counted.describe("Entries whose age the server does not tell: they stay."),
  }),
  line("pulled", "`pull`: one shared cache.", {
    cache: z.string(),
    answers: counted.describe("Answers that are new here."),
    known: counted,
    bytes: counted,
    ignored: z
      .strictObject({ untrusted: counted, damaged: counted, version: counted, foreign: counted })
      .describe("Records that were not believed."),
  }),
  line("remote-key", "`remote keygen`.", { key: z.string(), made: z.boolean() }),
  line("remote-trust", "`remote trust`.", { key: z.string(), added: z.boolean() }),
  line("remote-cache", "`remote list`: one shared cache.", {
    cache: z.string(),
    writable: z.boolean(),
    records: counted,
    trusted: counted.describe("Of these, by writers that the project trusts."),
    problem: z.string().nullable(),
  }),
  line("gc", "`gc`: what was deleted, and what was kept because it was, or may have been, paid for.", {
    dryRun: z.boolean(),
    blobs: amount,
    paidBlobs: amount,
    paidAnswers: counted.describe("How many answers are in `paidBlobs`."),
    actions: amount,
    expansions: amount,
    leftovers: amount,
    keptPaid: amount,
    keptUnknown: amount,
    quarantined: amount,
  }),
  line("fsck", "`fsck`: one finding.", {
    kind: z.enum([
      "blob-damaged",
      "response-missing",
      "blob-lost",
      "stray",
      "action-damaged",
      "journal-damaged",
      "response-damaged",
      "workspace-damaged",
    ]),
    what: z.string(),
    paid: z.boolean(),
  }),
  line("fsck-total", "`fsck`: the last line.", { findings: counted, paid: counted }),
  doctorLine,
]);

export type ResultLine = z.output<typeof resultLineSchema>;
export type PlanLine = z.output<typeof planLine>;
export type PlanAction = z.output<typeof planAction>;
export type JobStanding = z.output<typeof jobStanding>;
export type ValidationFailureLine = Extract<ResultLine, { type: "validation-failure" }>;
/** What all asking of a plan comes to; `null` is unknown. */
export type AskTotal = Omit<z.output<typeof ask>, "model">;
export type StaleReason = z.output<typeof staleReason>;
export type WaitingOn = z.output<typeof waitingOn>;

/** Any line that dsgen writes under `--json`. */
export const jsonLineSchema = z.union([buildEventSchema, resultLineSchema]);
