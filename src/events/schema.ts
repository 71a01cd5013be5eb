import { z } from "zod";
import type { JsonObject, JsonValue } from "../graph/json.ts";

/*
 * All that a build tells the outside: whoever does something emits, only report/ prints, and `--json` writes each as one line.
 * What `--json` writes, as zod schemas, which are the types as well. schemas/events.schema.json and docs/events.md
 * are made from them, and the tests hold real output against them. Strict, so that a member nobody documented is noticed; the
 * published schema lets unknown members through: adding one is compatible, changing one is not.
 */

/** One line: its type, what it says, and its other members. */
export function line<Type extends string, Members extends z.ZodRawShape>(type: Type, about: string, members: Members) {
  return z.strictObject({ type: z.literal(type), ...members }).describe(about);
}

export const jsonValue: z.ZodType<JsonValue> = z.lazy(() =>
  z.union([
    z.null(),
    z.boolean(),
    z.number(),
    z.string(),
    z.array(jsonValue).readonly(),
    z.record(z.string(), jsonValue).readonly(),
  ]),
);
export const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), jsonValue).readonly();

export const names = z.array(z.string()).readonly();
export const counted = z.number().int().nonnegative();
export const dollars = z.number().nonnegative().nullable();

export const problem = z
  .strictObject({
    kind: z.enum([
      "config", // a config file or a --set value is wrong
      "usage", // the command line is wrong
      "graph", // targets contradict each other: cycle, two of one name, unknown input
      "missing-input",
      "permission",
      "disk-full",
      "io",
      "corrupt", // a stored blob or journal line is damaged
      "locked",
      "tokenizer",
      "auth",
      "provider",
      "budget",
      "recipe", // a recipe broke its contract or threw
      "executor", // another machine, or who gives work to it, failed
      "version", // a format this dsgen does not know
    ]),
    where: z.string().describe("A file with line and column, a target, or a command-line option."),
    /** One sentence: what is wrong, with what was expected and what was found. */
    message: z.string(),
    fix: z.string().exactOptional().describe("What to do about it."),
  })
  .meta({ id: "Problem" });

export const progress = z
  .strictObject({ total: counted, completed: counted, failed: counted })
  .meta({ id: "Progress" });

export const waitingOn = z
  .strictObject({
    requestFile: z.string(),
    jobId: z.string(),
    batchId: z.string().nullable(),
    status: z.string().describe("The provider's word, or ours before it has one."),
    progress,
    since: z.number().describe("Milliseconds since the epoch."),
  })
  .meta({ id: "WaitingOn" });

export const waitingElsewhere = z
  .strictObject({
    executor: z.string().describe("What makes it: `slurm`, …"),
    job: z.string().nullable().describe("Its name for the work this is part of; null before it has one."),
    reason: z.string().describe("Why it is not made yet, for people: `running on node7`, `pending (Resources)`."),
    node: z.string().exactOptional().describe("Where it is being made."),
    since: z.number().describe("Milliseconds since the epoch."),
  })
  .meta({ id: "WaitingElsewhere" });

export const staleReason = z
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
    // An input is itself about to be made; whether this one follows depends on the bytes that come out.
    z.strictObject({ kind: z.literal("input-rebuilt"), input: z.string(), target: z.string() }),
    // The cache knew the result once, but a blob is gone or damaged.
    z.strictObject({ kind: z.literal("blob-lost"), output: z.string() }),
  ])
  .meta({ id: "StaleReason" });

export const restoreReason = z.enum(["missing", "edited", "reverted", "shared"]);

