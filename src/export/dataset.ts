import type { InputFile, RecipeContext } from "../engine/recipe.ts";
import { digestStream } from "../graph/digest.ts";
import { isJsonObject, type JsonObject } from "../graph/json.ts";
import type { Manifest } from "../tasks/manifest.ts";
import { SCENARIOS_LINE } from "../tasks/provenance.ts";
import { Columns } from "./columns.ts";

/*
 * A dataset as every export reads it: its rows, what its manifest says, and from which scenario each row is.
 */

/** What it says of the whole: its scenarios may be a million. */
export type ManifestHead = Omit<Manifest, "scenarios">;

/** A dataset's rows that say of themselves that they are simulated have this member. */
const SIMULATED = "simulated";

export interface Dataset {
  readonly manifest: ManifestHead;
  /** The manifest's SHA-256. */
  readonly digest: string;
  /** The rows, in order. Simulated ones say so, each of them: parts of a file are copied without its head. */
  rows(): AsyncGenerator<Row>;
}

export interface Row {
  readonly row: JsonObject;
  /** The line of the dataset, unless the row was given a member more. */
  readonly line: string;
  /** What the row's scenario came from; the same however large the dataset grows. */
  readonly scenario: string;
}

/** Reads the inputs `dataset` and `manifest` of a recipe. */
export async function readDataset(context: RecipeContext): Promise<Dataset> {
  const file = context.file("manifest");
  const hash = digestStream();
  for await (const chunk of file.chunks()) hash.update(chunk);
  const manifest = await readHead(file);
  return { manifest, digest: hash.end(), rows: () => rowsOf(context.file("dataset"), file, manifest) };
}

/** The columns of all rows. */
export async function columnsOf(dataset: Dataset): Promise<Columns["types"]> {
  const columns = new Columns();
  for await (const { row } of dataset.rows()) columns.add(row);
  return columns.types;
}

/** A manifest without its scenarios, of which there may be a million: write-manifest.ts writes each on its own line. */
async function readHead(file: InputFile): Promise<ManifestHead> {
  const lines = [];
  for await (const line of file.lines()) {
    if (line === SCENARIOS_LINE) break;
    lines.push(line);
  }
  const head: ManifestHead = JSON.parse(`${lines.join("\n").replace(/,$/, "")}}`);
  return head;
}

/** Every scenario gives equally many rows, one after the other, in the order in which the manifest names them. */
async function* rowsOf(
  file: InputFile,
  manifest: InputFile,
  { dataset, simulated }: ManifestHead,
): AsyncGenerator<Row> {
  const each = dataset.rows / dataset.scenarios;
  if (!Number.isInteger(each)) throw new Error(`${dataset.rows} rows of ${dataset.scenarios} scenarios`);
  const scenarios = scenariosOf(manifest);
  let scenario = "";
  let at = 0;
  for await (const line of file.lines()) {
    if (at++ % each === 0) {
      const next = await scenarios.next();
      if (next.done === true) throw new Error(`${manifest.name} names fewer scenarios than ${file.name} has`);
      scenario = next.value;
    }
    const row = objectIn(line);
    yield simulated ? marked(row, scenario) : { row, line, scenario };
  }
}

function marked(row: JsonObject, scenario: string): Row {
  const more = { ...row, [SIMULATED]: true };
  return { row: more, line: JSON.stringify(more), scenario };
}

async function* scenariosOf(manifest: InputFile): AsyncGenerator<string, undefined> {
  let within = false;
  for await (const line of manifest.lines()) {
    if (line === SCENARIOS_LINE) within = true;
    else if (within && line.startsWith("    {")) {
      const { request_id, custom_id, entry } = objectIn(line.replace(/,$/, ""));
      yield JSON.stringify([request_id ?? custom_id, entry]);
    }
  }
  return undefined;
}

function objectIn(line: string): JsonObject {
  const value: unknown = JSON.parse(line);
  if (!isJsonObject(value)) throw new Error("a line of a dataset that is no object");
  return value;
}
