import { z } from "zod";
import {
  amount,
  ask,
  asked,
  counted,
  dollars,
  jsonObject,
  moneyLines,
  names,
  problem,
  progress,
  restoreReason,
  staleReason,
  tally,
  waitingOn,
} from "./schema-parts.ts";

/* What commands other than build answer under `--json`, as zod schemas: see event-schema.ts. */

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

const planTotalLine = z
  .strictObject({
    type: z.literal("plan-total"),
    goals: names,
    provider: z.string(),
    simulated: z.boolean(),
    actions: z.partialRecord(planAction, counted),
    ...asked,
  })
  .describe("`plan`: the last line.");
export type PlanTotalLine = z.output<typeof planTotalLine>;

const jobLine = z
  .strictObject({
    type: z.literal("job-status"),
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
  })
  .describe("`status`: one batch job.");
export type JobLine = z.output<typeof jobLine>;

const orphanLine = z
  .strictObject({
    type: z.literal("orphan"),
    file: z.string(),
    target: z.string(),
    state: z.enum(["as-placed", "edited", "only-copy"]),
  })
  .describe("`status`: a file that dsgen made for a target that is no more; `clean --orphans` removes it as placed.");
export type OrphanLine = z.output<typeof orphanLine>;

const statusTotalLine = z
  .strictObject({
    type: z.literal("status-total"),
    jobs: z.record(jobStanding, counted),
    provider: z.string(),
    simulated: z.boolean(),
  })
  .describe("`status`: the last line.");
export type StatusTotalLine = z.output<typeof statusTotalLine>;

const explanationLine = z
  .strictObject({
    type: z.literal("explanation"),
    target: z.string(),
    standing: planLine,
    causes: z.array(planLine).readonly().describe("The targets upstream that are why."),
  })
  .describe("`explain`.");
export type ExplanationLine = z.output<typeof explanationLine>;

const validationLine = z
  .strictObject({
    type: z.literal("validation"),
    file: z.string(),
    rows: counted,
    scenarios: counted,
    validScenarios: counted,
    malformed: counted,
    failures: z.record(z.string(), z.record(z.string(), counted)).describe("By variant, then tokenizer."),
  })
  .describe("`validate`: the last line.");
export type ValidationLine = z.output<typeof validationLine>;

const inspectionLine = z
  .strictObject({
    type: z.literal("inspection"),
    file: z.string(),
    format: z.enum(["dataset", "records", "embeddings", "shard", "requests", "output"]),
    lines: counted,
    malformed: counted,
    entries: counted,
    counts: z.record(z.string(), counted),
    first: z.array(jsonObject).readonly(),
  })
  .describe("`inspect`.");
export type InspectionLine = z.output<typeof inspectionLine>;

const cleanLine = z
  .strictObject({
    type: z.literal("clean"),
    file: z.string(),
    action: z.enum(["removed", "would-remove", "kept"]),
    why: z.enum(["edited", "not-placed-by-dsgen", "only-copy", "symbolic-link"]).nullable(),
  })
  .describe("`clean`: one generated file. `only-copy`: the cache does not have its content.");
export type CleanLine = z.output<typeof cleanLine>;

const cleanTotalLine = z
  .strictObject({
    type: z.literal("clean-total"),
    removed: counted,
    kept: counted,
    cache: z.boolean(),
    freedBytes: counted,
    paidAnswersRemoved: counted,
    paidBytesKept: counted.nullable().describe("null: the cache was not looked at."),
    dryRun: z.boolean(),
  })
  .describe("`clean`: the last line.");
export type CleanTotalLine = z.output<typeof cleanTotalLine>;

const graphLine = z
  .strictObject({
    type: z.literal("graph"),
    target: z.string(),
    stage: z.string(),
    task: z.string().nullable(),
    recipe: z.string().nullable().describe("null: a view of the batch jobs."),
    outputs: names,
    from: names,
    candidates: names.describe("Of `from`, those that may or may not be needed."),
  })
  .describe("`graph`: one target.");
export type GraphLine = z.output<typeof graphLine>;

/** What the other commands write. */
export const resultLineSchema = z.union([
  planLine,
  planTotalLine,
  jobLine,
  orphanLine,
  statusTotalLine,
  explanationLine,
  z
    .strictObject({ ...broken, reason: z.enum(["unequal-token-count", "not-one-token-apart"]) })
    .describe("`validate --show-failures`: a variant of a scenario under one tokenizer."),
  z
    .strictObject({ ...failure, reason: z.enum(["incomplete-scenario", "unfit-text"]), message: z.string() })
    .describe("`validate --show-failures`: a scenario that could not be held to the rule."),
  validationLine,
  inspectionLine,
  z
    .strictObject({ type: z.literal("simulator"), url: z.string(), env: z.record(z.string(), z.string()) })
    .describe("`simulate`: it is ready; set these variables to use it."),
  cleanLine,
  cleanTotalLine,
  graphLine,
  z
    .strictObject({
      type: z.literal("cost"),
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
    })
    .describe("`cost`: US dollars; null is unknown."),
  z
    .strictObject({
      type: z.literal("recovered"),
      adopted: counted,
      known: counted,
      left: names.describe("What could not be taken, and why."),
      collected: counted,
      running: counted,
    })
    .describe("`recover`."),
  z
    .strictObject({ type: z.literal("forgotten"), jobId: z.string(), requestFile: z.string() })
    .describe("`recover --forget`."),
  z
    .strictObject({
      type: z.literal("imported"),
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
    })
    .describe("`import`. It ends with 1 when nothing was taken, known or watched."),
  z
    .strictObject({
      type: z.literal("taken-over"),
      from: z.string(),
      namespace: z.string(),
      taken: counted,
      known: counted.describe("Answers that were here already."),
      simulated: counted.describe("Made-up answers, which are left."),
    })
    .describe("`import --from-namespace`: another namespace's answers count as this one's."),
  z
    .strictObject({
      type: z.literal("gc"),
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
    })
    .describe("`gc`: what was deleted, and what was kept because it was, or may have been, paid for."),
  z
    .strictObject({
      type: z.literal("fsck"),
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
    })
    .describe("`fsck`: one finding."),
  z
    .strictObject({ type: z.literal("fsck-total"), findings: counted, paid: counted })
    .describe("`fsck`: the last line."),
]);

export type ResultLine = z.output<typeof resultLineSchema>;
export type PlanLine = z.output<typeof planLine>;
export type PlanAction = z.output<typeof planAction>;
export type JobStanding = z.output<typeof jobStanding>;
export type ValidationFailureLine = Extract<ResultLine, { type: "validation-failure" }>;
/** What all asking of a plan comes to; `null` is unknown. */
export type AskTotal = Omit<z.output<typeof ask>, "model">;
