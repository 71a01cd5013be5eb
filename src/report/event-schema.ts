import { z } from "zod";
import type { BuildEvent } from "../engine/events.ts";
import type { JsonObject, JsonValue } from "../graph/json.ts";
import type { ResultLine } from "./result-line.ts";

/*
 * What `--json` writes, as zod schemas: schemas/events.schema.json and docs/events.md are made from them, and the tests hold
 * real output against them. Strict, so that a member nobody documented is noticed; the published schema lets unknown members
 * through, because adding one is compatible. The end of this file makes the compiler hold them against the types themselves.
 */

const jsonValue: z.ZodType<JsonValue> = z.lazy(() =>
  z.union([
    z.null(),
    z.boolean(),
    z.number(),
    z.string(),
    z.array(jsonValue).readonly(),
    z.record(z.string(), jsonValue).readonly(),
  ]),
);
const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), jsonValue).readonly();

const names = z.array(z.string()).readonly();
const counted = z.number().int().nonnegative();
const dollars = z.number().nonnegative().nullable();

const amount = z.strictObject({ count: counted, bytes: counted });
const moneyLines = z
  .array(z.strictObject({ task: z.string(), model: z.string(), requests: counted, usd: dollars }))
  .readonly();

const problem = z
  .strictObject({
    kind: z.enum([
      "config",
      "usage",
      "graph",
      "missing-input",
      "permission",
      "disk-full",
      "io",
      "corrupt",
      "locked",
      "tokenizer",
      "auth",
      "provider",
      "budget",
      "recipe",
      "version",
    ]),
    where: z.string().describe("A file with line and column, a target, or a command-line option."),
    message: z.string(),
    fix: z.string().exactOptional().describe("What to do about it."),
  })
  .meta({ id: "Problem" });

const progress = z.strictObject({ total: counted, completed: counted, failed: counted }).meta({ id: "Progress" });

const waitingOn = z
  .strictObject({
    requestFile: z.string(),
    jobId: z.string(),
    batchId: z.string().nullable(),
    status: z.string().describe("The provider's word, or ours before it has one."),
    progress,
    since: z.number().describe("Milliseconds since the epoch."),
  })
  .meta({ id: "WaitingOn" });

const staleReason = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("never-built") }),
    z.strictObject({ kind: z.literal("recipe-changed"), recipe: z.string(), modules: names }),
    z.strictObject({
      kind: z.literal("input-changed"),
      input: z.string(),
      what: z.string(),
      from: z.string(),
      to: z.string(),
    }),
    z.strictObject({ kind: z.literal("input-added"), input: z.string(), what: z.string() }),
    z.strictObject({ kind: z.literal("input-removed"), input: z.string(), what: z.string() }),
    z.strictObject({ kind: z.literal("input-rebuilt"), input: z.string(), target: z.string() }),
    z.strictObject({ kind: z.literal("blob-lost"), output: z.string() }),
  ])
  .meta({ id: "StaleReason" });

const restoreReason = z.enum(["missing", "edited", "reverted"]);

const targetState = z
  .discriminatedUnion("state", [
    z.strictObject({ state: z.literal("fresh") }),
    z.strictObject({ state: z.literal("stale"), reasons: z.array(staleReason).readonly() }),
    z.strictObject({ state: z.literal("building") }),
    z.strictObject({ state: z.literal("built"), changed: z.boolean() }),
    z.strictObject({ state: z.literal("restored"), reason: restoreReason }),
    z.strictObject({ state: z.literal("waiting"), on: z.array(waitingOn).readonly() }),
    z.strictObject({ state: z.literal("blocked"), by: names }),
    z.strictObject({ state: z.literal("failed"), problem }),
  ])
  .meta({ id: "TargetState" });

const stateName = z.enum(["fresh", "stale", "building", "built", "restored", "waiting", "blocked", "failed"]);

const asked = {
  requests: counted,
  reused: counted.describe("Requests whose answers are already there, or under way."),
  inputTokens: z.number().nonnegative().nullable().describe("null: unknown."),
  outputTokens: z.number().nonnegative().nullable().describe("Expected; null: unknown."),
  costUsd: dollars.describe("Expected; null: unknown, never zero."),
  maxCostUsd: dollars.describe("If every answer were as long as allowed."),
};
const ask = z.strictObject({ ...asked, model: z.string() }).meta({ id: "Ask" });

/** The events of a build. */
export const buildEventSchema = z.discriminatedUnion("type", [
  z
    .strictObject({ type: z.literal("build-started"), goals: names, simulated: z.boolean(), provider: z.string() })
    .describe("The first event of a build that could begin."),
  z
    .strictObject({
      type: z.literal("target"),
      target: z.string(),
      stage: z.string(),
      task: z.string().nullable(),
      state: targetState,
      durationMs: z.number().nonnegative().nullable(),
    })
    .describe("A target came into a state."),
  z
    .strictObject({ type: z.literal("stage"), stage: z.string(), done: counted, total: counted })
    .describe("How many targets of a stage are known by now; grows while a build finds out what it needs."),
  z
    .strictObject({ type: z.literal("asked"), target: z.string(), ask })
    .describe("Requests of a request file are about to be sent, and what they may cost."),
  z
    .strictObject({
      type: z.literal("job"),
      jobId: z.string(),
      requestFile: z.string(),
      batchId: z.string().nullable(),
      status: z.string(),
      progress,
    })
    .describe("A batch job changed: submitted, counted further, collected."),
  z
    .strictObject({
      type: z.literal("notice"),
      level: z.enum(["info", "warning"]),
      code: z.string().describe("For programs: `simulated`, `edited-output`, …"),
      message: z.string(),
    })
    .describe("Something worth knowing that is no failure."),
  z.strictObject({ type: z.literal("problem"), problem }).describe("Something a person can mend, said once."),
  z
    .strictObject({ type: z.literal("summary"), target: z.string(), summary: jsonObject })
    .describe("What a finished dataset holds, as in its manifest."),
  z
    .strictObject({
      type: z.literal("build-finished"),
      outcome: z.enum(["interrupted", "failed", "refused", "waiting", "up-to-date"]),
      counts: z.partialRecord(stateName, counted),
      durationMs: z.number().nonnegative(),
    })
    .describe("The last event of a build."),
]);

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

