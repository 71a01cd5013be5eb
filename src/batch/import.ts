import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { readOutputLine } from "../api/output-line.ts";
import type { BlobStore, Clock, Journal } from "../engine/ports.ts";
import { type Digest, digestOf, type Fingerprint } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { importRows } from "./answer-index.ts";
import { linesOf } from "./collect.ts";
import { adoptBatches } from "./import-adopt.ts";
import { type BatchEntry, readBatchMetadata } from "./import-metadata.ts";
import { type Placing, pairOutputs } from "./import-pairing.ts";
import { isSideFile, readInputs } from "./import-requests.ts";
import { answerMark, Samples } from "./import-samples.ts";
import type { JobBook } from "./job-book.ts";
import type { BatchProvider } from "./provider.ts";
import type { ResponseEntry, Responses } from "./responses.ts";

/*
 * Takes in answers that were paid for elsewhere: a folder made by hand-run scripts or by another dsgen, or a downloaded
 * output file with its input file. Which request each line answers is settled for all files before anything is taken.
 */

export interface ImportPorts {
  readonly book: JobBook;
  readonly journal: Journal;
  readonly responses: Responses;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly provider: BatchProvider;
  readonly signal: AbortSignal;
}

export interface ImportReport {
  readonly requests: number;
  /** Output files that were read. */
  readonly outputs: number;
  /** Answers that are new here. */
  readonly taken: number;
  /** Answers that were here already. */
  readonly known: number;
  /** Batches still running, watched from now on. */
  readonly adopted: readonly string[];
  /** Batches that were watched before. */
  readonly watched: number;
  /** Lines that answer no request of the input files, by file. */
  readonly unplaced: Readonly<Record<string, number>>;
  /** Error lines: nothing to take; a build asks them again. */
  readonly failed: number;
  /** Made-up answers, which are never taken for real ones. */
  readonly simulated: number;
  /** At most a line a file and reason. */
  readonly notes: readonly string[];
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
  return importAll(jsonlIn(requests), outputs === undefined ? [] : jsonlIn(outputs), { task }, ports);
}

/** Imports output files with the input files they answer, in the order in which a person named them. */
export function importFiles(
  inputFiles: readonly string[],
  outputFiles: readonly string[],
  ports: ImportPorts,
): Promise<Result<ImportReport, Problem>> {
  return importAll(inputFiles, outputFiles, "named", ports);
}

async function importAll(
  inputFiles: readonly string[],
  outputFiles: readonly string[],
  from: "named" | { readonly task: string },
  ports: ImportPorts,
): Promise<Result<ImportReport, Problem>> {
  const inputs = readInputs(inputFiles.filter((path) => !isSideFile(path)));
  if (!inputs.ok) return inputs;
  const notes: string[] = [];
  const entries = entriesBeside(inputFiles, notes);
  const outputs = outputFiles.filter((path) => !isSideFile(path)).map(readOutput);
  const paired = pairOutputs(outputs, inputs.value, entries, from === "named");
  if (!paired.ok) return paired;
  const taken = await takeOutputs(outputs, paired.value, notes, ports);
  if (!taken.ok) return taken;
  const { spoken, ...counts } = taken.value;
  const requests = inputs.value.reduce((sum, { byCustom }) => sum + byCustom.size, 0);
  const report = { requests, outputs: outputs.length, ...counts, adopted: [], watched: 0, notes };
  if (from === "named") return ok(report);
  const adoption = await adoptBatches(entries, inputs.value, spoken, from.task, ports);
  return ok({ ...report, ...adoption, notes: [...notes, ...adoption.notes] });
}

/** What the metadata files beside the inputs say. One that cannot be read is told. */
function entriesBeside(inputFiles: readonly string[], notes: string[]): readonly BatchEntry[] {
  const files = new Set(inputFiles.map((path) => join(dirname(path), "batch_metadata.json")));
  return [...files].flatMap((file) => {
    const entries = readBatchMetadata(file);
    if (entries.ok) return entries.value;
    notes.push(`${file}: ${entries.error}; nothing is known of its batches, and none was adopted`);
    return [];
  });
}

interface OutputFile {
  readonly path: string;
  readonly digest: Digest;
  readonly lines: readonly (OutputLine & { readonly offset: number; readonly length: number })[];
  readonly customs: ReadonlySet<string>;
  /** How many lines are none of Batch API output, and the number of the first. */
  readonly strange: { readonly count: number; readonly first: number };
}

