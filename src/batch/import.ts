import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { readOutputLine } from "../api/output-line.ts";
import type { BlobStore, Clock, Journal } from "../engine/ports.ts";
import { digestOf, fingerprintOfJson } from "../graph/digest.ts";
import { canonicalJson, isJsonObject, type JsonObject } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { linesOf } from "./collect.ts";
import type { JobId } from "./job.ts";
import type { JobBook } from "./job-book.ts";
import type { ImportRecord } from "./ledger-record.ts";
import { customId, isEndpoint, type RequestId, requestId } from "./request-file.ts";
import type { ResponseEntry, Responses } from "./responses.ts";

/*
 * Takes in answers that were paid for elsewhere: a folder made by hand-run scripts, or a downloaded output file with its
 * input file. A request is what it asks, whatever custom_id a script gave it: its id comes from its url and body, and from
 * how many identical ones stand before it.
 */

export interface ImportPorts {
  readonly book: JobBook;
  readonly journal: Journal;
  readonly responses: Responses;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly namespace: string;
}

export interface ImportReport {
  readonly requests: number;
  /** Answers that are new here. */
  readonly taken: number;
  /** Answers that were here already. */
  readonly known: number;
  /** Batches still running, watched from now on. */
  readonly adopted: readonly string[];
  /** Lines that answer no request of the input files, by file. */
  readonly unplaced: Readonly<Record<string, number>>;
  /** Error lines: nothing to take; a build asks them again. */
  readonly failed: number;
  /** Made-up answers, which are never taken for real ones. */
  readonly simulated: number;
  readonly notes: readonly string[];
}

/** One request of an imported input file. */
interface Imported {
  readonly id: RequestId;
  readonly custom: string;
  readonly url: string;
  readonly body: JsonObject;
  readonly file: string;
}

/**
 * Imports a folder of a task: `requests/T/*.jsonl`, `requests/T/batch_metadata.json`, `batch_outputs/T/*.jsonl`, below the
 * folder given (which may also be these folders' parent for one task only).
 */
export async function importFolder(
  folder: string,
  task: string,
  ports: ImportPorts,
): Promise<Result<ImportReport, Problem>> {
  const requests = firstFolder([join(folder, "requests", task), join(folder, "requests")]);
  const outputs = firstFolder([join(folder, "batch_outputs", task), join(folder, "batch_outputs")]);
  if (requests === undefined) {
    return err({
      kind: "missing-input",
      where: folder,
      message: `expected the folder requests/${task} with Batch API input files in it, and found none.`,
      fix: "Name the folder in which the scripts were run, and the task with --task.",
    });
  }
  const inputFiles = jsonlIn(requests);
  const outputFiles = outputs === undefined ? [] : jsonlIn(outputs);
  const imported = await importFiles(inputFiles, outputFiles, ports);
  if (!imported.ok) return imported;
  const metadata = join(requests, "batch_metadata.json");
  if (!existsSync(metadata)) return imported;
  return adoptRunning(metadata, inputFiles, task, imported.value, ports);
}

/** Imports output files with the input files they answer. */
export async function importFiles(
  inputFiles: readonly string[],
  outputFiles: readonly string[],
  ports: ImportPorts,
): Promise<Result<ImportReport, Problem>> {
  const requests = readRequests(inputFiles);
  if (!requests.ok) return requests;
  const unplaced: Record<string, number> = {};
  const notes: string[] = [];
  let [taken, known, failed, simulated] = [0, 0, 0, 0];
  for (const file of outputFiles) {
    const bytes = readFileSync(file);
    const blob = await ports.blobs.put(bytes);
    const entries: ResponseEntry[] = [];
    for (const [index, { raw, offset, length }] of [...linesOf(bytes)].entries()) {
      // The custom_id is a script's own: whose it is hangs on the file as well.
      const line = readOutputLine(raw, (custom) => custom);
      if (line.kind === "unreadable" || line.kind === "foreign") {
        notes.push(`${file}:${index + 1}: not a line of Batch API output; left out`);
        continue;
      }
      const request = requestFor(line.customId, file, requests.value);
      if (request === undefined) unplaced[file] = (unplaced[file] ?? 0) + 1;
      else if (line.kind !== "answer") failed++;
      else if (line.answer.simulated) simulated++;
      else if (ports.responses.lookup(request.id)?.kind === "answer") known++;
      else {
        taken++;
        entries.push({
          requestId: request.id,
          blob: blob.digest,
          offset,
          length,
          kind: "answer",
          jobId: "import",
          batchId: null,
          via: "import",
        });
      }
    }
    ports.responses.add(entries);
    if (entries.length > 0) {
      const at = ports.clock.now();
      const record: ImportRecord = {
        t: "import",
        namespace: ports.namespace,
        answers: entries.length,
        blob: blob.digest,
        at,
      };
      ports.journal.append(record);
    }
  }
  return ok({ requests: requests.value.count, taken, known, adopted: [], unplaced, failed, simulated, notes });
}

interface Requests {
  readonly count: number;
  readonly byFile: ReadonlyMap<string, ReadonlyMap<string, Imported>>;
  /** Custom ids that name one request over all files. */
  readonly unique: ReadonlyMap<string, Imported>;
}