/** What the other commands write. */
export const resultLineSchema = z.union([
  planLine,
  z
    .strictObject({
      type: z.literal("plan-total"),
      goals: names,
      provider: z.string(),
      simulated: z.boolean(),
      actions: z.partialRecord(planAction, counted),
      ...asked,
    })
    .describe("`plan`: the last line."),
  z
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
      errors: names,
    })
    .describe("`status`: one batch job."),
  z
    .strictObject({
      type: z.literal("status-total"),
      jobs: z.record(jobStanding, counted),
      provider: z.string(),
      simulated: z.boolean(),
    })
    .describe("`status`: the last line."),
  z
    .strictObject({
      type: z.literal("explanation"),
      target: z.string(),
      standing: planLine,
      causes: z.array(planLine).readonly().describe("The targets upstream that are why."),
    })
    .describe("`explain`."),
  z
    .strictObject({ ...broken, reason: z.enum(["unequal-token-count", "not-one-token-apart"]) })
    .describe("`validate --show-failures`: a variant of a scenario under one tokenizer."),
  z
    .strictObject({ ...failure, reason: z.enum(["incomplete-scenario", "unfit-text"]), message: z.string() })
    .describe("`validate --show-failures`: a scenario that could not be held to the rule."),
  z
    .strictObject({
      type: z.literal("validation"),
      file: z.string(),
      rows: counted,
      scenarios: counted,
      validScenarios: counted,
      malformed: counted,
      failures: z.record(z.string(), z.record(z.string(), counted)).describe("By variant, then tokenizer."),
    })
    .describe("`validate`: the last line."),
  z
    .strictObject({
      type: z.literal("inspection"),
      file: z.string(),
      format: z.enum(["dataset", "records", "embeddings", "shard", "requests", "output", "unknown"]),
      lines: counted,
      malformed: counted,
      entries: counted,
      counts: z.record(z.string(), counted),
      first: z.array(jsonObject).readonly(),
    })
    .describe("`inspect`."),
  z
    .strictObject({ type: z.literal("simulator"), url: z.string(), env: z.record(z.string(), z.string()) })
    .describe("`simulate`: it is ready; set these variables to use it."),
  z
    .strictObject({
      type: z.literal("clean"),
      file: z.string(),
      action: z.enum(["removed", "would-remove", "kept"]),
      why: z.enum(["edited", "not-placed-by-dsgen"]).nullable(),
    })
    .describe("`clean`: one generated file."),
  z
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
    .describe("`clean`: the last line."),
  z
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
    .describe("`graph`: one target."),
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
            answers: counted,
            usage: z.strictObject({ input: counted, cachedInput: counted, output: counted }),
            usd: dollars,
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
    .strictObject({
      type: z.literal("imported"),
      requests: counted,
      taken: counted,
      known: counted,
      adopted: names.describe("Batches still running, watched from now on."),
      unplaced: z.record(z.string(), counted).readonly(),
      failed: counted,
      simulated: counted,
      notes: names,
    })
    .describe("`import`."),
  z
    .strictObject({
      type: z.literal("gc"),
      dryRun: z.boolean(),
      blobs: amount,
      paidBlobs: amount,
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

/** Any line that dsgen writes under `--json`. */
export const jsonLineSchema = z.union([buildEventSchema, resultLineSchema]);

/** A type without brands: a target's name is a string to whoever reads JSON. */
type Plain<T> = T extends JsonObject
  ? JsonObject extends T
    ? T
    : PlainMembers<T>
  : T extends string
    ? string extends T
      ? string
      : T extends { readonly __brand: string }
        ? string
        : T
    : T extends readonly (infer Item)[]
      ? readonly Plain<Item>[]
      : PlainMembers<T>;
type PlainMembers<T> = T extends string | number | boolean | null | undefined ? T : { [K in keyof T]: Plain<T[K]> };

/** Compiles only while the schema takes what the type allows, and the type allows what the schema takes. */
type Agree<Schema, Type> = [Type] extends [Schema]
  ? [Schema] extends [Plain<Type>]
    ? true
    : "schema allows more"
  : "type allows more";
const eventsAgree: Agree<z.output<typeof buildEventSchema>, BuildEvent> = true;
const resultsAgree: Agree<z.output<typeof resultLineSchema>, ResultLine> = true;
/**
 * Proof, for the compiler alone, that schemas and types say the same.
 * @public
 */
export const schemasAgree: boolean = eventsAgree && resultsAgree;
