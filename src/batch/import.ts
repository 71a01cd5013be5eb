import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { customId, type RequestId, requestId } from "../api/request-file.ts";
import type { ResponseEntry, Responses } from "../api/responses.ts";
import { type Fingerprint, fingerprintOfJson } from "../graph/digest.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { adopt } from "./adopt.ts";
import { importRows } from "./answer-index.ts";
import {
  answerMark,
  type BatchEntry,
  type Given,
  type ImportedInput,
  type ImportedOutput,
  type ImportedRequest,
  inputsOf,
  readGiven,
} from "./import-files.ts";
import type { JobId } from "./job.ts";
import type { JobContext } from "./job-context.ts";
import type { Ledger } from "./ledger.ts";

/*
 * Takes in answers that were paid for elsewhere: a folder made by hand-run scripts or by another dsgen, or a downloaded
 * output file with its input file. What is kept are the files as they are, and the batches that are still outstanding.
 */

export type ImportPorts = JobContext & { readonly ledger: Pick<Ledger, "tookIn"> };

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
  const requests = jsonlIn(join(folder, "requests", task)) ?? jsonlIn(join(folder, "requests"));
  const outputs = jsonlIn(join(folder, "batch_outputs", task)) ?? jsonlIn(join(folder, "batch_outputs"));
  if (requests === undefined) {
    return err({
      kind: "missing-input",
      where: folder,
      message: `expected the folder requests/${task} with Batch API input files in it, and found none.`,
      fix: "Name the folder in which the scripts were run, and the task with --task.",
    });
  }
  const given = readGiven(requests, outputs ?? [], false);
  if (!given.ok) return given;
  const taken = await takeAnswers(given.value, ports);
  if (!taken.ok) return taken;
  const { spoken, ...report } = taken.value;
  const { notes, ...watching } = await watchOutstanding(given.value, spoken, task, ports);
  return ok({ ...report, ...watching, notes: [...report.notes, ...notes] });
}

/** Imports output files with the input files they answer, in the order in which a person named them. */
export async function importFiles(
  inputFiles: readonly string[],
  outputFiles: readonly string[],
  ports: ImportPorts,
): Promise<Result<ImportReport, Problem>> {
  const given = readGiven(inputFiles, outputFiles, true);
  if (!given.ok) return given;
  const taken = await takeAnswers(given.value, ports);
  if (!taken.ok) return taken;
  const { spoken: _, ...report } = taken.value;
  return ok(report);
}

/** The files of a folder, if any, in the order of their numbers: batch 10 after batch 9, since identical requests count in this order. */
function jsonlIn(folder: string): readonly string[] | undefined {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return undefined;
  const byNumber = new Intl.Collator("en", { numeric: true });
  const files = readdirSync(folder).filter((file) => file.endsWith(".jsonl"));
  if (files.length === 0) return undefined;
  return files.sort(byNumber.compare).map((file) => join(folder, file));
}

/** Stores the output files that hold new answers, and indexes these. `spoken`: requests that some line speaks of. */
async function takeAnswers(
  { inputs, outputs, notes }: Given,
  ports: ImportPorts,
): Promise<Result<ImportReport & { readonly spoken: ReadonlySet<Fingerprint> }, Problem>> {
  const unplaced: Record<string, number> = {};
  const spoken = new Set<Fingerprint>();
  const counts = { taken: 0, known: 0, failed: 0, simulated: 0 };
  const place = placer(ports.responses);
  for (const { path, digest, lines, requestOf } of outputs) {
    const entries: ResponseEntry[] = [];
    for (const { custom, kind, mark, offset, length } of lines) {
      const request = requestOf(custom);
      if (request === undefined) unplaced[path] = (unplaced[path] ?? 0) + 1;
      if (request === undefined || kind === "pending") continue;
      spoken.add(request.id);
      const id = kind === "answer" ? place(request, mark) : undefined;
      counts[kind !== "answer" ? kind : id === undefined ? "known" : "taken"]++;
      const from = { jobId: "import", batchId: null, via: "import" } as const;
      if (id !== undefined) entries.push({ requestId: id, blob: digest, offset, length, kind: "answer", ...from });
    }
    const kept = await keep({ path, digest }, entries, ports);
    if (!kept.ok) return kept;
  }
  const requests = inputs.reduce((sum, { byCustom }) => sum + byCustom.size, 0);
  return ok({ requests, outputs: outputs.length, ...counts, adopted: [], watched: 0, unplaced, notes, spoken });
}