function readOutput(path: string): OutputFile {
  const bytes = readFileSync(path);
  const lines: OutputFile["lines"][number][] = [];
  let strange = { count: 0, first: 0 };
  for (const { raw, offset, length } of linesOf(bytes)) {
    const line = readLine(raw);
    if (line !== undefined) lines.push({ ...line, offset, length });
    else if (raw.trim() !== "")
      strange = { count: strange.count + 1, first: strange.first || lineNumberAt(bytes, offset) };
  }
  return { path, digest: digestOf(bytes), lines, customs: new Set(lines.map(({ custom }) => custom)), strange };
}

function lineNumberAt(bytes: Buffer, offset: number): number {
  let number = 1;
  for (let at = bytes.indexOf(10); at !== -1 && at < offset; at = bytes.indexOf(10, at + 1)) number++;
  return number;
}

type Taken = Pick<ImportReport, "taken" | "known" | "unplaced" | "failed" | "simulated"> & {
  /** Requests that some line speaks of, whatever it says. */
  readonly spoken: ReadonlySet<Fingerprint>;
};

async function takeOutputs(
  outputs: readonly OutputFile[],
  placings: ReadonlyMap<string, Placing>,
  notes: string[],
  ports: ImportPorts,
): Promise<Result<Taken, Problem>> {
  const unplaced: Record<string, number> = {};
  const spoken = new Set<Fingerprint>();
  const samples = new Samples(ports.responses);
  let [taken, known, failed, simulated] = [0, 0, 0, 0];
  for (const { path, digest, lines, strange } of outputs) {
    if (strange.count > 0) {
      notes.push(
        `${path}: ${strange.count === 1 ? "1 line is" : `${strange.count} lines are`} not Batch API output (the first: line ${strange.first}); left out`,
      );
    }
    const entries: ResponseEntry[] = [];
    for (const line of lines) {
      const request = placings.get(path)?.(line.custom);
      if (request === undefined) {
        unplaced[path] = (unplaced[path] ?? 0) + 1;
        continue;
      }
      if (line.kind === "pending") continue;
      spoken.add(request.id);
      if (line.kind === "simulated") simulated++;
      else if (line.kind === "failed") failed++;
      else {
        const id = samples.place(request, line.mark);
        if (id === undefined) known++;
        else {
          taken++;
          const { offset, length } = line;
          const from = { jobId: "import", batchId: null, via: "import" } as const;
          entries.push({ requestId: id, blob: digest, offset, length, kind: "answer", ...from });
        }
      }
    }
    if (entries.length === 0) continue;
    const blob = await ports.blobs.put(readFileSync(path));
    if (blob.digest !== digest) {
      return err({
        kind: "missing-input",
        where: path,
        message: "it was changed while it was imported.",
        fix: "Import it again when nothing writes to it any more; nothing of it was taken.",
      });
    }
    ports.responses.add(entries);
    const { id: namespace } = ports.provider.namespace;
    // What it came to is in a `bought` line; the rows say whose answers they are, since their custom_ids are another tool's.
    const found = { answers: entries.length, blob: digest, rows: importRows(entries) };
    ports.journal.append({ t: "import", namespace, ...found, at: ports.clock.now() });
  }
  return ok({ taken, known, unplaced, failed, simulated, spoken });
}

type OutputLine = {
  readonly custom: string;
  readonly kind: "answer" | "simulated" | "failed" | "pending";
  /** What an answer says, whatever custom_id stands on its line. */
  readonly mark: Fingerprint;
};

function readLine(raw: string): OutputLine | undefined {
  // The custom_id is a script's own: whose it is hangs on the file as well.
  const line = readOutputLine(raw, (custom) => custom);
  if (line.kind === "unreadable" || line.kind === "foreign") return undefined;
  const { customId: custom } = line;
  const mark = answerMark(raw);
  if (line.kind === "answer") return { custom, mark, kind: line.answer.simulated ? "simulated" : "answer" };
  // dsgen's own word for a request whose batch is still under way. Refusals are not planted: a build asks again.
  return { custom, mark, kind: line.code === "dsgen_pending" ? "pending" : "failed" };
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
