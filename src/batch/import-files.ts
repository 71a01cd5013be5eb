import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readOutputLine } from "../api/output-line.ts";
import { readJson } from "../api/read-json.ts";
import { type Endpoint, isEndpoint, type RequestId, requestId } from "../api/request-file.ts";
import { fileLines } from "../engine/file-lines.ts";
import { type Digest, digestOf, type Fingerprint, fingerprintOf, fingerprintOfJson } from "../graph/digest.ts";
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from "../graph/json.ts";
import type { Problem } from "../graph/problem.ts";
import { err, ok, type Result } from "../graph/result.ts";
import { bodyAt, bodyOf, type RequestBody } from "./imported-body.ts";

/*
 * What is given to an import: input files, output files, and what metadata files say of batches; and which request each line
 * of an output answers. Scripts count custom_ids from 0 in every file, so that an id alone may name a request in each of them;
 * a guess would give a request another one's answer.
 */

/** One request of an input file: what it asks, whatever custom_id a script gave it. */
export interface ImportedRequest {
  /** From its url and body, and from how many identical ones stand before it. */
  readonly id: RequestId;
  readonly custom: string;
  readonly url: Endpoint;
  /** Read again from the file: a million of them would not fit. Throws a ProblemError when it is no longer there. */
  body(): RequestBody;
  /** The same for identical requests. */
  readonly question: Fingerprint;
}

/** An input file, by the custom_ids in it; no custom_id is in one file twice. */
export interface ImportedInput {
  readonly path: string;
  readonly byCustom: ReadonlyMap<string, ImportedRequest>;
}

interface ImportedLine {
  readonly custom: string;
  /** `pending`: dsgen's own word for a request whose batch is still under way. */
  readonly kind: "answer" | "simulated" | "failed" | "pending";
  /** What an answer says, whatever custom_id stands on its line. */
  readonly mark: Fingerprint;
  readonly offset: number;
  readonly length: number;
}

interface OutputFile {
  readonly path: string;
  readonly digest: Digest;
  readonly lines: readonly ImportedLine[];
}

/** An output file with the request that each of its custom_ids speaks of. */
export interface ImportedOutput extends OutputFile {
  readonly requestOf: (custom: string) => ImportedRequest | undefined;
}

export interface Given {
  readonly inputs: readonly ImportedInput[];
  readonly outputs: readonly ImportedOutput[];
  readonly entries: readonly BatchEntry[];
  /** What could not be read, at most a line a file. */
  readonly notes: readonly string[];
}

/**
 * Reads the files, and what metadata files beside the inputs say. Settles whose answer each line is before anything is taken.
 * Problems: an input that is none, or between which inputs nothing decides, or which contradict each other.
 * @param named the files are in the order in which a person gave them
 */
export function readGiven(
  inputFiles: readonly string[],
  outputFiles: readonly string[],
  named: boolean,
): Result<Given, Problem> {
  const inputs = readInputs(inputFiles.filter((path) => !isSideFile(path)));
  if (!inputs.ok) return inputs;
  const metadata = [...new Set(inputFiles.map((path) => join(dirname(path), "batch_metadata.json")))].map(readMetadata);
  const entries = metadata.flatMap((read) => (read.ok ? read.value : []));
  const notes = metadata.flatMap((read) => (read.ok ? [] : [read.error]));
  const files = outputFiles.filter((path) => !isSideFile(path)).map((path) => readOutput(path, notes));
  const owners = new Map<string, ImportedInput[]>();
  for (const input of inputs.value)
    for (const custom of input.byCustom.keys()) owners.set(custom, [...(owners.get(custom) ?? []), input]);
  const outputs: ImportedOutput[] = [];
  for (const [nth, file] of files.entries()) {
    const byOrder = named && files.length === inputs.value.length ? inputs.value[nth] : undefined;
    const requestOf = pair(file, { inputs: inputs.value, owners, entries, byOrder });
    if (!requestOf.ok) return requestOf;
    outputs.push({ ...file, requestOf: requestOf.value });
  }
  return ok({ inputs: inputs.value, outputs, entries, notes });
}

/**
 * True for what dsgen writes beside request and output files (`.axes.jsonl`, `.sources.jsonl`): lines that speak of a
 * `request_id` and have no custom_id.
 */
function isSideFile(path: string): boolean {
  for (const { raw } of fileLines(path)) {
    const line = raw === null ? undefined : readJson(raw);
    return isJsonObject(line) && typeof line["request_id"] === "string" && line["custom_id"] === undefined;
  }
  return /\.(axes|sources)\.jsonl$/.test(basename(path));
}

