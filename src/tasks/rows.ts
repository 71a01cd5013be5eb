import { isJsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import type { Pair } from "../tokenizers/pair-rule.ts";

/*
 * A dataset of pairs, read back: for each scenario, in the order of the templates, its prompt and its counterfactual.
 */

/** A scenario's two texts under one variant, whole (template and full stop included). */
export interface VariantTexts {
  readonly variant: string;
  readonly first: string;
  readonly second: string;
}

/** A scenario of a dataset file, read back. */
export interface DatasetScenario {
  readonly scenarioId: number;
  readonly task: string;
  /** The line of its first row, counted from 1. */
  readonly line: number;
  /** In the order of the file. */
  readonly texts: readonly VariantTexts[];
}

/**
 * Groups the rows of a dataset file into scenarios, one at a time. A scenario is the consecutive rows of one scenario_id and
 * task; for each variant it needs a prompt and then its counterfactual. What is wrong is answered as a problem with file and
 * line, in its place, and reading goes on with the next scenario.
 * @param seen called for each line
 */
export async function* readDataset(
  lines: AsyncIterable<string> | Iterable<string>,
  file: string,
  seen?: () => void,
): AsyncGenerator<Result<DatasetScenario, Problem>> {
  let group: Group | undefined;
  let number = 0;
  let faulty = false;
  for await (const line of lines) {
    number++;
    seen?.();
    const row = readRow(line);
    if (!row.ok) {
      yield err(rowProblem(file, number, row.error));
      // The row belonged to the scenario before or after it, which may lack it now: one fault is reported once.
      faulty = true;
      if (group !== undefined) group.faulty = true;
      continue;
    }
    const { scenarioId, task } = row.value;
    if (group === undefined || group.scenarioId !== scenarioId || group.task !== task) {
      yield* closeGroup(group, file);
      group = { scenarioId, task, line: number, rows: [], faulty };
    }
    faulty = false;
    group.rows.push({ ...row.value, line: number });
  }
  yield* closeGroup(group, file);
}

interface Row {
  readonly scenarioId: number;
  readonly task: string;
  readonly variant: string;
  readonly member: keyof Pair;
  readonly text: string;
}

interface Group {
  readonly scenarioId: number;
  readonly task: string;
  readonly line: number;
  readonly rows: (Row & { readonly line: number })[];
  /** A row of it, or beside it, could not be read. */
  faulty: boolean;
}

const KEYS = ["scenario_id", "type", "task", "text"];
const SUFFIXES = { first: "_prompt", second: "_counterfactual" } as const;

/** What JSON may begin with. An error takes 10 µs, and a file that is none of ours has millions of lines. */
const MAY_BE_JSON = /^\s*[{["\d\-tfn]/;

function readRow(line: string): Result<Row, string> {
  if (!MAY_BE_JSON.test(line)) return err(`expected a JSON object, found ${JSON.stringify(line.slice(0, 60))}`);
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch {
    return err(`expected a JSON object, found ${JSON.stringify(line.slice(0, 60))}`);
  }
  if (!isJsonObject(row)) return err("expected a JSON object, found another value");
  const missing = KEYS.filter((key) => !Object.hasOwn(row, key));
  if (missing.length > 0) return err(`expected the keys ${KEYS.join(", ")}, found no ${missing.join(", ")}`);
  const { scenario_id: scenarioId, type, task, text } = row;
  if (typeof scenarioId !== "number" || !Number.isSafeInteger(scenarioId) || scenarioId < 0) {
    return err(`"scenario_id" must be a whole number of at least 0, found ${JSON.stringify(scenarioId)}`);
  }
  if (typeof type !== "string") return err('"type" must be a text');
  if (typeof task !== "string") return err('"task" must be a text');
  if (typeof text !== "string") return err('"text" must be a text');
  for (const member of ["first", "second"] as const) {
    const suffix = SUFFIXES[member];
    if (type.endsWith(suffix) && type.length > suffix.length) {
      return ok({ scenarioId, task, variant: type.slice(0, -suffix.length), member, text });
    }
  }
  return err(`"type" must end in _prompt or _counterfactual, found ${JSON.stringify(type)}`);
}

function* closeGroup(group: Group | undefined, file: string): Generator<Result<DatasetScenario, Problem>> {
  if (group === undefined) return;
  const scenario = scenarioOf(group, file);
  if (scenario.ok || !group.faulty) yield scenario;
}

function scenarioOf(group: Group, file: string): Result<DatasetScenario, Problem> {
  const texts: VariantTexts[] = [];
  for (let at = 0; at < group.rows.length; at += 2) {
    const first = group.rows[at];
    const second = group.rows[at + 1];
    if (first === undefined) break;
    const expected = `scenario ${group.scenarioId}: expected a ${first.variant}_prompt row and then its counterfactual`;
    if (first.member !== "first")
      return err(rowProblem(file, first.line, `${expected}, found the counterfactual first`));
    if (second === undefined) return err(rowProblem(file, first.line, `${expected}, found no row after the prompt`));
    if (second.member !== "second" || second.variant !== first.variant) {
      const found = `${second.variant}${SUFFIXES[second.member]}`;
      return err(rowProblem(file, second.line, `${expected}, found a ${found} row`));
    }
    if (texts.some(({ variant }) => variant === first.variant)) {
      return err(rowProblem(file, first.line, `scenario ${group.scenarioId} holds the variant ${first.variant} twice`));
    }
    texts.push({ variant: first.variant, first: first.text, second: second.text });
  }
  return ok({ scenarioId: group.scenarioId, task: group.task, line: group.line, texts });
}

function rowProblem(file: string, line: number, reason: string): Problem {
  return {
    kind: "corrupt",
    where: `${file}:${line}`,
    message: `not as a dataset's rows are: ${reason}.`,
    fix: "Build the dataset again, or correct the file.",
  };
}
