import { resolve } from "node:path";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { FORMAT_NAMES } from "../report/inspection.ts";
import { writeLine } from "../report/json.ts";
import type { ValidationFailureLine } from "../report/result-schema.ts";
import { failureText, validationText } from "../report/validation.ts";
import { type DatasetScenario, readDataset } from "../tasks/rows.ts";
import { type Encoder, loadEncoder } from "../tokenizers/encoder.ts";
import { compareIds, refusePair } from "../tokenizers/pair-rule.ts";
import { command } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { fileFormat, LOOKED_AT, parseLine } from "./inspect.ts";
import { flag, type Given, list, operand } from "./options.ts";
import { readLines, unreadable } from "./read-lines.ts";
import { type TokenizersHere, tokenizersHere } from "./tokenizers-here.ts";

/** Code points of a row's text; a longer one is no prompt, and encoding it could take minutes. */
const MAX_CHARACTERS = 100_000;
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
  takes,
  run: runValidate,
});

async function runValidate(context: CommandContext, asked: Asked): Promise<ExitCode> {
  const path = resolve(context.io.cwd, asked.file);
  const problem = unreadable(path, asked.file) ?? (await noPairs(path, asked.file));
  if (problem !== undefined) return context.refuse([problem]);
  const here = tokenizersHere(context.io, context.common);
  if (!here.ok) return context.refuse(here.error);
  const encoders = new Encoders(context, here.value, asked.tokenizers);
  // Names given on the command line are checked before a file of any length is read.
  const named = asked.tokenizers === undefined ? ok([]) : await encoders.load(asked.tokenizers);
  if (!named.ok) return context.refuse(named.error);
  const validation = new Validation(context, asked);
  let rows = 0;
  async function* counted(): AsyncGenerator<string> {
    for await (const line of readLines(path, asked.file)) {
      rows++;
      yield line;
    }
  }
  let seen = 0;
  for await (const read of readDataset(counted(), asked.file)) {
    if (context.signal.aborted) return EXIT.interrupted;
    if (++seen % BREATHE_EVERY === 0) await new Promise((breathed) => setImmediate(breathed));
    if (!read.ok) {
      validation.malformed(read.error);
      continue;
    }
    const loaded = await encoders.of(read.value.task);
    if (!loaded.ok) return context.refuse(loaded.error);
    validation.scenario(read.value, loaded.value, encoders.variantsOf(read.value.task));
  }
  return validation.finish(rows);
}

/** Why a file holds no pairs to check, told from its first object; undefined for one that may. */
async function noPairs(path: string, file: string): Promise<Problem | undefined> {
  let looked = 0;
  for await (const text of readLines(path, file)) {
    const line = parseLine(text);
    if (line === undefined && ++looked < LOOKED_AT) continue;
    const format = line === undefined ? "unknown" : fileFormat(line, path);
    if (format === "dataset" || format === "unknown") return undefined;
    const checked = "Their checks ran when they were made: `dsgen inspect` shows what is in the file.";
    return {
      kind: "usage",
      where: file,
      message: `expected a dataset of pairs, whose tokens can be compared; found ${FORMAT_NAMES[format]}.`,
      fix: format === "records" || format === "embeddings" ? checked : "Name the dataset made from it.",
    };
  }
  return undefined;
}

/** Loaded tokenizers: those asked for, or those of the task that a scenario belongs to. */
class Encoders {
  readonly #context: CommandContext;
  readonly #here: TokenizersHere;
  readonly #names: readonly string[] | undefined;
  readonly #byTask = new Map<string, readonly Encoder[]>();

  constructor(context: CommandContext, here: TokenizersHere, names: readonly string[] | undefined) {
    this.#context = context;
    this.#here = here;
    this.#names = names;
  }