/** Reads input files in the order given, in which identical requests are counted. */
function readInputs(paths: readonly string[]): Result<readonly ImportedInput[], Problem> {
  const samples = new Map<Fingerprint, number>();
  const inputs: ImportedInput[] = [];
  for (const path of paths) {
    const byCustom = new Map<string, ImportedRequest>();
    const lineOf = new Map<string, number>();
    for (const { raw, number, offset, length } of fileLines(path)) {
      if (raw?.trim() === "") continue;
      const wrong = (message: string, fix: string) =>
        err({ kind: "missing-input", where: `${path}:${number}`, message, fix } as const);
      const line = readJson(raw ?? "");
      const { custom_id: custom, url } = isJsonObject(line) ? line : {};
      const body = bodyOf(line);
      if (typeof custom !== "string" || !isEndpoint(url) || body === undefined) {
        return wrong(
          "expected a Batch API request ({custom_id, url, body with a model}), and found something else.",
          "Correct or remove the line; nothing was imported.",
        );
      }
      const before = lineOf.get(custom);
      if (before !== undefined) {
        return wrong(
          `the custom_id ${JSON.stringify(custom)} stands in line ${before} already: which of the two an answer belongs to cannot be told.`,
          "Give each request of a file a custom_id of its own, as the Batch API demands; nothing was imported.",
        );
      }
      lineOf.set(custom, number);
      const questionOf = (of: RequestBody) => fingerprintOf(`${url}\n${canonicalJson(of)}`);
      const question = questionOf(body);
      const sample = samples.get(question) ?? 0;
      samples.set(question, sample + 1);
      const id = requestId(url, body, sample);
      byCustom.set(custom, {
        id,
        custom,
        url,
        body: () => bodyAt({ path, offset, length }, (of) => questionOf(of) === question),
        question,
      });
    }
    inputs.push({ path, byCustom });
  }
  return ok(inputs);
}

function readOutput(path: string, notes: string[]): OutputFile {
  const lines: ImportedLine[] = [];
  const strange: number[] = [];
  for (const { raw, offset, length, number } of fileLines(path)) {
    if (raw?.trim() === "") continue;
    // The custom_id is a script's own: whose it is hangs on the file as well.
    const line = readOutputLine(raw ?? "", (custom) => custom);
    if (line.kind === "unreadable" || line.kind === "foreign") {
      strange.push(number);
      continue;
    }
    const answer = line.kind === "answer" ? line.answer : undefined;
    const failure = line.kind !== "answer" && line.code === "dsgen_pending" ? "pending" : "failed";
    const kind = answer === undefined ? failure : answer.simulated ? "simulated" : "answer";
    lines.push({ custom: line.customId, kind, mark: answerMark(raw ?? ""), offset, length });
  }
  if (strange.length > 0) {
    const count = strange.length === 1 ? "1 line is" : `${strange.length} lines are`;
    notes.push(`${path}: ${count} not Batch API output (the first: line ${strange[0]}); left out`);
  }
  return { path, digest: digestOf(readFileSync(path)), lines };
}

/** What one answer says, whatever custom_id stands on its line. */
export function answerMark(raw: string): Fingerprint {
  const line = readJson(raw);
  return fingerprintOfJson(isJsonObject(line) ? (line["response"] ?? null) : null);
}

