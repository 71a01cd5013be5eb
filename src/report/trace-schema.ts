import { z } from "zod";
import { counted, dollars, jsonObject, line, waitingOn } from "../events/schema.ts";

/* What `explain` answers of a row, a candidate and a request, and `tokenize` of a text. */

const token = z.strictObject({
  id: counted,
  text: z.string().nullable().describe("null: its tokenizer is not run by tables, which are what is read for this."),
  start: counted
    .nullable()
    .describe("Where it begins in the text, in bytes of UTF-8; null where its tokenizer has changed the text."),
});
const tokens = z.array(token).readonly();
const different = z.array(counted).readonly().nullable();
const POSITIONS = "Positions, from 0; null where there are not equally many";

const comparison = z.strictObject({
  variant: z.string(),
  tokenizer: z.string(),
  first: tokens,
  second: tokens,
  different: different.describe(`${POSITIONS}.`),
  changed: z.boolean().describe("The tokenizer is another one than when the candidate was checked."),
});
export type TracedComparison = z.output<typeof comparison>;

const candidate = z.strictObject({
  file: z.string(),
  line: z.number().int().positive(),
  entry: counted.describe("Its place among the entries of its answer."),
  requestId: z.string().nullable(),
  valid: z.boolean(),
  texts: z.record(z.string(), z.string()),
  checks: z
    .array(
      z.strictObject({
        check: z.string(),
        ok: z.boolean(),
        reason: z.string().nullable(),
        detail: jsonObject.nullable(),
      }),
    )
    .readonly(),
  tokens: z.array(comparison).readonly(),
});
export type TracedCandidate = z.output<typeof candidate>;

const usage = z.strictObject({ input: counted, cachedInput: counted, output: counted });

const request = z.strictObject({
  requestId: z.string(),
  asked: z
    .strictObject({ file: z.string(), line: z.number().int().positive(), request: jsonObject })
    .nullable()
    .describe("Where it is asked; null: in no request file as they are now."),
  state: z.enum(["answer", "refusal", "liftable", "under-way", "unanswered"]),
  why: z.string().nullable().describe("Why there is no answer."),
  batchId: z.string().nullable(),
  job: waitingOn.nullable(),
  via: z.enum(["batch", "direct", "import"]).nullable(),
  raw: z.string().nullable().describe("The stored line, exactly as it was received."),
  usage: usage.nullable(),
  costUsd: dollars,
});
export type TracedRequest = z.output<typeof request>;

export const traceLine = line("trace", "`explain` of a row, a candidate, a request or a job: where it comes from.", {
  of: z.string(),
  row: z.strictObject({ file: z.string(), scenario: counted, rows: z.array(jsonObject).readonly() }).nullable(),
  candidates: z.array(candidate).readonly(),
  request: request.nullable(),
  job: z
    .strictObject({
      jobId: z.string(),
      usage: usage.nullable().describe("Of its new answers; null while they are not collected."),
      costUsd: dollars,
      atMostUsd: dollars,
    })
    .nullable()
    .describe("What a job came to; its `job-status` line stands before."),
});
export type TraceLine = z.output<typeof traceLine>;

export const tokensLine = line("tokens", "`tokenize`: a text, or two, under one tokenizer.", {
  of: z.string().describe("As it was named: the text, or `FILE#N`."),
  variant: z.string().nullable().describe("The template of a dataset's row; null for a text that was given."),
  tokenizer: z.string(),
  firstTokens: counted,
  secondTokens: counted.nullable(),
  different: different.describe(`${POSITIONS}, or only one text.`),
  first: tokens,
  second: tokens.nullable().describe("null: only one text was given."),
});
export type TokensLine = z.output<typeof tokensLine>;