  async of(task: string): Promise<Result<readonly Encoder[], readonly Problem[]>> {
    const known = this.#byTask.get(task);
    if (known !== undefined) return ok(known);
    const { config } = this.#here;
    const declared = config.tasks.find(({ task_name }) => task_name === task)?.tokenizers;
    const loaded = await this.load(this.#names ?? declared ?? Object.keys(config.tokenizers));
    if (loaded.ok) this.#byTask.set(task, loaded.value);
    return loaded;
  }

  /** The variants that every scenario of a task must have; none for a task that the config does not know. */
  variantsOf(task: string): readonly string[] {
    const known = this.#here.config.tasks.find(({ task_name }) => task_name === task);
    return known === undefined ? [] : Object.keys(known.templates);
  }

  async load(names: readonly string[]): Promise<Result<readonly Encoder[], readonly Problem[]>> {
    const { tokenizers } = this.#here;
    const missing = await tokenizers.prepare(names, (_name, label) =>
      this.#context.emit({
        type: "notice",
        level: "info",
        code: "fetch-tokenizer",
        message: `fetching the tokenizer ${label}`,
      }),
    );
    if (missing.length > 0) return err(missing);
    const encoders: Encoder[] = [];
    for (const name of names) {
      const encoder = await loadEncoder(await tokenizers.open({ kind: "tokenizer", name }));
      if (!encoder.ok) return err([encoder.error]);
      encoders.push(encoder.value);
    }
    return ok(encoders);
  }
}

/** Counts what holds and what does not, and tells failures as they are met. */
class Validation {
  readonly #context: CommandContext;
  readonly #asked: Asked;
  readonly #failures = new Map<string, Map<string, number>>();
  #scenarios = 0;
  #valid = 0;
  #malformed = 0;

  constructor(context: CommandContext, asked: Asked) {
    this.#context = context;
    this.#asked = asked;
  }

  malformed(problem: Problem): void {
    this.#malformed++;
    if (this.#malformed > SHOWN_MALFORMED && !this.#asked.showFailures) return;
    this.#context.problems([problem]);
  }

  scenario(scenario: DatasetScenario, encoders: readonly Encoder[], variants: readonly string[]): void {
    this.#scenarios++;
    const missing = variants.filter((name) => !scenario.texts.some(({ variant }) => variant === name));
    let holds = missing.length === 0 && scenario.texts.length > 0;
    if (missing.length > 0) {
      const message = `scenario ${scenario.scenarioId} has no rows of ${missing.join(", ")}`;
      this.#tell({ type: "validation-failure", line: scenario.line, reason: "incomplete-scenario", message });
    }
    for (const [at, texts] of scenario.texts.entries()) {
      const line = scenario.line + 2 * at;
      const refused = refusePair(texts, MAX_CHARACTERS);
      if (refused?.kind === "refused") {
        holds = false;
        const message = `scenario ${scenario.scenarioId}, ${texts.variant}: ${refused.reason}`;
        this.#tell({ type: "validation-failure", line, reason: "unfit-text", message });
        continue;
      }
      for (const encoder of encoders) {
        const counts = this.#countsOf(texts.variant);
        const known = counts.get(encoder.name) ?? 0;
        const compared = compareIds(encoder.encode(texts.first), encoder.encode(texts.second));
        const passes = compared.different?.length === 1;
        counts.set(encoder.name, passes ? known : known + 1);
        if (passes) continue;
        holds = false;
        this.#tell({
          type: "validation-failure",
          line,
          scenarioId: scenario.scenarioId,
          variant: texts.variant,
          tokenizer: encoder.name,
          reason: compared.different === null ? "unequal-token-count" : "not-one-token-apart",
          promptTokens: compared.first,
          counterfactualTokens: compared.second,
          differences: compared.different?.length ?? null,
        });
      }
    }
    if (holds) this.#valid++;
  }

  finish(rows: number): ExitCode {
    const line = {
      type: "validation" as const,
      file: this.#asked.file,
      rows,
      scenarios: this.#scenarios,
      validScenarios: this.#valid,
      malformed: this.#malformed,
      failures: Object.fromEntries(
        [...this.#failures].map(([variant, counts]) => [variant, Object.fromEntries(counts)]),
      ),
    };
    this.#context.result(
      () => validationText(line, this.#asked.showFailures, this.#context.style),
      () => [line],
    );
    return this.#scenarios > 0 && this.#valid === this.#scenarios && this.#malformed === 0
      ? EXIT.upToDate
      : EXIT.failed;
  }

  #countsOf(variant: string): Map<string, number> {
    const known = this.#failures.get(variant);
    if (known !== undefined) return known;
    const made = new Map<string, number>();
    this.#failures.set(variant, made);
    return made;
  }

  #tell(failure: ValidationFailureLine): void {
    if (!this.#asked.showFailures) return;
    const { io, common } = this.#context;
    if (common.json) writeLine(io.stdout, failure);
    else io.stdout.write(failureText(failure, this.#asked.file));
  }
}