/** Reads a metadata file; no such file is no entry. The error says why it cannot be read. */
function readMetadata(path: string): Result<readonly BatchEntry[], string> {
  if (!existsSync(path)) return ok([]);
  const unread = (why: string) => err(`${path}: ${why}; nothing is known of its batches, and none was adopted`);
  try {
    const value: JsonValue = JSON.parse(readFileSync(path, "utf8"));
    if (!Array.isArray(value)) return unread("expected a list of batches, and found another value");
    return ok(value.filter(isJsonObject).map(entryOf));
  } catch (error) {
    return unread(`not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
}

/** What `batch_metadata.json` says of one batch. Scripts write less of it than dsgen does; null is what it does not say. */
export type BatchEntry = ReturnType<typeof entryOf>;

function entryOf(entry: JsonObject) {
  const text = (key: string): string | null => {
    const value = entry[key];
    return typeof value === "string" && value !== "" ? value : null;
  };
  const [batchId, batchFile, status] = [text("batch_id"), text("batch_file"), text("status")];
  const files = [text("output_file_id"), text("error_file_id")].filter((id) => id !== null);
  const created = entry["created_at"];
  const texts = Object.values(entry).filter((value) => typeof value === "string");
  return {
    batchId,
    /** The input file, as written there: a path from wherever the script was run. */
    batchFile,
    status,
    /** A status that says how the batch ended, and no file with a line of output or error. */
    endedWithoutFiles: status === "failed" && files.length === 0,
    /** dsgen says so of what its simulator answers. */
    simulated: entry["simulated"] === true,
    /** Seconds since the epoch. */
    createdAt: typeof created === "number" ? created : null,
    /** What an output file's name may hold to be known as this batch's: its ids, and the paths the entry itself names. */
    ids: batchId === null ? files : [batchId, ...files],
    paths: texts.filter((value) => value !== batchFile && value.endsWith(".jsonl")),
  };
}

/**
 * The requests that an output file answers: by what the metadata says; else, for custom_ids that are in one input only, by
 * these; else the nth with the nth as a person has named them, or by the names that dsgen's layout gives them.
 */
function pair(
  { path, lines }: OutputFile,
  from: {
    readonly inputs: readonly ImportedInput[];
    /** The inputs that have a custom_id. */
    readonly owners: ReadonlyMap<string, readonly ImportedInput[]>;
    readonly entries: readonly BatchEntry[];
    readonly byOrder: ImportedInput | undefined;
  },
): Result<ImportedOutput["requestOf"], Problem> {
  const { inputs, entries, byOrder } = from;
  const ownersOf = (custom: string) => from.owners.get(custom) ?? [];
  const undecided = (between: readonly ImportedInput[], why: string) =>
    err({
      kind: "missing-input",
      where: path,
      message: `it may answer ${between
        .slice(0, 2)
        .map((input) => input.path)
        .join(" or ")}: ${why}`,
      fix: "Import one pair at a time, or name inputs and outputs in the same order (--input A --output X --input B --output Y), or put a batch_metadata.json beside the inputs whose batch_file and output_file_id say it. Nothing was imported.",
    } as const);
  const told = entriesOf(path, entries);
  if (told.length > 0) {
    const partners = [...new Set(told.flatMap((entry) => inputsOf(entry, inputs)))];
    if (partners.length > 1) return undecided(partners, "batch_metadata.json fits both.");
    return ok((custom) => partners[0]?.byCustom.get(custom));
  }
  const customs = lines.map(({ custom }) => custom);
  const shared = customs.find((custom) => ownersOf(custom).length > 1);
  if (shared === undefined) return ok((custom) => ownersOf(custom)[0]?.byCustom.get(custom));
  const byName = inputOfSameBatch(path, inputs);
  if (byOrder !== undefined && byName !== undefined && byOrder !== byName)
    return undecided([byOrder, byName], "the order says the first, the names say the second.");
  const partner = byOrder ?? byName;
  if (partner === undefined) {
    const id = JSON.stringify(shared);
    const why = `the custom_id ${id} is in both, and nothing says which of them the file answers.`;
    return undecided(ownersOf(shared), why);
  }
  const stray = customs.find((custom) => !partner.byCustom.has(custom) && ownersOf(custom).length > 0);
  if (stray !== undefined) {
    const id = JSON.stringify(stray);
    const why = `the custom_id ${id} is not in the first, which it was paired with, but in the second.`;
    return undecided([partner, ...ownersOf(stray)], why);
  }
  return ok((custom) => partner.byCustom.get(custom));
}

/** The input files that an entry's `batch_file` may name: the longest tail of the path decides, at least the file's name. */
export function inputsOf(
  { batchFile }: Pick<BatchEntry, "batchFile">,
  inputs: readonly ImportedInput[],
): readonly ImportedInput[] {
  const shared = inputs.map(({ path }) => (batchFile === null ? 0 : sharedTail(batchFile, path)));
  const best = Math.max(0, ...shared);
  return best === 0 ? [] : inputs.filter((_, i) => shared[i] === best);
}

/** The entries that speak of an output file: its name holds one of their ids, or they name its path (the longest tail). */
function entriesOf(output: string, entries: readonly BatchEntry[]): readonly BatchEntry[] {
  const tails = entries.map(({ paths }) => Math.max(0, ...paths.map((path) => sharedTail(path, output))));
  const best = Math.max(0, ...tails);
  return entries.filter(
    ({ ids }, i) => (best > 0 && tails[i] === best) || ids.some((id) => holdsWhole(basename(output), id)),
  );
}

/** True when a name holds an id that is not the beginning or the end of a longer one. */
function holdsWhole(name: string, id: string): boolean {
  for (let at = name.indexOf(id); at !== -1; at = name.indexOf(id, at + 1)) {
    if (!/[A-Za-z0-9]/.test(`${name[at - 1] ?? ""}${name[at + id.length] ?? ""}`)) return true;
  }
  return false;
}

/** `output_batch3.jsonl` is made from `request_batch3.jsonl`; no other name says anything. */
function inputOfSameBatch(output: string, inputs: readonly ImportedInput[]): ImportedInput | undefined {
  const number = /^(?:output|error)_batch(\d+)\.jsonl$/.exec(basename(output))?.[1];
  if (number === undefined) return undefined;
  const named = inputs.filter(({ path }) => basename(path) === `request_batch${number}.jsonl`);
  return named.length === 1 ? named[0] : undefined;
}

/** How many parts, from the end, two paths have in common; scripts on Windows write the other slash. */
function sharedTail(a: string, b: string): number {
  const [these, those] = [a, b].map((path) => path.split(/[\\/]/).filter((part) => part !== "" && part !== "."));
  let shared = 0;
  while (these?.at(-1 - shared) !== undefined && these.at(-1 - shared) === those?.at(-1 - shared)) shared++;
  return shared;
}