function readRequests(files: readonly string[]): Result<Requests, Problem> {
  const samples = new Map<string, number>();
  const byFile = new Map<string, Map<string, Imported>>();
  const all = new Map<string, Imported | null>();
  let count = 0;
  for (const file of files) {
    const own = new Map<string, Imported>();
    byFile.set(file, own);
    for (const [index, raw] of readFileSync(file, "utf8").split("\n").entries()) {
      if (raw.trim() === "") continue;
      const line = requestLine(raw);
      if (line === undefined) {
        return err({
          kind: "missing-input",
          where: `${file}:${index + 1}`,
          message: "expected a Batch API request ({custom_id, url, body}), and found something else.",
          fix: "Correct or remove the line; nothing was imported.",
        });
      }
      const same = `${line.url}\n${canonicalJson(line.body)}`;
      const sample = samples.get(same) ?? 0;
      samples.set(same, sample + 1);
      const request: Imported = { ...line, file, id: requestId(line.url, line.body, sample) };
      own.set(line.custom, request);
      // Scripts often count from 0 in every file: such an id says nothing without its file.
      all.set(line.custom, all.has(line.custom) ? null : request);
      count++;
    }
  }
  const unique = new Map<string, Imported>();
  for (const [custom, request] of all) if (request !== null) unique.set(custom, request);
  return ok({ count, byFile, unique });
}

function requestLine(raw: string) {
  const line = parsed(raw);
  if (line === undefined) return undefined;
  const { custom_id: custom, url, body } = line;
  if (typeof custom !== "string" || !isEndpoint(url) || !isJsonObject(body)) return undefined;
  return { custom, url, body };
}

/** The request an output line answers: by its custom_id where that is unique, else by the input file of the same number. */
function requestFor(custom: string, outputFile: string, requests: Requests): Imported | undefined {
  const unique = requests.unique.get(custom);
  if (unique !== undefined) return unique;
  const number = lastNumber(outputFile);
  const twins = [...requests.byFile].filter(([file]) => number !== undefined && lastNumber(file) === number);
  const [twin] = twins;
  return twins.length === 1 ? twin?.[1].get(custom) : undefined;
}

function lastNumber(file: string): string | undefined {
  return /(\d+)(?!.*\d)/.exec(basename(file).replace(/\.jsonl$/, ""))?.[1];
}

/** Batches of `batch_metadata.json` whose answers are not among the outputs are watched like dsgen's own. */
async function adoptRunning(
  metadata: string,
  inputFiles: readonly string[],
  task: string,
  report: ImportReport,
  ports: ImportPorts,
): Promise<Result<ImportReport, Problem>> {
  let entries: unknown;
  try {
    entries = JSON.parse(readFileSync(metadata, "utf8"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return ok({ ...report, notes: [...report.notes, `${metadata}: not JSON (${why}); no running batch was adopted`] });
  }
  const requests = readRequests(inputFiles);
  if (!requests.ok) return requests;
  const adopted: string[] = [];
  const notes = [...report.notes];
  for (const entry of Array.isArray(entries) ? entries : []) {
    if (!isJsonObject(entry) || typeof entry["batch_id"] !== "string") continue;
    const batch = entry["batch_id"];
    const name = typeof entry["batch_file"] === "string" ? basename(entry["batch_file"]) : "";
    const file = inputFiles.find((path) => basename(path) === name);
    const lines = file === undefined ? undefined : requests.value.byFile.get(file);
    if (lines === undefined) {
      notes.push(
        `${metadata}: batch ${batch} names the request file ${name || "(none)"}, which is not here; not adopted`,
      );
      continue;
    }
    const open = [...lines.values()].filter((line) => ports.responses.lookup(line.id)?.kind !== "answer");
    if (open.length === 0 || ports.book.all().some((job) => job.batchId === batch)) continue;
    await adoptBatch(batch, entry, [...lines.values()], task, ports);
    adopted.push(batch);
  }
  return ok({ ...report, adopted, notes });
}

async function adoptBatch(
  batch: string,
  entry: JsonObject,
  lines: readonly Imported[],
  task: string,
  ports: ImportPorts,
): Promise<void> {
  const [first] = lines;
  if (first === undefined || !isEndpoint(first.url)) return;
  const text = lines.map((line) =>
    JSON.stringify({
      custom_id: customId(task, line.id),
      method: "POST",
      url: line.url,
      body: line.body,
      dsgen_alias: line.custom,
    }),
  );
  const blob = await ports.blobs.put(`${text.join("\n")}\n`);
  const at = ports.clock.now();
  const created = typeof entry["created_at"] === "number" ? entry["created_at"] * 1000 : at;
  const job = fingerprintOfJson(["import", batch]) as JobId;
  const model = first.body["model"];
  ports.book.record({
    t: "intended",
    v: 1,
    job,
    namespace: ports.namespace,
    requestFile: `requests/${task}/${basename(first.file)}`,
    task,
    model: typeof model === "string" ? model : "unknown",
    endpoint: first.url,
    attempt: 1,
    requests: lines.length,
    from: digestOf(text.join("\n")),
    lines: blob.digest,
    tokens: null,
    maxCostUsd: null,
    at: created,
  });
  ports.book.record({ t: "submitted", job, batch, createdAt: created, adopted: true, at });
}

function parsed(raw: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(raw);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function firstFolder(folders: readonly string[]): string | undefined {
  return folders.find((folder) => existsSync(folder) && statSync(folder).isDirectory());
}

/** In the order of their numbers: batch 10 after batch 9, since identical requests count in this order. */
function jsonlIn(folder: string): string[] {
  const byNumber = new Intl.Collator("en", { numeric: true });
  return readdirSync(folder)
    .filter((file) => file.endsWith(".jsonl"))
    .sort(byNumber.compare)
    .map((file) => join(folder, file));
}