/** Blob first, then the index that names it, then what the journal says of it. */
async function keep(
  { path, digest }: Pick<ImportedOutput, "path" | "digest">,
  entries: readonly ResponseEntry[],
  { blobs, clock, journal, ledger, provider, responses }: ImportPorts,
): Promise<Result<void, Problem>> {
  if (entries.length === 0) return ok(undefined);
  const bytes = readFileSync(path);
  const blob = await blobs.put(bytes);
  if (blob.digest !== digest) {
    return err({
      kind: "missing-input",
      where: path,
      message: "it was changed while it was imported.",
      fix: "Import it again when nothing writes to it any more; nothing of it was taken.",
    });
  }
  responses.add(entries);
  // The rows say whose answers they are: their own custom_ids are another tool's.
  const { id: namespace } = provider.namespace;
  const found = { answers: entries.length, blob: digest, rows: importRows(entries) };
  journal.append({ t: "import", namespace, ...found, at: clock.now() });
  const textOf = ({ offset, length }: ResponseEntry) => bytes.toString("utf8", offset, offset + length);
  ledger.tookIn(entries.map((entry) => ({ namespace, entry, raw: textOf(entry) })));
  return ok(undefined);
}

/**
 * Finds the request that an answer becomes the answer of; undefined when this very answer is here already. Identical requests
 * are told apart by their number alone, counted over the files of one import. Whoever imports their files one by one counts
 * from 0 each time: an answer that finds its number taken by another answer is the next free sample of the same question,
 * since both were paid for.
 */
function placer(responses: Responses): (request: ImportedRequest, mark: Fingerprint) => RequestId | undefined {
  /** Answers taken by this import and not yet in the index. */
  const taken = new Map<RequestId, Fingerprint>();
  const questions = new Map<Fingerprint, { readonly marks: Set<Fingerprint>; next: number }>();
  /** What the answer of a request says, undefined when it has none. One that cannot be read is like no other. */
  const markOf = (id: RequestId): Fingerprint | undefined => {
    const there = taken.get(id);
    if (there !== undefined || responses.lookup(id)?.kind !== "answer") return there;
    return answerMark(responses.readRaw(id) ?? "");
  };
  const free = ({ url, body: read, question }: ImportedRequest, mark: Fingerprint): RequestId | undefined => {
    const body = read();
    const samples = questions.get(question) ?? { marks: new Set(), next: 0 };
    questions.set(question, samples);
    for (; !samples.marks.has(mark); samples.next++) {
      const id = requestId(url, body, samples.next);
      const there = markOf(id);
      if (there === undefined) return id;
      samples.marks.add(there);
    }
    return undefined;
  };
  return (request, mark) => {
    const there = markOf(request.id);
    if (there === mark) return undefined;
    const id = there === undefined ? request.id : free(request, mark);
    if (id !== undefined) taken.set(id, mark);
    return id;
  };
}

/**
 * Batches whose answers are not among the outputs are watched like dsgen's own, unless the metadata says that they are
 * simulated or came to nothing, or the provider does not know them: a job that no key can see would hold up every build.
 */
