import { readOutputLine } from "../api/output-line.ts";
import { requestIdOf } from "../api/request-file.ts";
import type { CheckConfig } from "../config/project-config.ts";
import { defineRecipe, type RecipeContext } from "../engine/recipe.ts";
import { JsonBytes } from "../graph/json-bytes.ts";
import { ProblemError } from "../graph/problem.ts";
import { answerReader } from "../kinds/answers.ts";
import type { ShardReader } from "../kinds/kind.ts";
import { kindOf } from "../kinds/registry.ts";
import { shardLineWriter } from "../kinds/shard-writer.ts";
import { type Candidate, type CheckedCandidate, type EntryNames, pairOfTexts } from "../tasks/candidate.ts";
import { planChecks } from "../tasks/check-plan.ts";
import { type ModuleCheck, moduleCheck, modulePaths } from "../tasks/check-verdict.ts";
import { ShardTally } from "../tasks/shard-summary.ts";
import type { EncoderSpec } from "../tokenizers/encoder.ts";
import { openJudge, type PairJudge } from "../tokenizers/judge.ts";

/**
 * Candidates judged together: in this thread alone so few that what is made of one does not outlive the others; where more
 * threads judge, enough to keep two of them busy.
 */
const [ALONE, TOGETHER] = [64, 512];

/**
 * Reads every answer of an output file and runs the task's checks on every candidate: one line a candidate, valid or
 * not, in the order of the answers; beside it the counts.
 */
export default defineRecipe(async (context) => {
  const entry = context.value<EntryNames>("names");
  const kind = kindOf(entry);
  const reader = await kind.reader(context, entry, answerReader);
  const names = { ...entry, variants: reader.variants.map(({ name }) => name), tokenizers: reader.tokenizers };
  const maxCharacters = context.value<number>("max_characters");
  const configs = context.value<readonly CheckConfig[]>("checks");
  const checks = planChecks(configs, {
    ...names,
    textNames: kind.textNames(entry.fields),
    maxCharacters,
    timeoutSeconds: context.value<number>("check_timeout_seconds"),
    modules: await modulesOf(context, configs),
  });
  const judge = checks.needsTokens ? await judgeOf(context, reader, maxCharacters) : undefined;
  const tally = new ShardTally();
  const out = context.output(0);
  const write = shardLineWriter(names);
  const lines = new JsonBytes();
  const portion = context.threads > 1 ? TOGETHER : ALONE;
  let waiting: { readonly candidate: Candidate; readonly from: CheckedCandidate["from"] }[] = [];
  const flush = async () => {
    const together = waiting;
    waiting = [];
    context.signal.throwIfAborted();
    const pairs = await judge?.judge(together.map(({ candidate }) => pairOfTexts(candidate.texts)));
    const subjects = together.map(({ candidate }, i) => ({ candidate, tokens: pairs?.[i] }));
    const all = await checks.run(subjects, context.signal);
    for (const [i, { candidate, from }] of together.entries()) {
      const verdicts = all[i] ?? [];
      tally.candidate(verdicts);
      write({ candidate, verdicts, tokens: pairs?.[i], from }, lines);
    }
    await out.write(lines.take());
  };
  try {
    let line = 0;
    for await (const raw of context.file("answers").lines()) {
      line++;
      const read = readOutputLine(raw, requestIdOf);
      if (read.kind !== "answer") {
        tally.response(read);
        continue;
      }
      const parsed = reader.read(read);
      tally.response(read, parsed);
      const from = { custom_id: read.customId, request_id: read.id, line };
      for (const candidate of parsed.candidates) {
        waiting.push({ candidate, from });
        if (waiting.length >= portion) await flush();
      }
    }
    await flush();
  } finally {
    await judge?.close();
  }
  const summary = tally.summary();
  await context.output(1).write(`${JSON.stringify(summary, null, 2)}\n`);
  context.note({ candidates: summary.candidates, valid: summary.valid });
});

/** The project's own checks, by path. */
async function modulesOf(context: RecipeContext, checks: readonly CheckConfig[]): Promise<Map<string, ModuleCheck>> {
  const modules = new Map<string, ModuleCheck>();
  for (const path of modulePaths(checks)) modules.set(path, moduleCheck(path, await context.module(`check ${path}`)));
  return modules;
}

async function judgeOf(
  context: RecipeContext,
  { variants, tokenizers: names }: ShardReader,
  maxCharacters: number,
): Promise<PairJudge> {
  const tokenizers: EncoderSpec[] = [];
  for (const name of names) tokenizers.push(await context.tool<EncoderSpec>(`tokenizer ${name}`));
  const judge = await openJudge({ tokenizers, variants, threads: context.threads, maxCharacters });
  if (!judge.ok) throw new ProblemError(judge.error);
  return judge.value;
}
