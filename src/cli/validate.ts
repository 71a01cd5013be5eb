import { resolve } from "node:path";
import type { Problem } from "../graph/problem.ts";
import { ok, type Result } from "../graph/result.ts";
import { writeLine } from "../report/reporter.ts";
import type { ValidationFailureLine } from "../report/result-schema.ts";
import { failureText, validationText } from "../report/validation.ts";
import { type DatasetScenario, readDataset } from "../tasks/rows.ts";
import type { Encoder } from "../tokenizers/encoder.ts";
import { compareIds, refusePair } from "../tokenizers/pair-rule.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { flag, type Given, list, operand } from "./options.ts";
import { noPairs } from "./pairs-file.ts";
import { readLines, unreadable } from "./read-lines.ts";
import { encodersNamed } from "./tokenizers.ts";
import { MAX_CHARACTERS, tokenizersHere } from "./tokenizers-here.ts";

/** Malformed lines that are told one by one without --show-failures. */
const SHOWN_MALFORMED = 20;
/** Encoding is synchronous: so often Ctrl-C gets a hearing. */
const BREATHE_EVERY = 64;

const takes = {
  file: operand("<FILE>", "a dataset file"),
  showFailures: flag("list every failure"),
  tokenizers: list("<NAMES>", "check with these, separated by commas (default: the task's)"),
};

type Asked = Given<typeof takes>;

/**
 * `dsgen validate FILE`: holds the rows of a dataset file to the pair rule, text against text as they stand in the file, so
 * that a mistake in templates or rendering shows too. Ends with 1 when one fails, or when there is nothing to check.
 */
export const validate = command({
  name: "validate",
  about: "check a dataset file against the tokenizers, row by row",
  examples: [
    ["dsgen validate dataset.jsonl --show-failures", "every row that the tokenizers do not agree on"],
    ["dsgen validate pairs.jsonl --tokenizers llama,qwen", "a file that dsgen did not make"],
  ],
  takes,
  run: runValidate,
});

async function runValidate(context: CommandContext, asked: Asked): Promise<ExitCode> {
  const path = resolve(context.io.cwd, asked.file);
  const problem = unreadable(path, asked.file) ?? (await noPairs(path, asked.file));
  if (problem !== undefined) return context.refuse([problem]);
  const here = await tokenizersHere(context);
  if (!here.ok) return context.refuse(here.error);
  const { config, tokenizers } = here.value;
  const encoders = new Map<string, Promise<Result<readonly Encoder[], readonly Problem[]>>>();
  /** Those asked for, or those of the task. */
  const encodersFor = (task: string) => {
    const declared = config.tasks.find(({ task_name }) => task_name === task)?.tokenizers;
    const names = asked.tokenizers ?? declared ?? Object.keys(config.tokenizers);
    const known = encoders.get(names.join()) ?? encodersNamed(tokenizers, names, context.emit);
    encoders.set(names.join(), known);
    return known;
  };
  // Names given on the command line are checked before a file of any length is read.
  const named = asked.tokenizers === undefined ? ok([]) : await encodersFor("");
  if (!named.ok) return context.refuse(named.error);
  const validation = new Validation(context, asked);
  let seen = 0;
  for await (const read of readDataset(readLines(path, asked.file), asked.file, () => validation.row())) {
    if (context.signal.aborted) return EXIT.interrupted;
    if (++seen % BREATHE_EVERY === 0) await new Promise((breathed) => setImmediate(breathed));
    if (!read.ok) {
      validation.malformed(read.error);
      continue;
    }
    const { task } = read.value;
    const loaded = await encodersFor(task);
    if (!loaded.ok) return context.refuse(loaded.error);
    // A task that the config does not know needs no variant.
    const known = config.tasks.find(({ task_name }) => task_name === task)?.templates ?? {};
    validation.scenario(read.value, loaded.value, Object.keys(known));
  }
  return validation.finish();
}

/** Counts what holds and what does not, and tells failures as they are met. */
class Validation {
  readonly #context: CommandContext;
  readonly #asked: Asked;
  /** By variant, then tokenizer. */
  readonly #failures = new Map<string, Map<string, number>>();
  #rows = 0;
  #scenarios = 0;
  #valid = 0;
  #malformed = 0;

  constructor(context: CommandContext, asked: Asked) {
    this.#context = context;
    this.#asked = asked;
  }

  row(): void {
    this.#rows++;
  }

  malformed(problem: Problem): void {
    this.#malformed++;
    if (this.#malformed <= SHOWN_MALFORMED || this.#asked.showFailures) this.#context.problems([problem]);
  }

  scenario(scenario: DatasetScenario, encoders: readonly Encoder[], variants: readonly string[]): void {
    const { scenarioId, line: at, texts } = scenario;
    this.#scenarios++;
    const unfit = (line: number, reason: "incomplete-scenario" | "unfit-text", message: string) =>
      this.#tell({ type: "validation-failure", line, reason, message });
    const missing = variants.filter((name) => !texts.some(({ variant }) => variant === name));
    if (missing.length > 0)
      unfit(at, "incomplete-scenario", `scenario ${scenarioId} has no rows of ${missing.join(", ")}`);
    let holds = missing.length === 0 && texts.length > 0;
    for (const [i, pair] of texts.entries()) {
      const { variant } = pair;
      const line = at + 2 * i;
      const refused = refusePair(pair, MAX_CHARACTERS);
      if (refused?.kind === "refused") {
        holds = false;
        unfit(line, "unfit-text", `scenario ${scenarioId}, ${variant}: ${refused.reason}`);
        continue;
      }
      const counts = this.#failures.get(variant) ?? new Map<string, number>();
      this.#failures.set(variant, counts);
      for (const encoder of encoders) {
        const tokenizer = encoder.name;
        const { first, second, different } = compareIds(encoder.encode(pair.first), encoder.encode(pair.second));
        const passes = different?.length === 1;
        counts.set(tokenizer, (counts.get(tokenizer) ?? 0) + (passes ? 0 : 1));
        if (passes) continue;
        holds = false;
        this.#tell({
          type: "validation-failure",
          line,
          scenarioId,
          variant,
          tokenizer,
          reason: different === null ? "unequal-token-count" : "not-one-token-apart",
          promptTokens: first,
          counterfactualTokens: second,
          differences: different?.length ?? null,
        });
      }
    }
    if (holds) this.#valid++;
  }

  finish(): ExitCode {
    const { file, showFailures } = this.#asked;
    const [scenarios, validScenarios, malformed] = [this.#scenarios, this.#valid, this.#malformed];
    const failures = Object.fromEntries(
      [...this.#failures].map(([variant, counts]) => [variant, Object.fromEntries(counts)]),
    );
    const line = {
      type: "validation" as const,
      file,
      rows: this.#rows,
      scenarios,
      validScenarios,
      malformed,
      failures,
    };
    this.#context.result(
      () => validationText(line, showFailures, this.#context.style),
      () => [line],
    );
    return scenarios > 0 && validScenarios === scenarios && malformed === 0 ? EXIT.upToDate : EXIT.failed;
  }

  #tell(failure: ValidationFailureLine): void {
    if (!this.#asked.showFailures) return;
    const { io, common } = this.#context;
    if (common.json) writeLine(io.stdout, failure);
    else io.stdout.write(failureText(failure, this.#asked.file));
  }
}