async function watchOutstanding(
  { entries, inputs }: Given,
  spoken: ReadonlySet<Fingerprint>,
  task: string,
  ports: ImportPorts,
): Promise<Pick<ImportReport, "adopted" | "watched" | "notes">> {
  const adopted: string[] = [];
  const told = new Map<string, string[]>();
  let watched = 0;
  const isAnswered = ({ id }: ImportedRequest) => spoken.has(id) || ports.responses.lookup(id)?.kind === "answer";
  for (const entry of entries) {
    const { batchId } = entry;
    if (batchId === null) continue;
    const verdict = await judge(batchId, entry, inputs, isAnswered, ports);
    if (verdict.kind === "watched") watched++;
    if (verdict.kind === "watch") {
      await watch(batchId, entry, verdict.input, task, ports);
      adopted.push(batchId);
    }
    if ("why" in verdict) told.set(verdict.why, [...(told.get(verdict.why) ?? []), batchId]);
  }
  const notes = [...told].map(([why, [first = "", ...others]]) =>
    others.length === 0 ? `batch ${first}: ${why}` : `batch ${first} and ${others.length} more: ${why}`,
  );
  return { adopted, watched, notes };
}

/** What is done about one batch of a metadata file (`over`: nothing of it is outstanding), and what a person is told of it. */
type Verdict =
  | { readonly kind: "watch"; readonly input: ImportedInput }
  | { readonly kind: "watch"; readonly input: ImportedInput; readonly why: string }
  | { readonly kind: "left"; readonly why: string }
  | { readonly kind: "watched" | "over" };

async function judge(
  batch: string,
  { batchFile, endedWithoutFiles, simulated, status }: BatchEntry,
  inputs: readonly ImportedInput[],
  isAnswered: (request: ImportedRequest) => boolean,
  { book, provider, signal }: ImportPorts,
): Promise<Verdict> {
  const left = (why: string): Verdict => ({ kind: "left", why });
  if (simulated) return left("the metadata says that it is simulated; it is never watched");
  if (book.all().some((job) => job.batchId === batch)) return { kind: "watched" };
  if (endedWithoutFiles) return left("it has failed and names no file; there is nothing to watch");
  if (status === "abandoned") return left("it was given up before it was executed; it is not watched");
  const [input, other] = inputsOf({ batchFile }, inputs);
  if (input === undefined || other !== undefined) {
    const name = batchFile === null ? "no request file" : `the request file ${basename(batchFile)}`;
    return left(`it names ${name}, which is ${input === undefined ? "not here" : "here twice"}; it is not watched`);
  }
  if ([...input.byCustom.values()].every(isAnswered)) return { kind: "over" };
  const call = await provider.retrieveBatch(batch, signal);
  if (call.ok) {
    const { status: now, outputFileId, errorFileId } = call.value;
    const produced = now !== "failed" || outputFileId !== null || errorFileId !== null;
    return produced
      ? { kind: "watch", input }
      : left("it has failed, and the provider names no file of it; there is nothing to watch");
  }
  if (call.error.kind === "not-found") {
    return left(
      "the provider does not know it; it is not watched. If it belongs to another key, organisation or project, import again with that: otherwise a build asks its requests anew",
    );
  }
  // It may be under way, and to leave it would be to pay again.
  return { kind: "watch", input, why: "it is watched, on the metadata's word: the provider could not be asked" };
}

async function watch(
  id: string,
  { createdAt }: BatchEntry,
  { path, byCustom }: ImportedInput,
  task: string,
  ports: ImportPorts,
): Promise<void> {
  const requests = [...byCustom.values()];
  const lines: { readonly customId: string; readonly model: string }[] = [];
  const text: string[] = [];
  for (const { body: read, custom, id, url } of requests) {
    const [ours, body] = [customId(task, id), read()];
    lines.push({ customId: ours, model: body.model });
    text.push(JSON.stringify({ custom_id: ours, method: "POST", url, body, dsgen_alias: custom }));
  }
  const job = fingerprintOfJson(["import", id]) as JobId;
  const batch = { id, endpoint: requests[0]?.url ?? "", inputFileId: null, createdAt };
  const requestFile = `requests/${task}/${basename(path)}`;
  await adopt({ batch, job, task, requestFile }, { text: `${text.join("\n")}\n`, lines }, ports);
}
