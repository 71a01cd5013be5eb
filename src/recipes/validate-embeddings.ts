import { readOutputLine } from "../api/output-line.ts";
import { parseRequestFile, requestIdOf } from "../api/request-file.ts";
import type { CheckConfig } from "../config/project-config.ts";
import { defineRecipe, type InputFile, type RecipeContext } from "../engine/recipe.ts";
import { ProblemError } from "../graph/problem.ts";
import type { EntryNames } from "../tasks/candidate.ts";
import { type ModuleCheck, moduleCheck, modulePaths } from "../tasks/check-module.ts";
import { type CheckPlan, planChecks } from "../tasks/check-plan.ts";
import { parseEmbeddings, readTexts, textsOfBody } from "../tasks/embeddings.ts";
import { type ShardNames, writeShardLine } from "../tasks/shard.ts";
import { ShardTally } from "../tasks/shard-summary.ts";

/**
 * Joins every vector of an output file with the text it belongs to and runs the task's checks on the text: one line a text,
 * in the order of the requests; beside it the counts.
 */
export default defineRecipe(async (context) => {
  const names: ShardNames = { ...context.value<EntryNames>("names"), variants: [], tokenizers: [] };
  const dimensions = context.value<number | null>("dimensions");
  const checks = await checksOf(context, names);
  const asked = await askedTexts(context.file("requests"));
  const texts = readTexts(await context.file("inputs").text());
  const lineOf = new Map(texts.map(({ index, text }): [string, number] => [text, index]));
  const tally = new ShardTally();
  const out = context.output(0);
  let line = 0;
  for await (const raw of context.file("answers").lines()) {
    line++;
    context.signal.throwIfAborted();
    const read = readOutputLine(raw, requestIdOf);
    if (read.kind !== "answer") {
      tally.response(read);
      continue;
    }
    const parsed = parseEmbeddings(read.answer.data, asked.get(read.customId) ?? [], dimensions);
    tally.response(read, parsed);
    const from = { custom_id: read.customId, request_id: read.id, line };
    const subjects = parsed.candidates.map((candidate) => ({ candidate, tokens: undefined }));
    const all = await checks.run(subjects, context.signal);
    for (const [at, candidate] of parsed.candidates.entries()) {
      const index = lineOf.get(candidate.texts[0] ?? "");
      if (index === undefined) throw new Error(`${read.customId} embeds a text that is not among the inputs`);
      const verdicts = all[at] ?? [];
      tally.candidate(verdicts);
      const embedding = { index, vector: candidate.vector };
      await out.write(`${writeShardLine({ candidate, verdicts, tokens: undefined, from, embedding }, names)}\n`);
    }
  }
  const summary = tally.summary();
  await context.output(1).write(`${JSON.stringify(summary, null, 2)}\n`);
  context.note({ candidates: summary.candidates, valid: summary.valid });
});

async function checksOf(context: RecipeContext, names: ShardNames): Promise<CheckPlan> {
  const configs = context.value<readonly CheckConfig[]>("checks");
  const maxCharacters = context.value<number>("max_characters");
  const modules = new Map<string, ModuleCheck>();
  for (const path of modulePaths(configs)) modules.set(path, moduleCheck(path, await context.module(`check ${path}`)));
  const timeoutSeconds = context.value<number>("check_timeout_seconds");
  return planChecks(configs, { ...names, maxCharacters, timeoutSeconds, modules });
}

/** The texts each request sent, by custom_id. */
async function askedTexts(file: InputFile): Promise<ReadonlyMap<string, readonly string[]>> {
  const lines = parseRequestFile(file.name, await file.text());
  if (!lines.ok) throw new ProblemError(lines.error);
  return new Map(lines.value.map(({ customId, body }) => [customId, textsOfBody(body)]));
}