export const targetState = z
  .discriminatedUnion("state", [
    z.strictObject({ state: z.literal("fresh") }),
    z.strictObject({ state: z.literal("stale"), reasons: z.array(staleReason).readonly() }),
    z.strictObject({ state: z.literal("building") }),
    z.strictObject({ state: z.literal("built"), changed: z.boolean() }),
    z.strictObject({ state: z.literal("restored"), reason: restoreReason }),
    z.strictObject({
      state: z.literal("waiting"),
      on: z.array(waitingOn).readonly(),
      elsewhere: z
        .array(waitingElsewhere)
        .readonly()
        .exactOptional()
        .describe("What other machines are to make for it."),
    }),
    z.strictObject({ state: z.literal("blocked"), by: names }),
    z.strictObject({ state: z.literal("failed"), problem }),
  ])
  .meta({ id: "TargetState" });

export const stateName = z.enum(["fresh", "stale", "building", "built", "restored", "waiting", "blocked", "failed"]);

export const asked = {
  requests: counted,
  reused: counted.describe("Requests whose answers are already there, or under way."),
  inputTokens: z.number().nonnegative().nullable().describe("null: unknown."),
  outputTokens: z.number().nonnegative().nullable().describe("Expected; null: unknown."),
  costUsd: dollars.describe("Expected; null: unknown, never zero."),
  maxCostUsd: dollars.describe("If every answer were as long as allowed."),
  left: counted.exactOptional().describe("Requests that `--limit` leaves for a later build."),
};
export const ask = z.strictObject({ ...asked, model: z.string() }).meta({ id: "Ask" });
/** What asking would take. `null` means unknown, never zero. */
export type Ask = z.output<typeof ask>;

/** The events of a build. */
export const buildEventSchema = z.discriminatedUnion("type", [
  line("build-started", "The first event of a build that could begin.", {
    goals: names,
    simulated: z.boolean(),
    provider: z.string(),
  }),
  line("target", "A target came into a state.", {
    target: z.string(),
    stage: z.string(),
    task: z.string().nullable(),
    state: targetState,
    durationMs: z.number().nonnegative().nullable(),
  }),
  line("stage", "How many targets of a stage are known by now; grows while a build finds out what it needs.", {
    stage: z.string(),
    done: counted,
    total: counted,
  }),
  line("asking", "All that is about to be asked now, in one sum; nothing of it has been sent.", {
    files: counted,
    ...asked,
  }),
  line("asked", "Requests of a request file are about to be sent, and what they may cost.", {
    target: z.string(),
    ask,
  }),
  line("job", "A batch job changed: submitted, counted further, collected.", {
    jobId: z.string(),
    requestFile: z.string(),
    batchId: z.string().nullable(),
    status: z.string(),
    progress,
  }),
  line("look", "Nothing is left to do but to wait: what is waited for is looked at again after so many milliseconds.", {
    inMs: z.number().nonnegative(),
  }),
  line("notice", "Something worth knowing that is no failure.", {
    level: z.enum(["info", "warning"]),
    code: z.string().describe("For programs: `simulated`, `edited-output`, …"),
    message: z.string(),
  }),
  line("problem", "Something a person can mend, said once.", { problem }),
  line("summary", "What a finished dataset holds, as in its manifest.", { target: z.string(), summary: jsonObject }),
  line("pilot", "What a pilot (`--realtime --limit N`) came to.", {
    task: z.string(),
    file: z.string().nullable().describe("The candidates with their verdicts; null when none came."),
    requests: counted,
    answered: counted,
    candidates: counted,
    valid: counted,
    failedChecks: z.record(z.string(), counted),
    unreadable: z.record(z.string(), counted),
    rest: ask.describe("What the unanswered requests would take in batch jobs."),
    wanted: counted.nullable(),
  }),
  line("build-finished", "The last event of a build.", {
    outcome: z.enum(["interrupted", "failed", "refused", "waiting", "pilot", "up-to-date"]),
    counts: z.partialRecord(stateName, counted),
    durationMs: z.number().nonnegative(),
  }),
]);

export type BuildEvent = z.output<typeof buildEventSchema>;

/** A few requests asked to see what comes of them. */
export type PilotResult = Omit<Extract<BuildEvent, { type: "pilot" }>, "type">;

export type Emit = (event: BuildEvent) => void;
