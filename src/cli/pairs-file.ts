import { readJson } from "../api/read-json.ts";
import { isJsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import { err, type Result } from "../graph/result.ts";
import { KINDS } from "../kinds/registry.ts";
import { formatNamed } from "../report/file-formats.ts";
import { type DatasetScenario, readDataset } from "../tasks/rows.ts";
import { fileFormat, LOOKED_AT } from "./inspect.ts";
import { readLines, unreadable } from "./read-lines.ts";

/** `dataset.jsonl#42` as the file and the number in it; undefined for any other text. */
export function numbered(name: string): { readonly file: string; readonly number: number } | undefined {
  const [, file, number] = /^(.+)#(\d+)$/.exec(name) ?? [];
  return file === undefined || number === undefined ? undefined : { file, number: Number(number) };
}

/** The scenario of a number in a dataset file. Problems: a file that cannot be read, holds no pairs, or has no such scenario. */
export async function scenarioOf(path: string, file: string, id: number): Promise<Result<DatasetScenario, Problem>> {
  const problem = unreadable(path, file) ?? (await noPairs(path, file));
  if (problem !== undefined) return err(problem);
  let [seen, last] = [0, 0];
  for await (const read of readDataset(readLines(path, file), file)) {
    if (!read.ok) continue;
    if (read.value.scenarioId === id) return read;
    [seen, last] = [seen + 1, read.value.scenarioId];
  }
  const message = `the file has no scenario ${id} that can be read: it has ${seen}, the last of number ${last}.`;
  return err({ kind: "usage", where: `${file}#${id}`, message, fix: "Name another; `dsgen inspect` shows the first." });
}

const NAME_DATASET = "Name the dataset made from it; `dsgen explain FILE#N --verbose` shows a candidate's tokens.";

/** Why a file holds no pairs to check, told from its first object; undefined for one that may. */
export async function noPairs(path: string, file: string): Promise<Problem | undefined> {
  let looked = 0;
  for await (const text of readLines(path, file)) {
    const line = readJson(text);
    if (!isJsonObject(line) && ++looked < LOOKED_AT) continue;
    const format = isJsonObject(line) ? fileFormat(line, path) : undefined;
    if (format === "dataset" || format === undefined) return undefined;
    const checked = "Their checks ran when they were made: `dsgen inspect` shows what is in the file.";
    return {
      kind: "usage",
      where: file,
      message: `expected a dataset of pairs, whose tokens can be compared; found ${formatNamed(format).format.is}.`,
      fix: KINDS.some(({ file: of }) => of.name === format) ? checked : NAME_DATASET,
    };
  }
  return undefined;
}
