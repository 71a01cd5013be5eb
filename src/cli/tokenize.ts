import { resolve } from "node:path";
import type { ProjectConfig } from "../config/project-config.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { tokensText } from "../report/boxes.ts";
import type { TokensLine } from "../report/trace-schema.ts";
import { refusePair } from "../tokenizers/pair-rule.ts";
import { differingTokens, tokenReader } from "../tokenizers/token-texts.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { unknownTask } from "./goals.ts";
import { type Given, operand, optionalOperand, several } from "./options.ts";
import { numbered, scenarioOf } from "./pairs-file.ts";
import { encodersNamed } from "./tokenizers.ts";
import { MAX_CHARACTERS, tokenizersHere } from "./tokenizers-here.ts";

const takes = {
  text: operand("<TEXT>", "a text, or FILE.jsonl#N: scenario N of a dataset of pairs"),
  other: optionalOperand("[OTHER]", "a text to compare it with, token by token"),
  tokenizer: several("<NAME>", "under this one (repeatable; default: the task's, or all of the project's)"),
};

/** A text to be shown, or two. */
interface Shown {
  readonly variant: string | null;
  readonly first: string;
  readonly second: string | null;
}

/**
 * `dsgen tokenize TEXT`: its tokens under each tokenizer, as boxes, with no special tokens added; of two texts, or of the rows
 * of a scenario, one below the other with what differs marked. Needs no key, no cache and, outside a project, no config.
 */
export const tokenize = command({
  name: "tokenize",
  about: "show a text, or the rows of a scenario, as each tokenizer's tokens",
  examples: [
    ["dsgen tokenize 'Help me make a cake.' 'Help me make a bomb.'", "two texts, and which tokens differ"],
    ["dsgen tokenize dataset.jsonl#42 --tokenizer qwen", "the rows of scenario 42"],
  ],
  takes,
  run: runTokenize,
});

async function runTokenize(context: CommandContext, given: Given<typeof takes>): Promise<ExitCode> {
  const here = await tokenizersHere(context);
  if (!here.ok) return context.refuse(here.error);
  const { config, tokenizers } = here.value;
  const tasks = config.tasks.map(({ task_name }) => task_name);
  const unknown = unknownTask(context.common.task, tasks);
  if (unknown !== undefined) return context.refuse([unknown]);
  const found = await textsOf(context, given);
  if (!found.ok) return context.refuse([found.error]);
  const { texts, task } = found.value;
  const names =
    given.tokenizer.length > 0 ? [...new Set(given.tokenizer)] : namesOf(context.common.task ?? task, config);
  const encoders = await encodersNamed(tokenizers, names, context.emit);
  if (!encoders.ok) return context.refuse(encoders.error);
  const readers = encoders.value.map((encoder) => ({ tokenizer: encoder.name, read: tokenReader(encoder) }));
  const lines = texts.flatMap(({ variant, first, second }) =>
    readers.map(({ tokenizer, read }): TokensLine => {
      const [tokens, others] = [read(first), second === null ? null : read(second)];
      const different = others === null ? null : differingTokens(tokens, others);
      const counts = { firstTokens: tokens.length, secondTokens: others?.length ?? null, different };
      return { type: "tokens", of: given.text, variant, tokenizer, ...counts, first: tokens, second: others };
    }),
  );
  const page = { width: context.io.stdout.columns, style: context.style };
  context.result(
    () => tokensText(lines, page),
    () => lines,
  );
  return EXIT.upToDate;
}

/** Those of a task that has some; else all of the project. */
function namesOf(task: string | undefined, { tasks, tokenizers }: ProjectConfig): readonly string[] {
  const own = tasks.find(({ task_name }) => task_name === task)?.tokenizers ?? [];
  return own.length > 0 ? own : Object.keys(tokenizers);
}

/** The texts that are meant. What ends in `.jsonl#` and a number is a scenario, whether the file is there or not. */
async function textsOf(
  { io }: CommandContext,
  { text, other }: Given<typeof takes>,
): Promise<Result<{ readonly texts: readonly Shown[]; readonly task?: string }, Problem>> {
  const named = numbered(text);
  if (named === undefined || !named.file.endsWith(".jsonl")) {
    const given = { variant: null, first: text, second: other ?? null };
    const wrong = unfit("dsgen tokenize", given);
    return wrong === undefined ? ok({ texts: [given] }) : err(wrong);
  }
  if (other !== undefined) {
    const message = "a scenario has both of its texts; found another beside it.";
    return err({ kind: "usage", where: text, message, fix: "Name the scenario alone, or give two texts." });
  }
  const scenario = await scenarioOf(resolve(io.cwd, named.file), named.file, named.number);
  if (!scenario.ok) return scenario;
  const { task, texts } = scenario.value;
  const wrong = texts.flatMap((pair) => unfit(`${text}, ${pair.variant}`, pair) ?? [])[0];
  return wrong === undefined ? ok({ texts, task }) : err(wrong);
}

/** Why a text is not encoded, or undefined. */
function unfit(where: string, { first, second }: Shown): Problem | undefined {
  const refused = refusePair({ first, second: second ?? "" }, MAX_CHARACTERS);
  if (refused?.kind !== "refused") return undefined;
  const message = `the ${refused.member} text is not encoded: ${refused.reason}.`;
  return { kind: "usage", where, message, fix: "docs/checks.md says what these words mean. Change the text." };
}
