import { z } from "zod";
import type { JsonObject, JsonValue } from "../graph/json.ts";

/* What the schemas of events and of results are put together from. */

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

export const amount = z.strictObject({ count: counted, bytes: counted });
/** What several answers took. */
export const tally = {
  answers: counted,
  unreported: counted.describe("Answers whose tokens the provider did not count: theirs are not in `usage`."),
  usage: z.strictObject({ input: counted, cachedInput: counted, output: counted }),
};
export const moneyLines = z
  .array(z.strictObject({ task: z.string(), model: z.string(), requests: counted, usd: dollars }))
  .readonly();

export const problem = z
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
export type WaitingOn = z.output<typeof waitingOn>;

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
    z.strictObject({ kind: z.literal("input-rebuilt"), input: z.string(), target: z.string() }),
    z.strictObject({ kind: z.literal("blob-lost"), output: z.string() }),
  ])
  .meta({ id: "StaleReason" });
export type StaleReason = z.output<typeof staleReason>;

export const restoreReason = z.enum(["missing", "edited", "reverted"]);

export const targetState = z
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
