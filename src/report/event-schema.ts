import { z } from "zod";
import type { BuildEvent } from "../engine/events.ts";
import type { JsonObject } from "../graph/json.ts";
import { resultLineSchema } from "./result-schema.ts";
import { ask, asked, counted, jsonObject, names, problem, progress, stateName, targetState } from "./schema-parts.ts";

/*
 * What `--json` writes, as zod schemas: schemas/events.schema.json and docs/events.md are made from them, and the tests hold
 * real output against them. Strict, so that a member nobody documented is noticed; the published schema lets unknown members
 * through, because adding one is compatible. The end of this file makes the compiler hold them against the types themselves.
 */

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
    .strictObject({ type: z.literal("asking"), files: counted, ...asked })
    .describe("All that is about to be asked now, in one sum; nothing of it has been sent."),
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
    .strictObject({ type: z.literal("look"), inMs: z.number().nonnegative() })
    .describe("Nothing is left to do but to wait: the provider is looked at again after so many milliseconds."),
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
      type: z.literal("pilot"),
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
    })
    .describe("What a pilot (`--realtime --limit N`) came to."),
  z
    .strictObject({
      type: z.literal("build-finished"),
      outcome: z.enum(["interrupted", "failed", "refused", "waiting", "pilot", "up-to-date"]),
      counts: z.partialRecord(stateName, counted),
      durationMs: z.number().nonnegative(),
    })
    .describe("The last event of a build."),
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
/**
 * Proof, for the compiler alone, that schema and type say the same.
 * @public
 */
export const schemasAgree: Agree<z.output<typeof buildEventSchema>, BuildEvent> = true;
