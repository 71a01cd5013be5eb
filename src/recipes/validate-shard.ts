import { type OutputLine, readOutputLine } from "../api/output-line.ts";
import { requestIdOf } from "../api/request-file.ts";
import type { CheckConfig } from "../config/project-config.ts";
import { defineRecipe, type RecipeContext } from "../engine/recipe.ts";
import { ProblemError } from "../graph/problem.ts";
import { type Candidate, type EntryNames, pairOfTexts } from "../tasks/candidate.ts";
import { type ModuleCheck, moduleCheck, modulePaths } from "../tasks/check-module.ts";
import { type CheckPlan, planChecks } from "../tasks/check-plan.ts";
import { type EntryShape, parseAnswer } from "../tasks/parse.ts";
import { type ShardNames, writeShardLine } from "../tasks/shard.ts";
import { ShardTally } from "../tasks/shard-summary.ts";
import type { EncoderSpec } from "../tokenizers/encoder.ts";
import { openJudge, type PairJudge } from "../tokenizers/judge.ts";
import type { Variant } from "../tokenizers/pair-rule.ts";

/** Candidates judged together: enough to keep threads busy, few enough to keep memory flat. */
const PORTION = 512;

/**
 * Parses every answer of an output file and runs the task's checks on every candidate: one line a candidate, valid or
 * not, in the order of the answers; beside it the counts.
 */
export default defineRecipe(async (context) => {
  const templates = context.value<readonly Variant[]>("templates");
  const names: ShardNames = {
    ...context.value<EntryNames>("names"),
    variants: templates.map(({ name }) => name),
    tokenizers: context.value<readonly string[]>("tokenizers"),
  };
  const maxCharacters = context.value<number>("max_characters");
  const configs = context.value<readonly CheckConfig[]>("checks");
  const modules = await modulesOf(context, configs);
  const timeoutSeconds = context.value<number>("check_timeout_seconds");
  const checks = planChecks(configs, { ...names, maxCharacters, timeoutSeconds, modules });
  const judge = checks.needsTokens ? await judgeOf(context, names, templates, maxCharacters) : undefined;
  const shape = await shapeOf(names, context.value<string | null>("response_schema"));
  const tally = new ShardTally();
  try {
    const shard = new ShardWriter(context, checks, judge, names, tally);
    let line = 0;
    for await (const raw of context.file("answers").lines()) {
      line++;
      const read = readOutputLine(raw, requestIdOf);
      const parsed = read.kind === "answer" ? parseAnswer(read.answer.spoken, shape) : undefined;
      tally.response(read, parsed);
      for (const candidate of parsed?.candidates ?? []) await shard.add(candidate, read, line);
    }
    await shard.flush();
  } finally {
    await judge?.close();
  }
  const summary = tally.summary();
  await context.output(1).write(`${JSON.stringify(summary, null, 2)}\n`);
  context.note({ candidates: summary.candidates, valid: summary.valid });
});

/** What entries must be like; zod is loaded for tasks with a schema only. */
async function shapeOf({ kind, fields }: EntryNames, schema: string | null): Promise<EntryShape> {
  if (schema === null) return { kind, fields };
  const { entryFits } = await import("../tasks/response-schema.ts");
  return { kind, fields, fits: entryFits(schema) };
}

/** The project's own checks, by path. */
async function modulesOf(context: RecipeContext, checks: readonly CheckConfig[]): Promise<Map<string, ModuleCheck>> {
  const modules = new Map<string, ModuleCheck>();
  for (const path of modulePaths(checks)) modules.set(path, moduleCheck(path, await context.module(`check ${path}`)));
  return modules;
}

async function judgeOf(
  context: RecipeContext,
  names: ShardNames,
  variants: readonly Variant[],
  maxCharacters: number,
): Promise<PairJudge> {
  const tokenizers: EncoderSpec[] = [];
  for (const name of names.tokenizers) tokenizers.push(await context.tool<EncoderSpec>(`tokenizer ${name}`));
  const judge = await openJudge({ tokenizers, variants, threads: context.threads, maxCharacters });
  if (!judge.ok) throw new ProblemError(judge.error);
  return judge.value;
}

interface Waiting {
  readonly candidate: Candidate;
  readonly from: { readonly custom_id: string; readonly request_id: string; readonly line: number };
}

/** Gathers candidates into portions, has them judged, and writes their lines in order. */
class ShardWriter {
  readonly #context: RecipeContext;
  readonly #checks: CheckPlan;
  readonly #judge: PairJudge | undefined;
  readonly #names: ShardNames;
  readonly #tally: ShardTally;
  readonly #out;
  #waiting: Waiting[] = [];

  constructor(
    context: RecipeContext,
    checks: CheckPlan,
    judge: PairJudge | undefined,
    names: ShardNames,
    tally: ShardTally,
  ) {
    this.#context = context;
    this.#checks = checks;
    this.#judge = judge;
    this.#names = names;
    this.#tally = tally;
    this.#out = context.output(0);
  }

  async add(candidate: Candidate, source: OutputLine<string>, line: number): Promise<void> {
    if (source.kind !== "answer") return;
    this.#waiting.push({ candidate, from: { custom_id: source.customId, request_id: source.id, line } });
    if (this.#waiting.length >= PORTION) await this.flush();
  }

  async flush(): Promise<void> {
    const portion = this.#waiting;
    this.#waiting = [];
    this.#context.signal.throwIfAborted();
    const verdicts = await this.#judge?.judge(portion.map(({ candidate }) => pairOfTexts(candidate.texts)));
    const subjects = portion.map(({ candidate }, i) => ({ candidate, tokens: verdicts?.[i] }));
    const all = await this.#checks.run(subjects, this.#context.signal);
    for (const [i, { candidate, from }] of portion.entries()) {
      const tokens = verdicts?.[i];
      const checked = all[i] ?? [];
      this.#tally.candidate(checked);
      await this.#out.write(`${writeShardLine({ candidate, verdicts: checked, tokens, from }, this.#names)}\n`);
    }
  }
}
